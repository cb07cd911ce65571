"""Scales from labelled scores: the map to probabilities and the thresholds, of code of which nothing is known but
itself, and of code that stood in repositories.

How scores come about, each without its own label, lives in `learning`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

from stemma.quorum.calibrators import Calibrator, at_prior, fit_calibrator, folds_of
from stemma.quorum.evidence import TEXT
from stemma.quorum.rule import Rule
from stemma.quorum.thresholds import CONFIDENCE, Thresholds, thresholds_for
from stemma.quorum.verdicts import decide
from stemma.quorum.worth import Calibration, Scale

# One row per labelled text. Texts of one `group` (a pair, a case) are never split; of each `source` the fit and the
# unfit texts weigh the same, whatever their number.
LABELLED = pl.Schema(
    {"pattern_id": pl.String, "exact_hash": pl.String, "is_fit": pl.Boolean, "group": pl.String, "source": pl.String}
)

TARGETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
OUTCOME = "outcome"
"""How a source begins whose labels tell what became of texts: of one's own it is no more."""

EVEN = 0.5
REJECT_PRIOR = 0.9
"""Share of fit code at which rejection must still keep its target. Acceptance must at the prior, which is even odds
where nothing is known of where code comes from: each decision is held against the odds that are worse for it."""

N_FOLDS = 5

PRIORS = (0.5, 0.99)
"""Share of fit code that is believed of any, at the least and at the most."""

_TEXTS, _SOURCES = 20, 3


@dataclass(frozen=True)
class Standing:
    """Code as it stood in repositories, the votes on it then, and what became of it: nobody chose it.

    Attributes:
        votes: schema `SEATED_VOTES`.
        labelled: schema `LABELLED`; each repository is a source.
    """

    votes: pl.DataFrame
    labelled: pl.DataFrame

    def heard(self) -> Standing:
        """The same without votes on other texts."""
        return replace(self, votes=self.votes.join(self.labelled, on=list(TEXT), how="semi"))


def even_scale(
    scores: NDArray[np.float64],
    is_fit: NDArray[np.bool_],
    weights: NDArray[np.float64],
    folds: NDArray[np.int64],
    prior: float,
) -> Scale:
    stated = at_prior(cross_fitted(scores, is_fit, weights, folds), prior)
    thresholds = {
        target: thresholds_for(stated, is_fit, target, accept_prior=prior, reject_prior=max(prior, REJECT_PRIOR))
        for target in TARGETS
    }
    return Scale(prior, _map(scores, is_fit, weights, folds), thresholds)


def scale_in_use(found: Calibration, standing: Standing, scores: NDArray[np.float64]) -> Scale:
    """The scale of code in use: the map of any code, at the share of it that is fit, and thresholds from what else the
    rule would accept, as in use, judged by a quorum and doubted by nobody.

    Outcomes tell how much is fit, and not what votes are worth: few texts were mended for what a rule for safety finds.
    Repositories differ more than chance allows, so each is held out when its texts are scored, and the share of fit
    code is known as well as so many repositories, not so many texts, tell it.
    """
    labelled = standing.labelled.sort(*TEXT).with_columns(score=pl.Series(scores))
    open_to_all = Scale(EVEN, found.scale.calibrator, dict.fromkeys(TARGETS, Thresholds(0.0, None)))
    may_be = decide(standing.votes, Rule(), replace(found, used=open_to_all), labelled)
    known = labelled.join(may_be.filter(pl.col("outcome") == "accept"), on=list(TEXT), how="semi")
    prior, least = share_of_fit(known)
    used = Scale(prior, found.scale.calibrator, {})
    stated, is_fit = used.apply(known["score"]).to_numpy(), known["is_fit"].to_numpy()
    thresholds = {
        target: thresholds_for(stated, is_fit, target, accept_prior=least, reject_prior=max(prior, REJECT_PRIOR))
        for target in TARGETS
    }
    return replace(used, thresholds=thresholds)


def share_of_fit(labelled: pl.DataFrame) -> tuple[float, float]:
    """The mean share of fit code over sources of at least `_TEXTS` texts, and the least it is with `CONFIDENCE`, by
    Student's t over sources; both within `PRIORS`, and even odds where fewer than three tell."""
    shares = labelled.group_by("source").agg(n=pl.len(), share=pl.col("is_fit").mean()).filter(pl.col("n") >= _TEXTS)
    k = len(shares)
    if k < _SOURCES:
        return EVEN, EVEN
    mean, spread = float(shares["share"].mean()), float(shares["share"].std())  # type: ignore[arg-type]
    least = mean - float(scipy.stats.t.ppf(CONFIDENCE, k - 1)) * spread / k**0.5
    return tuple(round(min(max(value, PRIORS[0]), PRIORS[1]), 4) for value in (mean, least))  # type: ignore[return-value]


def cross_fitted(
    scores: NDArray[np.float64], is_fit: NDArray[np.bool_], weights: NDArray[np.float64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Each fold's probabilities at even odds, by a map learned on the others."""
    stated = np.full(len(scores), EVEN)
    for fold in np.unique(folds):
        held = folds == fold
        stated[held] = _map(scores[~held], is_fit[~held], weights[~held], folds[~held]).apply(scores[held])
    return stated


def _map(
    scores: NDArray[np.float64], is_fit: NDArray[np.bool_], weights: NDArray[np.float64], folds: NDArray[np.int64]
) -> Calibrator:
    counts = weights > 0
    return fit_calibrator(scores[counts], is_fit[counts], weights[counts], folds[counts])


def folds_by(labelled: pl.DataFrame, by: str) -> NDArray[np.int64]:
    if by == "source":
        return labelled["source"].rank("dense").cast(pl.Int64).to_numpy()
    return folds_of(labelled["group"].to_list(), N_FOLDS)
