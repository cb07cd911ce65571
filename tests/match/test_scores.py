"""The components of a score and their mean, against values computed by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.match import scores
from stemma.match.scores import combine, cosine, jaccard, sets_of, size_ratio

INTEGERS = st.lists(st.sets(st.integers(-(2**31), 2**31 - 1), max_size=12), min_size=1, max_size=8)


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def test_jaccard_counts_common_over_all() -> None:
    sets = sets_of(pl.Series([[1, 2, 3, 4], [3, 4, 5], [-7, 9]], dtype=pl.List(pl.Int32)))
    assert jaccard(sets, rows(0, 1, 0), rows(1, 0, 2)).tolist() == pytest.approx([2 / 5, 2 / 5, 0])


def test_two_empty_sets_are_not_similar_but_unknown() -> None:
    sets = sets_of(pl.Series([[], None, [1]], dtype=pl.List(pl.Int32)))
    assert np.isnan(jaccard(sets, rows(0, 0, 1), rows(1, 2, 2))).all()


def test_words_are_compared_as_words() -> None:
    sets = sets_of(pl.Series([["file", "open"], ["open"], ["été", "file", "open"]]))
    assert jaccard(sets, rows(0, 0), rows(1, 2)).tolist() == pytest.approx([1 / 2, 2 / 3])


@given(INTEGERS)
def test_jaccard_equals_that_of_python_sets_in_chunks_of_any_size(families: list[set[int]]) -> None:
    sets = sets_of(pl.Series([list(family) for family in families], dtype=pl.List(pl.Int32)))
    a, b = (grid.ravel() for grid in np.meshgrid(np.arange(len(families)), np.arange(len(families))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "LOOKUPS", 5)
        found = jaccard(sets, a.astype(np.int64), b.astype(np.int64))
    for i, j, value in zip(a, b, found, strict=True):
        x, y = families[i], families[j]
        assert value == pytest.approx(len(x & y) / len(x | y), abs=1e-6) if x and y else np.isnan(value)


def test_opposite_vectors_are_not_similar_and_a_missing_one_is_unknown() -> None:
    matrix = np.array([[0.6, 0.8], [1, 0], [-1, 0], [0, 0]], np.float32)
    has_vector = np.array([True, True, True, False])
    assert cosine(matrix, has_vector, rows(0, 1), rows(1, 2)).tolist() == pytest.approx([0.6, 0])
    assert np.isnan(cosine(matrix, has_vector, rows(0), rows(3))).all()


def test_the_score_is_the_weighted_mean_of_what_is_known() -> None:
    nan = np.nan
    components = {
        "structural": np.array([0.5, 0.5, nan, nan]),
        "lexical": np.array([1.0, 1.0, 0.25, nan]),
        "semantic": np.array([0.8, nan, nan, nan]),
    }
    found = combine(components)
    assert found[:3].tolist() == pytest.approx([0.7 * 0.5 + 0.1 + 0.2 * 0.8, (0.35 + 0.1) / 0.8, 0.25])
    assert np.isnan(found[3])


def test_no_two_sets_are_more_alike_than_their_sizes() -> None:
    found = size_ratio(rows(10, 4, 0), rows(0, 1, 0), rows(1, 0, 2))
    assert found[:2].tolist() == pytest.approx([0.4, 0.4])
    assert np.isnan(found[2])
