"""Whether the names of one definition stand, one for one, where those of another do: what a copy with new names keeps.

Two functions of one outline have other names each time; of a copy whose names were changed each keeps its place. Which
pairs are asked, and what the answer is worth, is said in `evidence` and `calibration`; how texts are read, in `tokens`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import LCSseq

from stemma.match.scores import Codes, Contents, Rows, Scores
from stemma.match.tokens import NAME, read

PAIRS = 500
"""Whose texts are read at once."""
KEPT_TOKENS = 1_000_000
"""Of texts that were read, so many tokens are kept: some 100 MB, of 7,000 functions."""
_FIRST_CODE, _N_CODES = 0xE000, 100_000
"""Characters for the shapes of tokens, beyond the surrogates. Hostile code has more shapes: some then share one."""


@dataclass(frozen=True)
class Outline:
    """A definition without its names, a character a token, and the name at each place, "" where there is none."""

    shape: str
    names: tuple[str, ...]


class Outlines:
    """Outlines by row; the texts of rows that were not read yet are asked for together."""

    def __init__(self, codes: Codes) -> None:
        self._read_codes = codes
        self._characters: dict[str, str] = {}
        self._kept: dict[int, Outline] = {}
        self._n_tokens = 0

    def of(self, rows: Rows) -> dict[int, Outline]:
        if self._n_tokens > KEPT_TOKENS:
            self._kept, self._n_tokens = {}, 0
        missing = [row for row in rows.tolist() if row not in self._kept]
        texts = self._read_codes(np.array(missing, np.int64)) if missing else []
        for row, text in zip(missing, texts, strict=True):
            self._kept[row] = found = self.outline(*text)
            self._n_tokens += len(found.names)
        return self._kept

    def outline(self, code: str, language: str) -> Outline:
        tokens = read(code, language).tokens
        return Outline(
            "".join(self._character(token.shape) for token in tokens),
            tuple(token.text if token.kind == NAME else "" for token in tokens),
        )

    def _character(self, shape: str) -> str:
        return self._characters.setdefault(shape, chr(_FIRST_CODE + len(self._characters) % _N_CODES))


def consistencies(contents: Contents, a: Rows, b: Rows) -> Scores:
    """`consistency` of each pair of rows, NaN where nothing tells or there are no texts.

    A text takes some 0.3 ms to read, a pair 0.03 ms.
    """
    found = np.full(len(a), np.nan, np.float32)
    if contents.codes is None:
        return found
    outlines = Outlines(contents.codes)
    for start in range(0, len(a), PAIRS):
        one, other = a[start : start + PAIRS], b[start : start + PAIRS]
        known = outlines.of(np.unique(np.concatenate([one, other])))
        for pair, (i, j) in enumerate(zip(one.tolist(), other.tolist(), strict=True), start):
            share = consistency(known[i], known[j])
            if share is not None:
                found[pair] = share
    return found


def consistency(a: Outline, b: Outline) -> float | None:
    """Of the places where a name is used again, the share that agrees with one name of B for each name of A.

    The names that stand beside each other in a longest common subsequence are paired, the most frequent pairs first, no
    name twice (the bijection of Baker's parameterised match, 1993, less strictly: what disagrees is counted). The first
    place of each pair says nothing, for it makes the pair. None where no name is used twice.
    """
    counts = Counter(_beside(a, b))
    of_a, of_b = set[str](), set[str]()
    n_again = n_against = 0
    for (one, other), times in counts.most_common():
        if one in of_a or other in of_b:
            n_against += times
        else:
            of_a.add(one)
            of_b.add(other)
            n_again += times - 1
    return n_again / (n_again + n_against) if n_again + n_against else None


def _beside(a: Outline, b: Outline) -> Iterator[tuple[str, str]]:
    for block in LCSseq.editops(a.shape, b.shape).as_matching_blocks():
        names = zip(a.names[block.a : block.a + block.size], b.names[block.b : block.b + block.size], strict=True)
        yield from (pair for pair in names if pair[0])
