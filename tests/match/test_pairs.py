"""What a frame of patterns comes to without a store: candidates, comparisons, matches."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.match import evidence, pairs
from stemma.match.calibration import SemanticRule, calibration
from stemma.match.evidence import NOTE_NO_STRUCTURE, NOTE_NO_VECTOR, NOTE_NO_VECTORS, SCHEMA, is_match
from stemma.match.pairs import candidates, compare, find_matches
from tests.match.conftest import runs_of

FRAME = {
    "pattern_id": pl.String(), "language": pl.String(), "kind": pl.String(), "n_tokens": pl.Int32(),
    "shingles": pl.List(pl.Int32()), "sub_tokens": pl.List(pl.String()), "structure": pl.String(),
}  # fmt: skip
RUNS = st.lists(st.sets(st.integers(0, 30), max_size=20), min_size=2, max_size=6)


def frame(*shingles: Any, words: tuple[str, ...] = ("read", "rows"), **others: Any) -> pl.DataFrame:
    """A pattern for each set of shingles, whose ids are a, b, c, ... 32 times."""
    rows = [
        {"pattern_id": chr(97 + n) * 32, "language": "python", "kind": "function", "n_tokens": 50, "sub_tokens": words}
        | {"shingles": sorted(each), "structure": runs_of(each)} | others
        for n, each in enumerate(shingles)
    ]  # fmt: skip
    return pl.DataFrame(rows, FRAME)


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def letters(found: pl.DataFrame) -> list[str]:
    return sorted(a[0] + b[0] for a, b in found.select("pattern_a", "pattern_b").iter_rows())


def test_a_comparison_has_every_component_and_what_they_come_to() -> None:
    matrix = np.array([[1, 0], [0.8, 0.6]], np.float32)
    found = compare(frame(range(10), range(2, 12)), rows(0), rows(1), matrix=matrix)
    assert found.schema == SCHEMA
    row = found.row(0, named=True)
    parts = {"structural": 0.8, "fingerprint": 8 / 12, "lexical": 1.0, "semantic": 0.8}
    assert {name: row[name] for name in parts} == pytest.approx(parts)
    assert row["score"] == pytest.approx(sum(calibration().weights[name] * parts[name] for name in parts), abs=1e-3)
    assert row["note"] is None


def test_what_is_absent_is_null_and_says_why() -> None:
    patterns = frame(range(10), range(10), []).with_columns(
        sub_tokens=pl.Series([["a"], [], ["a"]]), structure=pl.Series([runs_of(range(10))] * 2 + [""])
    )
    found = compare(patterns, rows(0, 0), rows(1, 2), matrix=np.array([[1, 0], [0, 0], [1, 0]], np.float32))
    assert found.select("lexical", "semantic", "structural", "fingerprint").rows() == [
        (None, None, 1.0, 1.0),
        (1.0, 1.0, None, None),
    ]
    assert found["note"].to_list() == [NOTE_NO_VECTOR, NOTE_NO_STRUCTURE]
    assert compare(patterns, rows(0), rows(1))["note"].to_list() == [NOTE_NO_VECTORS]


def test_without_any_evidence_there_is_no_score_and_no_match() -> None:
    patterns = frame([], [], words=())
    found = compare(patterns, rows(0), rows(1))
    assert found.select("score", "probability", "structural", "fingerprint", "lexical").row(0) == (None,) * 5
    assert not is_match(found, None).any()
    assert not is_match(found, 0.001).any()
    assert find_matches(patterns, threshold=0.001, near=(rows(0), rows(1))).is_empty()


def test_absent_vectors_lower_the_confidence_and_so_does_a_small_size() -> None:
    patterns = frame(range(40), range(40), range(5), range(5))
    vectors = np.array([[1, 0]] * 4, np.float32)
    whole = compare(patterns, rows(0, 2), rows(1, 3), matrix=vectors)["confidence"].to_list()
    without = compare(patterns, rows(0, 2), rows(1, 3))["confidence"].to_list()
    assert whole == pytest.approx([1 - 1 / 41**0.5, 1 - 1 / 6**0.5])
    assert without == pytest.approx([0.75 * value for value in whole])


def test_disjoint_patterns_score_nothing() -> None:
    patterns = frame(range(10), range(20, 30)).with_columns(sub_tokens=pl.Series([["one"], ["two"]]))
    row = compare(patterns, rows(0), rows(1)).row(0, named=True)
    assert (row["score"], row["structural"], row["fingerprint"], row["lexical"]) == (0, 0, 0, 0)


@settings(deadline=None, max_examples=50)
@given(RUNS)
def test_a_comparison_is_symmetric_and_in_range_and_whole_with_itself(shingles: list[set[int]]) -> None:
    patterns = frame(*shingles)
    a, b = (grid.ravel().astype(np.int64) for grid in np.meshgrid(*[np.arange(len(shingles))] * 2))
    found = compare(patterns, a, b)
    assert found.equals(compare(patterns, b, a))
    for name in ("score", "structural", "fingerprint", "lexical", "probability", "confidence"):
        assert found[name].drop_nulls().is_between(0, 1).all()
    same = found.filter(pl.Series(a == b))
    assert same["score"].to_list() == pytest.approx([1.0] * len(same))


@settings(deadline=None, max_examples=50)
@given(RUNS, st.floats(0.05, 1))
def test_matches_are_the_comparisons_that_reach_the_threshold(shingles: list[set[int]], threshold: float) -> None:
    """Bounds leave nothing out."""
    patterns = frame(*shingles)
    a, b = np.triu_indices(len(shingles), 1)
    compared = compare(patterns, a, b)
    for least in (threshold, None):
        found = find_matches(patterns, threshold=least, near=(a, b)).sort("pattern_a", "pattern_b")
        expected = patterns["pattern_id"].gather(a).alias("pattern_a").to_frame()
        expected = expected.with_columns(pattern_b=patterns["pattern_id"].gather(b)).hstack(compared)
        expected = expected.filter(is_match(compared, least)).sort("pattern_a", "pattern_b")
        assert found.drop("candidate_source").equals(expected)


def test_matches_are_found_by_runs_by_vectors_or_by_both() -> None:
    patterns = frame(range(10), range(1, 11), range(40, 50), range(41, 51))
    near = (rows(1, 3, 3), rows(0, 0, 3))  # in any order, and one of a row with itself
    found = find_matches(patterns, threshold=0.05, near=near).sort("pattern_a", "pattern_b")
    assert letters(found) == ["ab", "ad", "cd"]
    assert found["candidate_source"].to_list() == ["both", "vector", "fingerprint"]
    pairs_found = candidates(patterns, near=near)
    assert list(zip(pairs_found.a.tolist(), pairs_found.b.tolist(), strict=True)) == [(0, 1), (0, 3), (2, 3)]


def test_old_rows_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = frame(*(range(n, n + 20) for n in range(6)))
    everything = letters(find_matches(patterns, threshold=0.5))
    assert len(everything) == 15
    is_new = np.array([False, False, True, False, True, True])
    wanted = [pair for pair in everything if any(is_new["abcdef".index(letter)] for letter in pair)]
    near = np.triu_indices(6, 1)
    assert letters(find_matches(patterns, threshold=0.5, is_new=is_new, near=near)) == wanted
    assert len(candidates(patterns, is_new=is_new)) == len(wanted)
    monkeypatch.setattr(pairs, "BATCH", 1)
    assert letters(find_matches(patterns, threshold=0.5, is_new=is_new, near=near)) == wanted


def test_an_empty_frame_has_no_matches() -> None:
    found = find_matches(frame())
    assert found.is_empty()
    assert found.columns == ["pattern_a", "pattern_b", *SCHEMA, "candidate_source"]


def test_weights_of_ones_own_need_a_threshold_and_have_no_probability() -> None:
    patterns = frame(range(10), range(1, 11))
    with pytest.raises(ValueError, match="threshold"):
        find_matches(patterns, weights={"structural": 1.0})
    found = find_matches(patterns, weights={"fingerprint": 2.0, "lexical": 2.0}, threshold=0.5)
    assert found["score"].to_list() == pytest.approx([(9 / 11 + 1) / 2])
    assert found["probability"].to_list() == [None]
    assert find_matches(patterns, weights={"fingerprint": 1.0}, threshold=9 / 11 + 0.001).is_empty()


def test_what_does_the_same_in_another_language_matches_by_the_rule_of_its_embedder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At cosine 0.9 and all words in common the probability is 1 / (1 + exp(-20 * .9 + 18 - 2)) = .88."""
    rule = SemanticRule("small-2", a=-20.0, b=18.0, c=-2.0, threshold=0.8)
    learned = calibration()
    changed = type(learned)(**{**vars(learned), "semantic": rule})
    monkeypatch.setattr(evidence, "calibration", lambda: changed)
    one_language = frame(range(10), range(20, 30))
    patterns = one_language.with_columns(language=pl.Series(["python", "java"]))
    matrix = np.array([[1, 0], [0.9, 0.19**0.5]], np.float32)
    near = (rows(0), rows(1))
    row = find_matches(patterns, matrix=matrix, near=near, embedder="small-2").row(0, named=True)
    assert (row["clone_type"], row["structural"]) == ("semantic", 0)
    assert row["probability"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    assert row["score"] == pytest.approx((20 * 0.9 + 2) / 22, abs=1e-4)
    assert find_matches(patterns, matrix=matrix, near=near, embedder="other").is_empty()
    assert find_matches(one_language, matrix=matrix, near=near, embedder="small-2").is_empty()


def test_of_two_languages_no_structure_makes_a_match() -> None:
    alike = frame(range(60), range(60))
    patterns = alike.with_columns(language=pl.Series(["java", "csharp"]))
    for threshold in (None, 0.1):
        assert len(find_matches(alike, near=(rows(0), rows(1)), threshold=threshold)) == 1
        assert find_matches(patterns, near=(rows(0), rows(1)), threshold=threshold).is_empty()
