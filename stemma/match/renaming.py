"""Whether the names of one definition stand, one for one, where those of another do: what a copy with new names keeps.

Two functions of one outline have other names each time; of a copy whose names were changed each keeps its place. Which
pairs are asked, and what the answer is worth, is said in `evidence` and `calibration`; how tokens are laid side by
side in `alignment`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from stemma.match.alignment import align
from stemma.match.scores import Codes, Contents, Rows, Scores
from stemma.match.tokens import NAME, Text, read

PAIRS = 500
"""Whose texts are read at once."""
KEPT_TOKENS = 300_000
"""Of texts that were read, so many tokens are kept: some 60 MB, of 2,000 functions."""


class Texts:
    """Texts by row, in tokens; those of rows that were not read yet are asked for together."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._kept: dict[int, Text] = {}
        self._n_tokens = 0

    def of(self, rows: Rows) -> dict[int, Text]:
        if self._n_tokens > KEPT_TOKENS:
            self._kept, self._n_tokens = {}, 0
        missing = [row for row in rows.tolist() if row not in self._kept]
        codes = self._codes(np.array(missing, np.int64)) if missing else []
        for row, code in zip(missing, codes, strict=True):
            self._kept[row] = found = read(*code)
            self._n_tokens += len(found.tokens)
        return self._kept


def consistencies(contents: Contents, a: Rows, b: Rows) -> Scores:
    """`consistency` of each pair of rows, NaN where nothing tells or there are no texts.

    A text takes some 0.5 ms to read, and a pair as much.
    """
    found = np.full(len(a), np.nan, np.float32)
    if contents.codes is None:
        return found
    texts = Texts(contents.codes)
    for start in range(0, len(a), PAIRS):
        one, other = a[start : start + PAIRS], b[start : start + PAIRS]
        known = texts.of(np.unique(np.concatenate([one, other])))
        for pair, (i, j) in enumerate(zip(one.tolist(), other.tolist(), strict=True), start):
            share = consistency(known[i], known[j])
            if share is not None:
                found[pair] = share
    return found


def consistency(a: Text, b: Text) -> float | None:
    """Of the places where a name is used again, the share that agrees with one name of B for each name of A.

    The names that stand beside each other are paired, the most frequent pairs first, no name twice (the bijection of
    Baker's parameterised match, 1993, less strictly: what disagrees is counted). The first place of each pair says
    nothing, for it makes the pair. None where no name is used twice.
    """
    beside = ((a.tokens[i], b.tokens[j]) for i, j in align(a, b))
    counts = Counter((one.text, other.text) for one, other in beside if one.kind == NAME == other.kind)
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
