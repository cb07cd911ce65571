"""Connected components of a graph given as arrays of edges. What the edges are is said in `families`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


def components(n: int, a: Rows, b: Rows) -> Rows:
    """For each of n nodes the smallest node of its component, by hooking and pointer jumping (Shiloach, Vishkin 1982).

    Every round hooks each root to the smallest root it has an edge to and flattens the trees; rounds are logarithmic.
    """
    root = np.arange(n, dtype=np.int64)
    while len(a):
        root_a, root_b = root[a], root[b]
        is_open = root_a != root_b
        if not is_open.any():
            break
        a, b, root_a, root_b = a[is_open], b[is_open], root_a[is_open], root_b[is_open]
        np.minimum.at(root, np.maximum(root_a, root_b), np.minimum(root_a, root_b))
        while not np.array_equal(root, above := root[root]):
            root = above
    return root


def bounded_components(n: int, a: Rows, b: Rows, score: Scores, *, largest: int, step: float, firm: float) -> Rows:
    """Connected components, those of more than `largest` nodes cut at ever higher scores until they are small enough.

    In every round a component that is too large loses its edges below a floor, which rises by `step` up to `firm`.
    Edges of `firm` or more are never cut: what they hold together is one component, whatever its size.
    """
    floor = float(score.min(initial=firm))
    root = components(n, a, b)
    while floor < firm and (is_large := np.bincount(root, minlength=n)[root] > largest).any():
        floor = min(floor + step, firm)
        is_kept = ~is_large[a] | (score >= floor)
        a, b, score = a[is_kept], b[is_kept], score[is_kept]
        root = components(n, a, b)
    return root
