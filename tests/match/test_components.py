"""Connected components, and how too large ones are cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemma.match.components import bounded_components, components

EDGES = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


def arrays(edges: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([a for a, _ in edges], np.int64), np.array([b for _, b in edges], np.int64)


def cut(n: int, edges: list[tuple[int, int, float]], largest: int) -> list[int]:
    a, b = arrays([(a, b) for a, b, _ in edges])
    score = np.array([score for *_, score in edges], np.float32)
    return bounded_components(n, a, b, score, largest=largest, step=0.1, firm=0.9).tolist()


def test_a_component_is_named_by_its_smallest_node() -> None:
    assert components(7, *arrays([(5, 4), (4, 1), (3, 6)])).tolist() == [0, 1, 2, 3, 1, 1, 3]


@given(EDGES)
def test_nodes_are_together_exactly_when_a_path_joins_them(edges: list[tuple[int, int]]) -> None:
    expected = list(range(20))
    for _ in range(20):
        for a, b in edges:
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert components(20, *arrays(edges)).tolist() == expected


def test_a_chain_is_cut_at_its_weakest_link_only_when_it_is_too_large() -> None:
    chain = [(0, 1, 0.85), (1, 2, 0.65), (2, 3, 0.85)]
    assert cut(4, chain, largest=4) == [0, 0, 0, 0]
    assert cut(4, chain, largest=3) == [0, 0, 2, 2]


def test_near_copies_are_never_cut_however_many() -> None:
    assert cut(5, [(0, 1, 0.95), (1, 2, 0.95), (2, 3, 0.95), (3, 4, 0.6)], largest=2) == [0, 0, 0, 0, 4]


def test_a_small_component_keeps_its_weak_links_beside_a_large_one() -> None:
    assert cut(5, [(0, 1, 0.6), (1, 2, 0.6), (3, 4, 0.6)], largest=2) == [0, 1, 2, 3, 3]
