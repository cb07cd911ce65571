"""A calibration learned from the user's own labels and kept in place of the packaged one.

What labels are in force lives in `truth`, how a file of them is read in `label_files`, how a calibration is learned in
`learning`, where it is kept in `calibration`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl
import scipy  # type: ignore[import-untyped]

from stemma.config import Settings
from stemma.quorum.calibration import FILE, CalibrationError, as_json, packaged, read_calibration, write_calibration
from stemma.quorum.calibrators import expected_calibration_error, log_loss
from stemma.quorum.evidence import TEXT
from stemma.quorum.label_files import import_labels
from stemma.quorum.learning import held_out_probabilities, independent, learn
from stemma.quorum.members import open_members
from stemma.quorum.scales import PRIORS
from stemma.quorum.sitting import seats_frame, votes_of
from stemma.quorum.thresholds import CONFIDENCE
from stemma.quorum.truth import labelled_by_outcome, labels_at_odds, labels_in_force
from stemma.quorum.votes import update_former_votes
from stemma.quorum.worth import Calibration
from stemma.store.postgres import Database

MIN_LABELS = 100
"""Labelled texts with votes below which the packaged calibration stays: at a target error of 5 % no fewer could show
anything, even without an error among them (1 - 0.05 ** (1 / 59) is 0.05, for each class)."""
MIN_OF_EITHER = 25

_FIT_WANTED = 250
_SURE = 0.98
"""Of the interval, two-sided, whose lower end the share is taken for: it is less in one case of a hundred."""


@dataclass(frozen=True)
class Refit:
    """What came of the labels.

    Attributes:
        n_read: labels read from the file; `n_new` of them were not known.
        left_out: one sentence for each line, or text, that was left out, and why.
        n_labelled: texts with a label in force that members have voted on; `n_fit` of them are fit.
        is_learned: whether a calibration was learned from them; `reason` says why, or why not.
        before, after: log loss and calibration error on them of the packaged calibration, which never saw them, and of
            the one learned, held out; None where there were too few.
    """

    n_read: int
    n_new: int
    left_out: tuple[str, ...]
    n_labelled: int
    n_fit: int
    is_learned: bool
    reason: str
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None


def recalibrate(db: Database, settings: Settings, file: Path | None = None) -> Refit:
    """Learn a calibration from the labels in force, those of a file added first, and keep it for the next sitting.

    A file has a header (CSV) or one object a line (JSONL): `is_fit` (true or false), and `place` (what `stemma verdict`
    takes) or `pattern` and `exact_hash`; `reason` and `labelled_by` where given are kept. Labels that contradict each
    other are left out, each named in a sentence; with too few the calibration stays as it is.

    Raises:
        ConfigError: the file cannot be read, or has no such columns.
    """
    n_read, n_new, left_out = (0, 0, ()) if file is None else import_labels(db, file)
    at_odds = [
        f"Text {row['exact_hash'][:10]} of pattern {row['pattern_id'][:10]}: its labels ({row['source']}) contradict "
        "each other; none of them counts."
        for row in labels_at_odds(db).to_dicts()
    ]
    labelled = labels_in_force(db)
    share = own_share(labelled.join(labelled_by_outcome(db), on=list(TEXT), how="semi")["is_fit"])
    members = open_members(settings, db)
    update_former_votes(db, settings, members, _wanted(labelled))
    votes = independent(votes_of(db, seats_frame(members), labelled.select(*TEXT)), labelled)
    cast = votes.filter(pl.col("vote") != "abstain").select(*TEXT).unique()
    labelled = labelled.join(cast, on=list(TEXT), how="semi").sort(*TEXT)
    n, n_fit = labelled.height, int(labelled["is_fit"].sum())
    of = partial(Refit, n_read, n_new, (*left_out, *at_odds), n, n_fit)
    if n < MIN_LABELS or min(n_fit, n - n_fit) < MIN_OF_EITHER:
        reason = (
            f"Too few labels: {n} texts with votes are labelled, {n_fit} fit and {n - n_fit} unfit; it takes "
            f"{MIN_LABELS}, and {MIN_OF_EITHER} of either. The calibration stays as it is."
        )
        return of(is_learned=False, reason=reason)
    # Who has labels has repositories: what is held against the packaged calibration is its scale of code in use.
    before = _errors_of(votes, labelled, replace(packaged(), scale=packaged().used))
    after = _errors(votes, labelled, share.prior)
    if after["log_loss"] >= before["log_loss"]:
        reason = (
            f"The packaged calibration foresees the {n} labels better (log loss {before['log_loss']:.3f}) than one "
            f"learned from them, held out ({after['log_loss']:.3f}). The calibration stays as it is."
        )
        return of(is_learned=False, reason=reason, before=before, after=after)
    about = _provenance(labelled, after, share)
    learned = learn(votes, labelled, prior=share.prior, provenance=about, base=packaged().answers)
    target = settings.quorum_target_error
    if learned.used.thresholds_at(target).accept_at is None and packaged().used.thresholds_at(target).accept_at:
        reason = (
            f"With {n} labelled texts, {n_fit} of them fit, nothing can be shown to be accepted with an error of "
            f"{target:g} at most: {share.reason}. Outcomes tell of code in its first months, and what the packaged "
            "calibration accepts has stood longer. The calibration stays as it is."
        )
        return of(is_learned=False, reason=reason, before=before, after=after)
    # Of code that is only handed over one's own labels say nothing.
    _keep(replace(learned, scale=packaged().scale), settings.data_dir / FILE)
    reason = (
        f"Learned from {n} labelled texts, {n_fit} of them fit. Acceptance keeps its target where {share.prior:.1%} of "
        f"code or more is fit: {share.reason}. The next `stemma run` decides by it."
    )
    return of(is_learned=True, reason=reason, before=before, after=after)


def _wanted(labelled: pl.DataFrame) -> pl.DataFrame:
    """TEXT of those on which votes are wanted: all that are unfit, few of which still stand, and as many fit ones as
    tell how often such get which vote, drawn by their hashes."""
    is_fit = pl.col("is_fit")
    drawn = labelled.filter(is_fit).sort("exact_hash", "pattern_id").head(_FIT_WANTED)
    return pl.concat([labelled.filter(~is_fit), drawn]).select(*TEXT)


@dataclass(frozen=True)
class Share:
    """The share of fit code that acceptance is certified at, and what it rests on."""

    prior: float
    reason: str


def own_share(by_outcome: pl.Series) -> Share:
    """The share of fit code among one's own, from whether each text that an outcome labels is fit.

    Only those are asked: nobody chose them, while reviews begin with what is doubtful, and a file holds what somebody
    put there. It is the lower end of Wilson's interval (1927), within `PRIORS`; without any it is the
    packaged calibration's, which was measured on repositories of others.

    What is accepted at a threshold learned with it is wrong no more often than the target, with the confidence of
    `thresholds` less one in a hundred, on texts like these: drawn from the same code, called fit by the same rules, of
    which at least this share is fit. It says nothing of code from elsewhere, nor of faults that nobody mended.
    """
    n, n_fit = len(by_outcome), int(by_outcome.sum())
    if not n:
        return Share(packaged().used.prior, "no outcome says how much of yours is, so much was of the packaged one's")
    low = float(scipy.stats.binomtest(n_fit, n).proportion_ci(_SURE, method="wilson").low)
    prior = round(min(max(low, PRIORS[0]), PRIORS[1]), 4)
    return Share(prior, f"{n_fit} of {n} texts with an outcome are fit, and Wilson's lower bound of that is {low:.1%}")


def _keep(learned: Calibration, path: Path) -> None:
    """Write it, unless what is kept differs in the date alone: another file would decide every text anew."""
    try:
        known = read_calibration(path.read_text("utf-8"), str(path)).provenance["date"]
    except (OSError, UnicodeError, CalibrationError):
        known = None
    same = replace(learned, provenance={**learned.provenance, "date": known})
    if known is None or as_json(same) != path.read_text("utf-8"):
        write_calibration(learned, path)


def _errors(votes: pl.DataFrame, labelled: pl.DataFrame, prior: float) -> dict[str, float]:
    return _measured(held_out_probabilities(votes, labelled, prior=prior, base=packaged().answers))


def _errors_of(votes: pl.DataFrame, labelled: pl.DataFrame, calibration: Calibration) -> dict[str, float]:
    stated = labelled.join(calibration.probabilities(votes), on=list(TEXT), how="left")
    return _measured(stated.with_columns(pl.col("probability").fill_null(calibration.scale.prior)))


def _measured(stated: pl.DataFrame) -> dict[str, float]:
    probability, is_fit = stated["probability"].to_numpy(), stated["is_fit"].to_numpy()
    error = expected_calibration_error(probability, is_fit)
    return {"log_loss": log_loss(probability, is_fit), "calibration_error": float(error or 0.0)}


def _provenance(labelled: pl.DataFrame, after: dict[str, float], share: Share) -> dict[str, object]:
    counts = labelled.group_by("source").agg(fit=pl.col("is_fit").sum(), unfit=(~pl.col("is_fit")).sum())
    return {
        "sets": sorted(labelled["source"].unique()),
        "commits": {},
        "counts": {row["source"]: {"fit": row["fit"], "unfit": row["unfit"]} for row in counts.to_dicts()},
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": "stemma calibrate",
        "figures": {
            "prior": share.reason,
            "acceptance": f"keeps its target where {share.prior:.1%} of code or more is fit; confidence {CONFIDENCE}",
            "held out": after,
        },
    }
