"""How far members agree: against the example of the literature, and hand counts."""

from __future__ import annotations

import numpy as np
import pytest

from stemma.quorum.agreement import krippendorff_alpha

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers, twelve units, gaps.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def counts(rows: tuple[str, ...], values: str) -> np.ndarray:
    units = list(zip(*rows, strict=True))
    return np.array([[unit.count(value) for value in values] for unit in units], dtype=float)


def test_the_published_example_comes_out() -> None:
    assert krippendorff_alpha(counts(OBSERVERS, "12345")) == pytest.approx(0.743, abs=0.0005)


def test_full_agreement_is_one() -> None:
    assert krippendorff_alpha(counts(("pfpf", "pfpf"), "pf")) == 1


def test_two_who_always_differ() -> None:
    """Four units, eight values, four of each: observed 1, expected 2 * 4 * 4 / (8 * 7) = 4/7; 1 - 7/4."""
    assert krippendorff_alpha(counts(("pppp", "ffff"), "pf")) == pytest.approx(-0.75)


def test_a_unit_with_one_value_says_nothing() -> None:
    assert krippendorff_alpha(counts(("pfp", "pf."), "pf")) == krippendorff_alpha(counts(("pf", "pf"), "pf"))


@pytest.mark.parametrize("rows", [("...", "..."), ("p..", "p.."), ("pf.", "..p")])
def test_where_nothing_can_differ_there_is_no_alpha(rows: tuple[str, ...]) -> None:
    assert krippendorff_alpha(counts(rows, "pf")) is None


def test_a_weight_of_three_is_three_units() -> None:
    rows = counts(("pfp", "pff"), "pf")
    weighted = krippendorff_alpha(rows, np.array([3.0, 1.0, 2.0]))
    assert weighted == pytest.approx(krippendorff_alpha(np.repeat(rows, [3, 1, 2], axis=0)))
