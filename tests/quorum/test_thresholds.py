"""From which probability on the quorum decides: the bound by hand, and the guarantee over many draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from stemma.quorum.thresholds import Thresholds, error_bound, thresholds_for

TAIL = 0.05 / 4  # half of the allowed risk for each class, shared by the four sequences


def test_without_an_error_the_bound_is_known_in_closed_form() -> None:
    """0 wrong of 300: at most 1 - tail ** (1/300); 300 right of 300: at least tail ** (1/300)."""
    most, least = 1 - TAIL ** (1 / 300), TAIL ** (1 / 300)
    bound = error_bound(np.array([0]), 300, np.array([300]), 300, 0.5)
    assert bound[0] == pytest.approx(most / (most + least))


def test_where_more_of_the_code_is_wrong_the_same_votes_err_more() -> None:
    counts = np.array([3]), 500, np.array([400]), 500
    low, high = (error_bound(*counts, prior)[0] for prior in (0.1, 0.9))
    assert low < high
    # odds of an error are those at one half, times the odds of the share: 81 times as high
    assert high / (1 - high) == pytest.approx(81 * low / (1 - low))


def test_a_clean_split_decides_everything() -> None:
    probability = np.array([0.1] * 500 + [0.9] * 500)
    found = thresholds_for(probability, probability > 0.5, 0.05, accept_prior=0.5, reject_prior=0.5)
    assert found == Thresholds(0.9, 0.1)


def test_with_too_few_labels_nothing_is_shown_and_nothing_decided() -> None:
    probability = np.array([0.1] * 20 + [0.9] * 20)
    found = thresholds_for(probability, probability > 0.5, 0.05, accept_prior=0.5, reject_prior=0.5)
    assert found == Thresholds(None, None)


def test_where_votes_know_nothing_nothing_is_decided() -> None:
    probability, is_fit = np.full(2000, 0.5), np.arange(2000) % 2 == 0
    assert thresholds_for(probability, is_fit, 0.05, accept_prior=0.5, reject_prior=0.5) == Thresholds(None, None)


def test_with_labels_of_one_class_alone_nothing_is_decided() -> None:
    probability = np.linspace(0, 1, 500)
    found = thresholds_for(probability, np.ones(500, dtype=bool), 0.05, accept_prior=0.5, reject_prior=0.5)
    assert found == Thresholds(None, None)


def test_rejection_among_mostly_fit_code_needs_more() -> None:
    random = np.random.default_rng(0)
    probability, is_fit = draw(random, 6000)
    even = thresholds_for(probability, is_fit, 0.05, accept_prior=0.5, reject_prior=0.5).reject_at
    mostly = thresholds_for(probability, is_fit, 0.05, accept_prior=0.5, reject_prior=0.9).reject_at
    assert even is not None
    assert mostly is None or mostly < even


def test_one_error_at_the_very_top_does_not_forbid_every_decision() -> None:
    probability = np.concatenate([[1.0], np.linspace(0.9, 0.99, 999), np.linspace(0.0, 0.1, 1000)])
    is_fit = probability > 0.5
    is_fit[0] = False
    assert thresholds_for(probability, is_fit, 0.05, accept_prior=0.5, reject_prior=0.5).accept_at is not None


def draw(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of fit and unfit texts, two standard deviations apart either way; half are fit."""
    is_fit = random.random(n) < 0.5
    return np.round(expit(random.normal(np.where(is_fit, 2.0, -2.0), 2.0)), 3), is_fit


@pytest.mark.parametrize("target", [0.05, 0.1])
def test_the_error_of_what_is_decided_keeps_its_target(target: float) -> None:
    """Over 100 draws of labels, no more than the tenth that the confidence allows break it on new texts."""
    random = np.random.default_rng(42)
    texts, truth = draw(random, 200_000)
    broken = decided = 0
    for _ in range(100):
        found = thresholds_for(*draw(random, 1500), target, accept_prior=0.5, reject_prior=0.5)
        for chosen, is_wrong in (
            (texts >= (2 if found.accept_at is None else found.accept_at), ~truth),
            (texts <= (-1 if found.reject_at is None else found.reject_at), truth),
        ):
            if chosen.any():
                decided += 1
                broken += is_wrong[chosen].mean() > target
    assert decided > 100
    assert broken <= 0.1 * decided
