"""Near vectors are joined exactly by one product, and as well by searching the store; never across scopes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stemma.config import Settings
from stemma.match import neighbours
from stemma.match.neighbours import is_product_cheaper, near_pairs, nearest
from stemma.store.vectors import open_vectors


class Small:
    name = "small-1"
    dimensions = 8


def unit(n: int, seed: int = 0) -> np.ndarray:
    matrix = np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def as_set(found: tuple[np.ndarray, np.ndarray]) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in zip(found[0].tolist(), found[1].tolist(), strict=True)}


@pytest.mark.parametrize("n_new", [0, 1, 40, 100])
def test_the_nearest_are_those_of_all_cosines(n_new: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    matrix = unit(100)
    cosines = matrix @ matrix.T
    met = {(a, b) for a in range(100) for b in range(a + 1, 100) if a < n_new and cosines[a, b] >= 0.3}
    ranked = {
        row: sorted((pair for pair in met if row in pair), key=lambda pair: -cosines[pair])[:3] for row in range(100)
    }
    assert as_set(nearest(matrix, n_new, k=3, min_cosine=0.3)) == {pair for best in ranked.values() for pair in best}


def test_a_crowd_of_equal_vectors_is_bounded() -> None:
    matrix = np.repeat(unit(1), 2_000, axis=0)
    a, _ = nearest(matrix, 2_000, k=3, min_cosine=0.5)
    assert len(a) <= 2 * 3 * 2_000


def test_both_ways_find_the_same_inside_a_scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"{n:032x}" for n in range(60)]
    live = pl.DataFrame(
        {
            "pattern_id": ids,
            "language": ["python"] * 40 + ["go"] * 20,
            "kind": ["function"] * 20 + ["class"] * 10 + ["method"] * 30,
        }
    )
    is_new = np.arange(60) % 3 != 0
    matrix = unit(60)
    matrix[::10] = 0  # no vector
    stored = np.flatnonzero(matrix.any(axis=1))
    with open_vectors(Settings(data_dir=tmp_path), Small()) as vectors:
        payload = live[stored].with_columns(n_tokens=pl.lit(50)).select("language", "kind", "n_tokens")
        vectors.upsert([ids[row] for row in stored], matrix[stored], payload)
        vectors.flush()
        monkeypatch.setattr(neighbours, "NEIGHBOURS", 60)
        monkeypatch.setattr(neighbours, "is_product_cheaper", lambda *_: True)
        multiplied = as_set(near_pairs(vectors, live, is_new))
        monkeypatch.setattr(neighbours, "is_product_cheaper", lambda *_: False)
        assert as_set(near_pairs(vectors, live, is_new)) == multiplied
    scopes = ["p" if n < 20 or 30 <= n < 40 else "c" if n < 30 else "g" for n in range(60)]
    cosines = matrix @ matrix.T
    assert multiplied == {
        (a, b)
        for a in range(60)
        for b in range(a + 1, 60)
        if scopes[a] == scopes[b] and (is_new[a] or is_new[b]) and cosines[a, b] >= neighbours.MIN_COSINE
    }


def test_a_product_is_for_many_new_patterns_and_not_beyond_the_memory() -> None:
    assert is_product_cheaper(20_000, 20_000, 256)
    assert not is_product_cheaper(300_000, 50, 256)
    assert not is_product_cheaper(200_000, 200_000, 256)
    assert not is_product_cheaper(50_000, 50_000, 100_000)
