"""Average-linkage clustering of a graph given as arrays of scored edges. What the edges are is said in `families`.

Nothing here knows patterns: nodes are rows, and a pair without an edge scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Keys = NDArray[np.uint64]

_DECIMALS = 3
"""Means that agree to so many are equal: a chain of 20,000 scores, each a little higher than the last, takes 0.01 s
and not 20, for then only one pair a round is each other's nearest."""
_ROUNDING = 1e-9  # sums differ by their order
_ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class _Edges:
    """Edges between clusters, each named by its smallest node, lower < upper; total of the scores of their pairs."""

    lower: Rows
    upper: Rows
    total: Scores

    def where(self, is_kept: NDArray[np.bool_]) -> _Edges:
        return _Edges(self.lower[is_kept], self.upper[is_kept], self.total[is_kept])


def average_linkage(a: Rows, b: Rows, score: NDArray[Any], keys: Keys, *, least: float) -> Rows:
    """For each of the `len(keys)` nodes the smallest node of its cluster.

    The two clusters with the highest mean score of the pairs between them are joined, for as long as that mean is at
    least `least`; a pair without an edge counts 0. So the mean over all pairs of a cluster is at least `least` too:
    each pair lay between two clusters that were joined, once.

    All clusters that are each other's nearest are joined in one round, which gives the same clusters as one join after
    another (average linkage is reducible: Bruynooghe 1977; in rounds over a sparse graph: Sumengen et al. 2021).
    Between means that are equal (to 0.001) the nodes' `keys` decide, so rows numbered anew come to the same clusters.

    Args:
        a, b: ends of the edges, each unordered pair at most once and never a node with itself.
        score: of each edge, positive.
        keys: a hash of each node's content: as good as random, which keeps the rounds few where many means are equal.
    """
    n = len(keys)
    root = np.arange(n, dtype=np.int64)
    size = np.ones(n, dtype=np.float64)
    edges = _merged(np.minimum(a, b), np.maximum(a, b), score.astype(np.float64), n)
    while True:
        mean = edges.total / (size[edges.lower] * size[edges.upper])
        is_open = mean >= least - _ROUNDING
        if not is_open.any():
            return _flat(root)
        near = edges.where(is_open)
        joined = near.where(_is_mutual(near, mean[is_open], keys))
        # The mean to a join is no higher than to one of its parts: what has no open edge will never have one.
        can_join = np.zeros(n, np.bool_)
        can_join[near.lower] = can_join[near.upper] = True
        edges = edges.where(can_join[edges.lower] & can_join[edges.upper])
        root[joined.upper] = joined.lower
        size[joined.lower] += size[joined.upper]
        edges = _merged(root[edges.lower], root[edges.upper], edges.total, n)


def _is_mutual(edges: _Edges, mean: Scores, keys: Keys) -> NDArray[np.bool_]:
    """Which edges are the best of both their ends; the best of all always is."""
    level = np.round(mean, _DECIMALS)
    tie = (keys[edges.lower] ^ keys[edges.upper] * _ODD[0]) * _ODD[1]
    order = np.lexsort((edges.upper, edges.lower, tie, level))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    best = np.full(len(keys), -1, np.int64)
    np.maximum.at(best, edges.lower, rank)
    np.maximum.at(best, edges.upper, rank)
    is_mutual: NDArray[np.bool_] = (best[edges.lower] == rank) & (best[edges.upper] == rank)
    return is_mutual


def _merged(one: Rows, other: Rows, total: Scores, n: int) -> _Edges:
    """One edge for each pair of clusters, of all that now lead between them; those within a cluster are gone."""
    is_between = one != other
    one, other, total = one[is_between], other[is_between], total[is_between]
    pairs = np.minimum(one, other) * n + np.maximum(one, other)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    lower, upper = np.divmod(pairs[starts], max(n, 1))
    return _Edges(lower, upper, np.add.reduceat(total[order], starts) if len(starts) else total)


def _flat(root: Rows) -> Rows:
    while not np.array_equal(root, above := root[root]):
        root = above
    return root
