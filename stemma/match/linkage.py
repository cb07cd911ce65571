"""Average-linkage clustering of a graph given as arrays of scored edges. What the edges are is said in `families`.

Nothing here knows patterns: nodes are rows, and a pair without an edge scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]

_DECIMALS = 3
"""Means that agree to so many are equal: a chain of 20,000 scores, each a little higher than the last, takes 0.01 s
and not 20, for then only one pair a round is each other's nearest."""
_ROUNDING = 1e-9  # sums differ by their order
_ODD = np.uint64(0x9E3779B97F4A7C15)  # makes a hash of a sum


@dataclass(frozen=True)
class Edges:
    """Scored pairs of nodes, each unordered pair at most once. Between clusters: the total of the scores."""

    a: Rows
    b: Rows
    score: Scores

    def where(self, is_kept: Flags) -> Edges:
        return Edges(self.a[is_kept], self.b[is_kept], self.score[is_kept])


def average_linkage(edges: Edges, keys: Keys, *, least: float) -> Rows:
    """For each of the `len(keys)` nodes the smallest node of its cluster.

    The two clusters with the highest mean score of the pairs between them are joined, for as long as that mean is at
    least `least`; a pair without an edge counts 0. So the mean over all pairs of a cluster is at least `least` too:
    each pair lay between two clusters that were joined, once.

    All clusters that are each other's nearest are joined in one round, which gives the same clusters as one join after
    another (average linkage is reducible: Bruynooghe 1977; in rounds over a sparse graph: Sumengen et al. 2021).
    Between means that are equal (to 0.001) the nodes' `keys` decide, so rows numbered anew come to the same clusters.

    Args:
        edges: of positive score.
        keys: a hash of each node's content: as good as random, which keeps the rounds few where many means are equal.
    """
    n = len(keys)
    root = np.arange(n, dtype=np.int64)
    size = np.ones(n, dtype=np.float64)
    edges = _merged(edges, n)
    while True:
        mean = edges.score / (size[edges.a] * size[edges.b])
        is_open = mean >= least - _ROUNDING
        if not is_open.any():
            return _flat(root)
        near = edges.where(is_open)
        joined = near.where(_is_mutual(near, mean[is_open], keys))
        # The mean to a join is no higher than to one of its parts: what has no open edge will never have one.
        can_join = np.zeros(n, np.bool_)
        can_join[near.a] = can_join[near.b] = True
        edges = edges.where(can_join[edges.a] & can_join[edges.b])
        root[joined.b] = joined.a
        size[joined.a] += size[joined.b]
        edges = _merged(Edges(root[edges.a], root[edges.b], edges.score), n)


def _is_mutual(edges: Edges, mean: Scores, keys: Keys) -> Flags:
    """Which edges are the best of both their ends; the best of all always is."""
    level = np.round(mean, _DECIMALS)
    tie = (keys[edges.a] + keys[edges.b]) * _ODD
    order = np.lexsort((edges.b, edges.a, tie, level))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    best = np.full(len(keys), -1, np.int64)
    np.maximum.at(best, edges.a, rank)
    np.maximum.at(best, edges.b, rank)
    is_mutual: Flags = (best[edges.a] == rank) & (best[edges.b] == rank)
    return is_mutual


def _merged(edges: Edges, n: int) -> Edges:
    """One edge a < b for each pair of clusters, of all that now lead between them; those within a cluster are gone."""
    edges = edges.where(edges.a != edges.b)
    pairs = np.minimum(edges.a, edges.b) * n + np.maximum(edges.a, edges.b)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    a, b = np.divmod(pairs[starts], max(n, 1))
    return Edges(a, b, np.add.reduceat(edges.score[order], starts) if len(starts) else edges.score)


def _flat(root: Rows) -> Rows:
    while not np.array_equal(root, above := root[root]):
        root = above
    return root
