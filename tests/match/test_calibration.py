"""A calibration is used when it is whole and sound, and its probability rises with the evidence."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.config import COMPONENTS
from stemma.match.calibration import CalibrationError, calibration, read_calibration, semantic_probability

SHIPPED = files("stemma.match").joinpath("calibration.json").read_text("utf-8")
RENAMED = json.loads(SHIPPED)["renamed"]
RULE = {"embedder": "x", "platt": {"a": -20.0, "b": 18.0, "c": -2.0}, "threshold": 0.8}


def changed(**others: Any) -> str:
    return json.dumps(json.loads(SHIPPED) | others)


def test_the_one_that_comes_with_stemma_says_where_it_comes_from() -> None:
    found = calibration()
    assert set(found.weights) == set(COMPONENTS)
    assert sum(found.weights.values()) == pytest.approx(1, abs=1e-3)
    assert found.provenance["sets"]
    assert found.provenance["n_pairs"] > 10_000
    assert found.provenance["command"]


def test_its_version_changes_with_anything_in_it() -> None:
    assert read_calibration(changed(threshold=0.61)).version != read_calibration(changed(threshold=0.62)).version


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"weights": {"structural": 1.0}}, "KeyError 'fingerprint'"),
        ({"weights": dict.fromkeys((*COMPONENTS, "luck"), 0.2)}, "luck"),
        ({"weights": dict.fromkeys(COMPONENTS, 0.5)}, "not shares of 1"),
        ({"weights": dict(zip(COMPONENTS, (1.2, -0.2, 0, 0), strict=True))}, "not shares of 1"),
        ({"platt": {"a": 3, "b": 1, "c": 0}}, "'platt' does not rise"),
        ({"platt": {"a": -3, "b": "x", "c": 0}}, "ValueError"),
        ({"platt": {"a": -3, "b": float("nan"), "c": 0}}, "'platt' does not rise"),
        ({"threshold": 1.0}, "no probability"),
        ({"type_3_structural": 0}, "type_3_structural"),
        ({"semantic": RULE | {"threshold": 0}}, "no probability"),
        ({"semantic": RULE | {"platt": {"a": -1, "b": 0, "c": 1}}}, "'semantic' does not rise"),
        ({"renamed": RENAMED | {"threshold": 0.1}}, "lower than that of a match"),
        ({"renamed": RENAMED | {"lexical_below": 0}}, "no share"),
        ({"renamed": RENAMED | {"platt": RENAMED["platt"] | {"e": 1}}}, "'renamed' does not rise"),
        ({"provenance": {}}, "KeyError 'sets'"),
    ],
)
def test_one_that_is_not_whole_or_not_sound_is_refused(others: dict[str, Any], problem: str) -> None:
    with pytest.raises(CalibrationError, match=problem):
        read_calibration(changed(**others))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(CalibrationError):
        read_calibration("{")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 500), st.floats(0, 500))
def test_more_alike_or_more_in_common_is_never_less_probable(one: float, other: float, n: float, more: float) -> None:
    low, high = np.array([min(one, other)], np.float32), np.array([max(one, other)], np.float32)
    least, most = (calibration().probability(low, np.array([n])), calibration().probability(high, np.array([n + more])))
    assert 0 <= least[0] <= most[0] <= 1


def test_what_is_unknown_has_no_probability() -> None:
    nan = np.array([np.nan], np.float32)
    assert np.isnan(calibration().probability(nan, np.array([3.0]))).all()
    rule = read_calibration(changed(semantic=RULE)).semantic
    assert rule is not None
    assert np.isnan(semantic_probability(rule, nan, np.array([1.0], np.float32))).all()


def test_the_least_share_of_words_reaches_the_probability_with_equal_vectors() -> None:
    rule = read_calibration(changed(semantic=RULE)).semantic
    assert rule is not None
    least = rule.least_lexical(0.9)
    one = np.array([1.0], np.float32)
    assert semantic_probability(rule, one, np.array([least], np.float32))[0] == pytest.approx(0.9, abs=1e-3)
