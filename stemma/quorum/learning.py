"""A calibration learned from labelled votes: reliability of each member, the map to probabilities, the thresholds.

Whose labels they are, and where a calibration is kept, lives in `stemma.quorum.refit` and `bench.quorum`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.quorum.calibration import ANSWERS, PRIOR_ANSWERS, Calibration, bare
from stemma.quorum.calibrators import at_prior, fit_calibrator, folds_of
from stemma.quorum.dawid_skene import answers_of, estimate
from stemma.quorum.evidence import SIGNALS, TEXT, matrix
from stemma.quorum.thresholds import thresholds_for

# One row per labelled text. Texts of one `group` (a pair, a case) are never split; of each `source` the fit and the
# unfit texts weigh the same, whatever their number.
LABELLED = pl.Schema(
    {"pattern_id": pl.String, "exact_hash": pl.String, "is_fit": pl.Boolean, "group": pl.String, "source": pl.String}
)

TARGETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
EVEN = 0.5
REJECT_PRIOR = 0.9
"""Share of fit code at which rejection must still keep its target. Acceptance must where only half is fit: what is
judged may come from anywhere, so each decision is held against the odds that are worse for it."""

N_FOLDS = 5
_SOURCE_WEIGHT = 100.0  # answers that one class of one source counts for, in all


def learn(
    votes: pl.DataFrame,
    labelled: pl.DataFrame,
    *,
    prior: float = EVEN,
    provenance: Mapping[str, Any],
    by: str = "group",
) -> Calibration:
    """A calibration from votes (schema `SEATED_VOTES`) and labels (schema `LABELLED`) on the same texts.

    Args:
        prior: share of fit code the probabilities will be stated for.
        by: what is held out to learn the map and the thresholds: `group`, or `source` for thresholds that hold on
            code from a source never seen.
    """
    labelled = labelled.sort(*TEXT)
    members, signals = _signals(votes, labelled)
    is_fit = labelled["is_fit"].to_numpy()
    weights = _weights(labelled)
    folds = _folds(labelled, by)
    held_out = _held_out(members, signals, votes, labelled, folds)
    calibrator = fit_calibrator(held_out, is_fit, weights, folds)
    stated = at_prior(cross_fitted(held_out, is_fit, weights, folds), prior)
    found = Calibration(
        prior=prior,
        answers=_answers(members, signals, is_fit, weights),
        calibrator=calibrator,
        thresholds={
            target: thresholds_for(
                stated, is_fit, target, accept_prior=min(prior, EVEN), reject_prior=max(prior, REJECT_PRIOR)
            )
            for target in TARGETS
        },
        provenance=provenance,
    )
    return found


def held_out_probabilities(
    votes: pl.DataFrame, labelled: pl.DataFrame, *, prior: float = EVEN, by: str = "group"
) -> pl.DataFrame:
    """LABELLED and the probability of each text, stated by members' reliability and a map that never saw its fold."""
    labelled = labelled.sort(*TEXT)
    members, signals = _signals(votes, labelled)
    folds = _folds(labelled, by)
    scores = _held_out(members, signals, votes, labelled, folds)
    even = cross_fitted(scores, labelled["is_fit"].to_numpy(), _weights(labelled), folds)
    return labelled.with_columns(score=pl.Series(scores), probability=pl.Series(at_prior(even, prior)))


def cross_fitted(
    scores: NDArray[np.float64], is_fit: NDArray[np.bool_], weights: NDArray[np.float64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Each fold's probabilities at even odds, by a map learned on the others."""
    stated = np.full(len(scores), EVEN)
    for fold in np.unique(folds):
        held = folds == fold
        stated[held] = fit_calibrator(scores[~held], is_fit[~held], weights[~held], folds[~held]).apply(scores[held])
    return stated


def _held_out(
    members: Sequence[str],
    signals: NDArray[np.int8],
    votes: pl.DataFrame,
    labelled: pl.DataFrame,
    folds: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The score of each text by reliability learned without its fold."""
    is_fit, weights = labelled["is_fit"].to_numpy(), _weights(labelled)
    scores = np.zeros(len(labelled))
    for fold in np.unique(folds):
        held = folds == fold
        texts = labelled.filter(pl.Series(held))
        known = bare(_answers(members, signals[~held], is_fit[~held], weights[~held]))
        found = known.probabilities(votes.join(texts, on=list(TEXT), how="semi"))
        joined = texts.join(found, on=list(TEXT), how="left", maintain_order="left")
        scores[held] = joined["score"].fill_null(0.0).to_numpy()
    return scores


def _signals(votes: pl.DataFrame, labelled: pl.DataFrame) -> tuple[list[str], NDArray[np.int8]]:
    members = sorted(votes["member"].unique().to_list())
    return members, matrix(votes, labelled.select(*TEXT), members)


def _answers(
    members: Sequence[str], signals: NDArray[np.int8], is_fit: NDArray[np.bool_], weights: NDArray[np.float64]
) -> pl.DataFrame:
    """How often each member gave each signal on unfit and fit texts, and its prior answers (schema `ANSWERS`)."""
    counts = estimate(
        answers_of(signals, len(SIGNALS)),
        labels=is_fit.astype(np.int8),
        prior_counts=np.broadcast_to(np.asarray([PRIOR_ANSWERS["unfit"], PRIOR_ANSWERS["fit"]]), _shape(members)),
        weights=weights,
        start=np.stack([~is_fit, is_fit], axis=1).astype(np.float64),
    ).counts
    rows = [
        (member, signal, float(counts[i, 0, j]), float(counts[i, 1, j]))
        for i, member in enumerate(members)
        for j, signal in enumerate(SIGNALS)
    ]
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")


def _shape(members: Sequence[str]) -> tuple[int, int, int]:
    return len(members), 2, len(SIGNALS)


def _weights(labelled: pl.DataFrame) -> NDArray[np.float64]:
    """Equal sums for the sources of a class, and for the classes, which makes the odds even."""
    n_sources = pl.col("source").n_unique()
    share = 1 / pl.len().over("source", "is_fit") / n_sources.over("is_fit")
    weights: NDArray[np.float64] = labelled.select(share * n_sources * _SOURCE_WEIGHT).to_series().to_numpy()
    return weights


def _folds(labelled: pl.DataFrame, by: str) -> NDArray[np.int64]:
    if by == "source":
        return labelled["source"].rank("dense").cast(pl.Int64).to_numpy()
    return folds_of(labelled["group"].to_list(), N_FOLDS)
