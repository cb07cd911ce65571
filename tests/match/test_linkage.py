"""Average linkage over a sparse graph joins what SciPy joins over the whole matrix, and never chains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from stemma.match.linkage import Edges, average_linkage

N = 12
PAIRS = [(a, b) for a in range(N) for b in range(a + 1, N)]
SCORES = st.dictionaries(st.sampled_from(PAIRS), st.floats(0.5, 1), max_size=len(PAIRS))
KEYS = np.random.default_rng(0).integers(0, 2**63, 100_000).astype(np.uint64)


def edges(scores: dict[tuple[int, int], float]) -> Edges:
    a, b = (np.array([pair[end] for pair in scores], np.int64) for end in (0, 1))
    return Edges(a, b, np.array(list(scores.values()), np.float64))


def clusters(scores: dict[tuple[int, int], float], n: int, least: float) -> list[int]:
    return average_linkage(edges(scores), KEYS[:n], least=least).tolist()


def test_a_chain_is_no_cluster() -> None:
    """c is joined to a and b only if it is, on the mean of both, near enough: (0 + 0.8) / 2 is not."""
    assert clusters({(0, 1): 0.9, (1, 2): 0.8}, 3, least=0.5) == [0, 0, 2]
    assert clusters({(0, 1): 0.9, (1, 2): 0.8}, 3, least=0.4) == [0, 0, 0]


def test_the_nearest_are_joined_first() -> None:
    """b goes with c, which leaves a with (0.7 + 0) / 2."""
    assert clusters({(0, 1): 0.7, (1, 2): 0.9}, 3, least=0.5) == [0, 1, 1]


def test_two_groups_with_one_match_between_them_stay_two() -> None:
    one, other = [(0, 1), (0, 2), (1, 2)], [(3, 4), (3, 5), (4, 5)]
    assert clusters(dict.fromkeys([*one, *other, (2, 3)], 0.9), 6, least=0.5) == [0, 0, 0, 3, 3, 3]


def test_nothing_is_joined_without_edges() -> None:
    assert clusters({}, 3, least=0.5) == [0, 1, 2]
    assert clusters({}, 0, least=0.5) == []


@given(SCORES, st.sampled_from([0.35, 0.5, 0.7]))
def test_the_mean_of_all_pairs_of_a_cluster_is_never_below_the_bound(
    scores: dict[tuple[int, int], float], least: float
) -> None:
    root = np.array(clusters(scores, N, least))
    for cluster in set(root.tolist()):
        members = np.flatnonzero(root == cluster)
        pairs = [(int(a), int(b)) for a in members for b in members if a < b]
        assert not pairs or np.mean([scores.get(pair, 0) for pair in pairs]) >= least - 1e-6


@given(SCORES)
def test_no_two_clusters_are_left_that_ought_to_be_joined(scores: dict[tuple[int, int], float]) -> None:
    root = np.array(clusters(scores, N, 0.5))
    for one in set(root.tolist()):
        for other in set(root.tolist()) - {one}:
            between = [
                (min(a, b), max(a, b)) for a in np.flatnonzero(root == one) for b in np.flatnonzero(root == other)
            ]
            assert np.mean([scores.get(pair, 0) for pair in between]) < 0.5


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_clustering_of_scipy(seed: int) -> None:
    """Up to ties, of which the scores drawn here have none."""
    random = np.random.default_rng(seed)
    matrix = np.triu(random.random((8, 8)) * (random.random((8, 8)) < 0.7), 1)
    scores = {(int(a), int(b)): float(matrix[a, b]) for a, b in np.argwhere(matrix)}
    distance = 1 - matrix - matrix.T
    np.fill_diagonal(distance, 0)
    expected = fcluster(linkage(squareform(distance), "average"), 1 - 0.35, "distance")
    found = np.array(clusters(scores, 8, 0.35))
    assert ((found[:, None] == found) == (expected[:, None] == expected)).all()


def test_equal_scores_are_told_apart_by_content_and_not_by_row() -> None:
    """Of a ring of equal matches the same pairs are joined when patterns that came meanwhile stand between its rows."""
    n = 50
    ring = [tuple(sorted((i, (i + 1) % n))) for i in range(n)]
    keys = KEYS[: 3 * n].copy()
    alone = average_linkage(edges(dict.fromkeys(ring, 0.8)), keys[::3], least=0.5)
    among = average_linkage(edges({(3 * a, 3 * b): 0.8 for a, b in ring}), keys, least=0.5)[::3] // 3
    assert among.tolist() == alone.tolist()
    assert 1 < len(set(alone.tolist())) < n


def test_a_long_chain_of_rising_scores_takes_no_time() -> None:
    """One join a round would be 100,000 rounds over 100,000 nodes, a quarter of an hour."""
    n = len(KEYS)
    chain = Edges(np.arange(n - 1), np.arange(1, n), np.linspace(0.5, 1, n - 1))
    assert len(set(average_linkage(chain, KEYS, least=0.5).tolist())) < n * 0.8
