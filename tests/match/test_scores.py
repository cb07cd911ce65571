"""The components of a score and their mean, against values computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.match import scores
from stemma.match.scores import (
    Contents,
    aligned,
    combine,
    contents_of,
    cosine,
    jaccard,
    length_ratio,
    sets_of,
    size_ratio,
)

INTEGERS = st.lists(st.sets(st.integers(-(2**31), 2**31 - 1), max_size=12), min_size=1, max_size=8)
SEQUENCES = st.lists(st.text("()+=ab\u3400\u9fff", max_size=20), min_size=1, max_size=6)
WEIGHTS = {"structural": 0.5, "fingerprint": 0.2, "lexical": 0.1, "semantic": 0.2}


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def of(structures: Sequence[str | None], matrix: np.ndarray | None = None) -> Contents:
    empty = [[]] * len(structures)
    schema = {"structure": pl.String(), "shingles": pl.List(pl.Int32()), "sub_tokens": pl.List(pl.String())}
    frame = pl.DataFrame({"structure": list(structures), "shingles": empty, "sub_tokens": empty}, schema)
    return contents_of(frame, matrix)


def every_pair(n: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.meshgrid(np.arange(n), np.arange(n))
    return a.ravel().astype(np.int64), b.ravel().astype(np.int64)


def lcs(one: str, other: str) -> int:
    lengths = [0] * (len(other) + 1)
    for letter in one:
        before = 0
        for place, against in enumerate(other, 1):
            here = lengths[place]
            lengths[place] = before + 1 if letter == against else max(here, lengths[place - 1])
            before = here
    return lengths[-1]


def test_alignment_counts_what_stands_in_the_same_order() -> None:
    found = aligned(of(["abcd", "axcd", "dcba", "xyz"]), rows(0, 0, 0), rows(1, 2, 3))
    assert found.tolist() == pytest.approx([2 * 3 / 8, 2 * 1 / 8, 0])


def test_two_empty_sequences_are_not_alike_but_unknown() -> None:
    assert np.isnan(aligned(of(["", None, "a"]), rows(0, 0, 1), rows(1, 2, 2))).all()


@settings(deadline=None)
@given(SEQUENCES)
def test_alignment_is_that_of_the_textbook(structures: list[str]) -> None:
    a, b = every_pair(len(structures))
    found = aligned(of(structures), a, b)
    for i, j, value in zip(a, b, found, strict=True):
        one, other = structures[i], structures[j]
        if one and other:
            assert value == pytest.approx(2 * lcs(one, other) / (len(one) + len(other)), abs=1e-6)
        else:
            assert np.isnan(value)


@settings(deadline=None)
@given(SEQUENCES)
def test_alignment_is_symmetric_in_range_one_with_itself_and_bounded_by_lengths(structures: list[str]) -> None:
    contents = of(structures)
    a, b = every_pair(len(structures))
    found = aligned(contents, a, b)
    np.testing.assert_array_equal(found, aligned(contents, b, a))
    known = ~np.isnan(found)
    assert ((found[known] >= 0) & (found[known] <= 1)).all()
    assert (found[known & (a == b)] == 1).all()
    assert (found[known] <= length_ratio(contents.lengths, a, b)[known] + 1e-6).all()
    disjoint = [not set(structures[i]) & set(structures[j]) for i, j in zip(a, b, strict=True)]
    assert (found[known & disjoint] == 0).all()


def test_more_kinds_of_tokens_than_bytes_change_no_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    structures = ["abcabcx", "abcx", "yabc", "abcabc"]
    a, b = every_pair(4)
    expected = aligned(of(structures), a, b)
    monkeypatch.setattr(scores, "BYTES", 3)
    contents = of(structures)
    assert contents.structures.is_encoded.tolist() == [False, False, False, True]
    assert aligned(contents, a, b).tolist() == expected.tolist()


def test_jaccard_counts_common_over_all() -> None:
    sets = sets_of(pl.Series([[1, 2, 3, 4], [3, 4, 5], [-7, 9]], dtype=pl.List(pl.Int32)))
    assert jaccard(sets, rows(0, 1, 0), rows(1, 0, 2)).tolist() == pytest.approx([2 / 5, 2 / 5, 0])


def test_two_empty_sets_are_not_similar_but_unknown() -> None:
    sets = sets_of(pl.Series([[], None, [1]], dtype=pl.List(pl.Int32)))
    assert np.isnan(jaccard(sets, rows(0, 0, 1), rows(1, 2, 2))).all()


def test_words_are_compared_as_words() -> None:
    sets = sets_of(pl.Series([["file", "open"], ["open"], ["été", "file", "open"]]))
    assert jaccard(sets, rows(0, 0), rows(1, 2)).tolist() == pytest.approx([1 / 2, 2 / 3])


@settings(deadline=None)
@given(INTEGERS)
def test_jaccard_equals_that_of_python_sets_in_chunks_of_any_size(families: list[set[int]]) -> None:
    sets = sets_of(pl.Series([list(family) for family in families], dtype=pl.List(pl.Int32)))
    a, b = every_pair(len(families))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "ELEMENTS", 5)
        found = jaccard(sets, a, b)
    for i, j, value in zip(a, b, found, strict=True):
        x, y = families[i], families[j]
        assert value == pytest.approx(len(x & y) / len(x | y), abs=1e-6) if x and y else np.isnan(value)


def test_opposite_vectors_are_not_similar_and_a_missing_one_is_unknown() -> None:
    matrix = np.array([[0.6, 0.8], [1, 0], [-1, 0], [0, 0]], np.float32)
    contents = of([""] * 4, matrix)
    assert cosine(contents, rows(0, 1), rows(1, 2)).tolist() == pytest.approx([0.6, 0])
    assert np.isnan(cosine(contents, rows(0), rows(3))).all()
    assert np.isnan(cosine(of([""] * 4), rows(0), rows(1))).all()


def test_the_score_is_the_weighted_mean_of_what_is_known() -> None:
    nan = np.nan
    components = {
        "structural": np.array([0.5, 0.5, nan, nan]),
        "fingerprint": np.array([0.4, nan, nan, nan]),
        "lexical": np.array([1.0, 1.0, 0.25, nan]),
        "semantic": np.array([0.8, nan, nan, nan]),
    }
    found = combine(components, WEIGHTS)
    whole = 0.5 * 0.5 + 0.2 * 0.4 + 0.1 + 0.2 * 0.8
    assert found[:3].tolist() == pytest.approx([whole, (0.25 + 0.1) / 0.6, 0.25])
    assert np.isnan(found[3])
    assert np.isnan(combine(components, {"semantic": 1.0})[1])


@settings(deadline=None)
@given(st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1)), min_size=4, max_size=4))
def test_a_score_lies_between_its_components(values: list[float]) -> None:
    components = {name: np.array([value], np.float32) for name, value in zip(WEIGHTS, values, strict=True)}
    known = [value for value in values if not np.isnan(value)]
    score = combine(components, WEIGHTS)[0]
    assert min(known) - 1e-6 <= score <= max(known) + 1e-6 if known else np.isnan(score)


def test_nothing_is_more_alike_than_its_size() -> None:
    assert size_ratio(rows(10, 4), rows(0), rows(1)).tolist() == pytest.approx([0.4])
    assert length_ratio(rows(10, 4), rows(0), rows(1)).tolist() == pytest.approx([8 / 14])
    assert np.isnan(size_ratio(rows(10, 0), rows(0), rows(1))).all()
    assert np.isnan(length_ratio(rows(10, 0), rows(0), rows(1))).all()
