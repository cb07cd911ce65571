"""From a score to a probability that means what it says: Platt's sigmoid or isotonic regression, whichever foresees
labels better; and how far probabilities are off.

What is scored, and on which labels, lives in `calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

MIN_PER_CLASS = 10  # labels of each class below which a sigmoid of two parameters is fitted to noise
_MIN_ISOTONIC = 100  # and of each class, below which a step function is (Niculescu-Mizil & Caruana 2005 say 1,000)
_CLIP = 1e-6


@dataclass(frozen=True)
class Calibrator:
    """A rising map from scores to probabilities at even odds of the two classes.

    Attributes:
        kind: platt, 1 / (1 + exp(-(slope * score + offset))), or isotonic, linear between `scores`.
    """

    kind: Literal["platt", "isotonic"]
    slope: float = 1.0
    offset: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def apply(self, score: Floats) -> Floats:
        if self.kind == "platt":
            found: Floats = expit(self.slope * score + self.offset)
            return found
        return np.interp(score, self.scores, self.probabilities)


IDENTITY = Calibrator("platt")
"""Takes the score for log odds: what is left where there are too few labels to learn from."""


def at_prior(probability: Floats, prior: float, *, learned_at: float = 0.5) -> Floats:
    """The probability where the share of class 1 is another: odds are moved by the odds of the shares (Elkan 2001)."""
    clipped = np.clip(probability, _CLIP, 1 - _CLIP)
    moved: Floats = expit(logit(clipped) + float(logit(prior)) - float(logit(learned_at)))
    return moved


def fit_platt(scores: Floats, is_fit: Booleans, weights: Floats) -> Calibrator:
    """Platt's sigmoid (1999), by weighted log loss; the slope is never negative.

    His targets, which keep the sigmoid from certainty on few labels, are (n + 1) / (n + 2) and 1 / (n + 2).
    """
    n_fit, n_unfit = _effective(weights[is_fit]), _effective(weights[~is_fit])
    target = np.where(is_fit, (n_fit + 1) / (n_fit + 2), 1 / (n_unfit + 2))
    shares = weights / weights.sum()

    def loss(parameters: Floats) -> float:
        exponent = parameters[0] * scores + parameters[1]
        return float(-(shares * (target * log_expit(exponent) + (1 - target) * log_expit(-exponent))).sum())

    found = scipy.optimize.minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0, 20), (-20, 20)])
    return Calibrator("platt", slope=float(found.x[0]), offset=float(found.x[1]))


def fit_isotonic(scores: Floats, is_fit: Booleans, weights: Floats) -> Calibrator:
    """Isotonic regression (Zadrozny & Elkan 2002), centred: each step is a point at the mean of its scores, so that the
    map rises between them and ranks as the scores do (Oron & Flournoy 2017). A step is drawn in by one label of each
    class, at half weight."""
    levels, inverse = np.unique(scores, return_inverse=True)
    weight = np.bincount(inverse, weights)
    share = np.bincount(inverse, weights * is_fit) / weight
    steps = scipy.optimize.isotonic_regression(share, weights=weight)
    edges = np.asarray(steps.blocks)
    mass = np.add.reduceat(weight, edges[:-1])
    unit = weights.sum() / _effective(weights)
    smooth = (np.add.reduceat(weight * share, edges[:-1]) + unit / 2) / (mass + unit)
    centres = np.add.reduceat(weight * levels, edges[:-1]) / mass
    rising = np.maximum.accumulate(smooth)
    return Calibrator("isotonic", scores=tuple(centres.tolist()), probabilities=tuple(rising.tolist()))


def fit_calibrator(scores: Floats, is_fit: Booleans, weights: Floats, folds: NDArray[np.int64]) -> Calibrator:
    """The map whose log loss is less on labels it has not seen; a sigmoid where there are few, none where fewer.

    Args:
        folds: fold of each text; texts that are told alike by their labels (a pair, a set) share one.
    """
    least = min(int(is_fit.sum()), int((~is_fit).sum()))
    if least < MIN_PER_CLASS:
        return IDENTITY
    fits = [fit_platt] if least < _MIN_ISOTONIC else [fit_platt, fit_isotonic]
    if len(fits) == 1 or len(np.unique(folds)) < 2:
        return fit_platt(scores, is_fit, weights)
    losses = []
    for fit in fits:
        unseen = np.full(len(scores), np.nan)
        for fold in np.unique(folds):
            held = folds == fold
            if is_fit[~held].any() and (~is_fit[~held]).any():
                unseen[held] = fit(scores[~held], is_fit[~held], weights[~held]).apply(scores[held])
        seen = ~np.isnan(unseen)
        losses.append(log_loss(unseen[seen], is_fit[seen], weights[seen]))
    return fits[int(np.argmin(losses))](scores, is_fit, weights)


def log_loss(probability: Floats, is_fit: Booleans, weights: Floats | None = None) -> float:
    """Mean negative log likelihood of the labels, in nats."""
    clipped = np.clip(probability, _CLIP, 1 - _CLIP)
    return float(np.average(-np.log(np.where(is_fit, clipped, 1 - clipped)), weights=weights))


def expected_calibration_error(
    probability: Floats, is_fit: Booleans, weights: Floats | None = None, n_bins: int = 10
) -> float | None:
    """Mean distance of stated from observed share over bins of equal mass (Nixon et al. 2019); equal values share one.

    None for no labels.
    """
    if not len(probability):
        return None
    weights = np.ones(len(probability)) if weights is None else weights
    inverse = np.unique(probability, return_inverse=True)[1]
    mass = np.bincount(inverse, weights)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    bins = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)[inverse]
    stated = np.bincount(bins, weights * probability, n_bins)
    observed = np.bincount(bins, weights * is_fit, n_bins)
    return float(np.abs(stated - observed).sum() / weights.sum())


def folds_of(groups: Sequence[str], n_folds: int) -> NDArray[np.int64]:
    """A fold for each text by the hash of its group: the same in every run, and the same for a whole group."""
    from stemma.ids import content_id

    folds = {group: int(content_id("fold", group)[:8], 16) % n_folds for group in set(groups)}
    return np.array([folds[group] for group in groups], dtype=np.int64)


def _effective(weights: Floats) -> float:
    """Kish's effective number of equally weighted texts."""
    return float(weights.sum() ** 2 / (weights * weights).sum()) if len(weights) else 0.0
