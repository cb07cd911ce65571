"""Whether the names of one definition stand, one for one, where those of another do: what a copy with new names keeps.

Two functions of one outline have other names each time; of a copy whose names were changed each keeps its place. Which
pairs are asked, and what the answer is worth, is said in `evidence` and `calibration`; how tokens are laid side by side
in `alignment`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from stemma.match.alignment import align
from stemma.match.scores import Contents, Rows, Scores
from stemma.match.tokens import NAME, Text, read

PAIRS = 2_000
"""Whose texts are read at once."""


def consistencies(contents: Contents, a: Rows, b: Rows) -> Scores:
    """`consistency` of each pair of rows, NaN where nothing tells or there are no texts; some 0.7 ms of a pair."""
    found = np.full(len(a), np.nan, np.float32)
    if contents.codes is None:
        return found
    for start in range(0, len(a), PAIRS):
        part = slice(start, start + PAIRS)
        rows, at = np.unique(np.concatenate([a[part], b[part]]), return_inverse=True)
        codes = contents.codes(rows)
        n = len(at) // 2
        for pair, (one, other) in enumerate(zip(at[:n].tolist(), at[n:].tolist(), strict=True), start):
            share = consistency(read(*codes[one]), read(*codes[other]))
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
