"""A calibration learned from labelled votes: reliability of each member, the map to probabilities, the thresholds.

Whose labels they are, and where a calibration is kept, lives in `stemma.quorum.refit` and `bench.quorum`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.quorum.calibrators import at_prior
from stemma.quorum.dawid_skene import answers_of, estimate
from stemma.quorum.evidence import SIGNALS, TEXT, matrix, signal
from stemma.quorum.scales import EVEN, OUTCOME, Standing, cross_fitted, even_scale, folds_by, scale_in_use
from stemma.quorum.worth import ANSWERS, RULES, Calibration, bare

_AS_OF_TODAY = ("history", "tests")
_TOLD = 3  # unfit texts of a source in which a rule was right, from which on the source speaks for it
_APART = 1_000  # more folds than labels of one kind are cut into
_BASE_WEIGHT = 50.0
_SOURCE_WEIGHT = 100.0  # answers that one class of one source counts for, in all


def learn(
    votes: pl.DataFrame,
    labelled: pl.DataFrame,
    *,
    prior: float = EVEN,
    provenance: Mapping[str, Any],
    by: str = "group",
    base: pl.DataFrame | None = None,
    standing: Standing | None = None,
) -> Calibration:
    """A calibration from votes (schema `SEATED_VOTES`) and labels (schema `LABELLED`) on the same texts.

    Args:
        prior: share of fit code the probabilities will be stated for, and at which acceptance keeps its target. One
            above even odds must have been measured: where less is fit, more of what is accepted is wrong.
        by: what is held out to learn the map and the thresholds: `group`, or `source` for thresholds that hold on
            code from a source never seen.
        base: what was learned before (schema `ANSWERS`); it counts for at most `_BASE_WEIGHT` answers of either class.
        standing: code in use, from which its own scale is learned; without any it is that of the labels.
    """
    labelled = labelled.sort(*TEXT)
    if standing is not None:
        labelled = pl.concat([labelled, standing.labelled.sort(*TEXT)])
        votes = pl.concat([votes, standing.votes])
    n = len(labelled) - (0 if standing is None else len(standing.labelled))
    cast, votes = votes, independent(votes, labelled)
    unheard = cast.join(votes, on="member", how="anti")["member"].unique().sort()
    members, signals = _signals(votes, labelled)
    before = _before(members, base)
    is_fit = labelled["is_fit"].to_numpy()
    weights = np.concatenate([evened(labelled[:n]), _own_weights(labelled[n:])])
    folds = np.concatenate([folds_by(labelled[:n], by), _APART + folds_by(labelled[n:], "source")])
    held_out = _held_out(votes, labelled, folds, weights, base)
    scale = even_scale(held_out[:n], is_fit[:n], weights[:n], folds[:n], prior)
    found = Calibration(
        scale=scale,
        used=scale,
        answers=_merged(pl.concat([_answers(signals, is_fit, weights, before), _mute(unheard)]), base),
        rules=_rules(votes, labelled, weights),
        provenance=provenance,
    )
    return found if standing is None else replace(found, used=scale_in_use(found, standing, held_out[n:]))


def held_out_probabilities(
    votes: pl.DataFrame,
    labelled: pl.DataFrame,
    *,
    prior: float = EVEN,
    by: str = "group",
    base: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """LABELLED and the probability of each text, stated by members' reliability and a map that never saw its fold."""
    labelled = labelled.sort(*TEXT)
    votes = independent(votes, labelled)
    folds, weights = folds_by(labelled, by), evened(labelled)
    scores = _held_out(votes, labelled, folds, weights, base)
    even = cross_fitted(scores, labelled["is_fit"].to_numpy(), weights, folds)
    return labelled.with_columns(score=pl.Series(scores), probability=pl.Series(at_prior(even, prior)))


def independent(votes: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """Votes without those that rest on what the label rests on: a text's history, where its outcome is the label; and
    what reaches it now, where its label is of what became of it long ago."""
    by_outcome = labelled.filter(pl.col("source") == OUTCOME).select(*TEXT, is_by_outcome=pl.lit(True))
    marked = votes.join(by_outcome, on=list(TEXT), how="left")
    is_circular = pl.col("is_by_outcome").fill_null(False) & pl.col("family").is_in(_AS_OF_TODAY)
    return marked.filter(~is_circular).drop("is_by_outcome")


def _held_out(
    votes: pl.DataFrame,
    labelled: pl.DataFrame,
    folds: NDArray[np.int64],
    weights: NDArray[np.float64],
    base: pl.DataFrame | None,
) -> NDArray[np.float64]:
    """The score of each text by reliability learned without its fold."""
    members, signals = _signals(votes, labelled)
    before, is_fit = _before(members, base), labelled["is_fit"].to_numpy()
    scores = np.zeros(len(labelled))
    for fold in np.unique(folds):
        held = folds == fold
        seen = labelled.filter(pl.Series(~held))
        known = bare(
            _answers(signals[~held], is_fit[~held], weights[~held], before), _rules(votes, seen, weights[~held])
        )
        texts = labelled.filter(pl.Series(held))
        found = known.probabilities(votes.join(texts, on=list(TEXT), how="semi"))
        joined = texts.join(found, on=list(TEXT), how="left", maintain_order="left")
        scores[held] = joined["score"].fill_null(0.0).to_numpy()
    return scores


def _signals(votes: pl.DataFrame, labelled: pl.DataFrame) -> tuple[list[str], NDArray[np.int8]]:
    members = sorted(votes["member"].unique().to_list())
    return members, matrix(votes, labelled.select(*TEXT), members)


def _before(members: Sequence[str], base: pl.DataFrame | None) -> pl.DataFrame:
    """What each of the members is taken to have answered before (schema `ANSWERS`), in their order."""
    known = bare(pl.DataFrame(schema=ANSWERS) if base is None else base).answers_of(list(members))
    share = [(_BASE_WEIGHT / pl.col(kind).sum().over("member")).clip(upper_bound=1.0) for kind in ("unfit", "fit")]
    return known.sort("member", maintain_order=True).with_columns(pl.col("unfit") * share[0], pl.col("fit") * share[1])


def _answers(
    signals: NDArray[np.int8], is_fit: NDArray[np.bool_], weights: NDArray[np.float64], before: pl.DataFrame
) -> pl.DataFrame:
    """How often each member gave each signal on unfit and fit texts, what it answered before included."""
    n_members = signals.shape[1]
    prior = before.select("unfit", "fit").to_numpy().reshape(n_members, len(SIGNALS), 2).transpose(0, 2, 1)
    counts = estimate(
        answers_of(signals, len(SIGNALS)),
        labels=is_fit.astype(np.int8),
        prior_counts=prior,
        weights=weights,
        start=np.stack([~is_fit, is_fit], axis=1).astype(np.float64),
    ).counts
    return before.with_columns(
        unfit=pl.Series(counts[:, 0, :].ravel(), dtype=pl.Float64),
        fit=pl.Series(counts[:, 1, :].ravel(), dtype=pl.Float64),
    )


def _rules(votes: pl.DataFrame, labelled: pl.DataFrame, weights: NDArray[np.float64]) -> pl.DataFrame:
    """How often each rule was the gravest that a vote told, on unfit and fit texts (schema `RULES`).

    Labels by outcome are left out: that nobody mended a text for a year does not show that a finding on it is wrong.
    """
    weight, is_fit = pl.col("weight"), pl.col("is_fit")
    return (
        votes.filter((pl.col("vote") != "abstain") & pl.col("rule").is_not_null())
        .with_columns(signal=signal())
        .join(
            labelled.with_columns(weight=pl.Series(weights))
            .filter(~pl.col("source").str.starts_with(OUTCOME))
            .select(*TEXT, "is_fit", "weight", "source"),
            on=list(TEXT),
        )
        .group_by("member", "signal", "rule")
        .agg(
            unfit=weight.filter(~is_fit).sum(),
            fit=weight.filter(is_fit).sum(),
            n_unfit=(~is_fit).sum().cast(pl.Int64),
            n_fit=is_fit.sum().cast(pl.Int64),
            n_sources=(
                pl.col("source").filter(~is_fit & (weight > 0)).value_counts(name="n").struct["n"] >= _TOLD
            ).sum(),
        )
        .sort("member", "signal", "rule")
        .select(pl.col(name).cast(kind) for name, kind in RULES.items())
    )


def _mute(members: pl.Series) -> pl.DataFrame:
    """Answers (schema `ANSWERS`) by which a member says nothing: the thresholds were found without its votes, so those
    must not count where they are used."""
    even = pl.DataFrame({"signal": SIGNALS, "unfit": 1.0, "fit": 1.0})
    return (
        pl.DataFrame({"member": members})
        .join(even, how="cross")
        .select(pl.col(name).cast(kind) for name, kind in ANSWERS.items())
    )


def _merged(learned: pl.DataFrame, base: pl.DataFrame | None) -> pl.DataFrame:
    """With members that only the base knows."""
    return learned if base is None else pl.concat([learned, base.join(learned, on="member", how="anti")])


def evened(labelled: pl.DataFrame) -> NDArray[np.float64]:
    """Equal sums for the sources of a class, and for the classes, which makes the odds even. A source of one class
    weighs nothing: what sets it apart may be its style; it is there to hold thresholds against."""
    both = pl.col("is_fit").n_unique().over("source") == 2
    share = pl.when(both).then(_SOURCE_WEIGHT / pl.len().over("source", "is_fit")).otherwise(0.0)
    weights: NDArray[np.float64] = labelled.select(share).to_series().to_numpy()
    return weights if weights.any() else np.ones(len(labelled))


def _own_weights(labelled: pl.DataFrame) -> NDArray[np.float64]:
    """Of either class of a source as much as the rarer has texts, and `_SOURCE_WEIGHT` at most: five fixes are five
    answers, and beside a hundred times as many of the other class what was never seen would seem to tell them apart."""
    is_fit = pl.col("is_fit")
    rarer = pl.min_horizontal(is_fit.sum().over("source"), (~is_fit).sum().over("source"), _SOURCE_WEIGHT)
    weights: NDArray[np.float64] = labelled.select(rarer / pl.len().over("source", "is_fit")).to_series().to_numpy()
    return weights
