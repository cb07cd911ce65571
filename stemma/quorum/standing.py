"""How the quorum stands when it rises: the figures of a sitting and of its members, written beside its verdicts.

They are counted over digests of votes, of which there are some hundreds, each for however many texts voted on so. How
verdicts are decided and kept lives in `sitting`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from stemma.ids import content_id
from stemma.quorum.agreement import krippendorff_alpha
from stemma.quorum.ask import NO_ANSWER
from stemma.quorum.calibrators import expected_calibration_error, log_loss
from stemma.quorum.dawid_skene import UNKNOWN, answers_of, estimate
from stemma.quorum.evidence import SIGNALS, TEXT, matrix
from stemma.quorum.history import votes_in
from stemma.quorum.learning import independent
from stemma.quorum.rule import Rule
from stemma.quorum.scope import VERDICTS_IN_FORCE
from stemma.quorum.truth import labels_in_force
from stemma.quorum.verdicts import decide
from stemma.quorum.worth import Calibration
from stemma.store.postgres import Database, Transaction
from stemma.tables import polars_schema, sitting_members, sittings

MIN_LABELS, MIN_OF_EITHER = 30, 10
"""Labelled texts, and fit and unfit ones among them, below which an error on them is an accident."""

_LABELLED_SHARE = 0.5  # of what reliability is learned from, at most, comes from texts without a label

_IN_FORCE = f"""
SELECT pattern_id, exact_hash, outcome, probability::float8, votes_digest
FROM ({VERDICTS_IN_FORCE}) AS v JOIN ({{scope}}) AS scope USING (pattern_id, exact_hash)
"""
_ALIKE = f"SELECT votes_digest, outcome, count(*) AS n FROM ({_IN_FORCE}) AS v GROUP BY votes_digest, outcome"
_LABELLED = f"SELECT v.* FROM ({_IN_FORCE}) AS v JOIN {{labels}} l USING (pattern_id, exact_hash)"
_SPENT = f"""
SELECT member, count(*) FILTER (WHERE reason LIKE '{NO_ANSWER}%') AS n_no_answer,
    sum(seconds)::float8 AS seconds, sum(cost)::float8 AS cost
FROM stemma.votes JOIN {{seats}} s USING (member, member_version)
JOIN ({{scope}}) AS scope USING (pattern_id, exact_hash)
GROUP BY member
"""


def record_sitting(
    db: Database,
    seats: pl.DataFrame,
    by: tuple[Rule, Calibration, str],
    scope: str,
    counts: dict[str, int],
) -> None:
    """Write the figures of the sitting that just added verdicts.

    Args:
        seats: member, member_version, family.
        by: the rule, the calibration, and the version of both.
        scope: query of the texts in scope.
        counts: n_decided, n_changed.
    """
    with db.transaction() as transaction:
        alike, labelled, spent, now = _read(transaction, seats, scope)
        sitting_id = content_id(str(now), by[2])
        figures = _figures(alike, labelled, seats) | counts
        sitting = {"sitting_id": sitting_id, "sat_at": now, "rule_version": by[2], **figures}
        transaction.insert(sittings, pl.DataFrame([sitting], schema=polars_schema(sittings)))
        members = _members(alike, labelled, seats, by[:2]).join(spent, on="member", how="left")
        rows = members.with_columns(pl.col("n_no_answer").fill_null(0), sitting_id=pl.lit(sitting_id))
        transaction.insert(sitting_members, rows.select(list(polars_schema(sitting_members))))


def _read(
    transaction: Transaction, seats: pl.DataFrame, scope: str
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, Any]:
    alike = transaction.read(_ALIKE.format(scope=scope))
    labels = labels_in_force(transaction)
    with transaction.staged("labels", labels) as staged:
        verdicts = transaction.read(_LABELLED.format(scope=scope, labels=staged))
    with transaction.staged("seats", seats) as staged:
        spent = transaction.read(_SPENT.format(scope=scope, seats=staged))
    now = transaction.read("SELECT clock_timestamp() AS now")["now"][0]
    return alike, verdicts.join(labels.select(*TEXT, "is_fit", "source"), on=list(TEXT)), spent, now


def _figures(alike: pl.DataFrame, labelled: pl.DataFrame, seats: pl.DataFrame) -> dict[str, Any]:
    votes = votes_in(_keyed(alike), seats)
    said = [pl.col("vote").eq(vote).sum().cast(pl.Float64).alias(vote) for vote in ("pass", "fail")]
    counts = votes.group_by(*TEXT).agg(*said).join(_keyed(alike), on=list(TEXT))
    outcomes = dict(alike.group_by("outcome").agg(pl.col("n").sum()).iter_rows())
    known = labelled.drop_nulls("probability")
    return {
        "n_texts": int(alike["n"].sum()),
        **{f"n_{outcome}": outcomes.get(outcome, 0) for outcome in ("accept", "reject", "needs_review")},
        "alpha": krippendorff_alpha(
            counts.select("pass", "fail").to_numpy(), counts["n"].to_numpy().astype(np.float64)
        ),
        "n_labelled": labelled.height,
        "calibration_error": _calibration_error(known, "probability"),
    }


def _members(
    alike: pl.DataFrame, labelled: pl.DataFrame, seats: pl.DataFrame, by: tuple[Rule, Calibration]
) -> pl.DataFrame:
    keyed = _keyed(alike)
    votes = votes_in(keyed, seats).join(keyed.select(*TEXT, "n"), on=list(TEXT))
    tallies = votes.group_by("member").agg(
        pl.col("n").filter(pl.col("vote") == vote).sum().alias(f"n_{vote}") for vote in ("pass", "fail", "abstain")
    )
    told = independent(votes_in(labelled.select(*TEXT, "votes_digest"), seats), labelled)
    return (
        seats.join(tallies, on="member", how="left")
        .join(_confusion(told, labelled), on="member", how="left")
        .with_columns(pl.col("^n_.*$").fill_null(0))
        .join(_reliability(votes, keyed, told, labelled, by[1]), on="member", how="left")
        .join(_worth(votes, keyed, told, labelled, by), on="member", how="left")
    )


def _keyed(alike: pl.DataFrame) -> pl.DataFrame:
    """Digests under keys of their own in place of texts'."""
    return alike.with_columns(
        pattern_id=pl.concat_str("votes_digest", "outcome", separator="\n"), exact_hash=pl.lit("")
    )


def _confusion(told: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """By member: votes on labelled texts by what they are, and the error of the member's own probabilities."""
    known = told.join(labelled.select(*TEXT, "is_fit"), on=list(TEXT))
    passed, failed, is_fit = pl.col("vote") == "pass", pl.col("vote") == "fail", pl.col("is_fit")
    counts = known.group_by("member").agg(
        n_true_pass=(passed & is_fit).sum(),
        n_false_pass=(passed & ~is_fit).sum(),
        n_true_fail=(failed & ~is_fit).sum(),
        n_false_fail=(failed & is_fit).sum(),
    )
    errors = [
        (name, _calibration_error(rows.drop_nulls("probability"), "probability"))
        for (name,), rows in known.partition_by("member", as_dict=True).items()
    ]
    schema = {"member": pl.String, "calibration_error": pl.Float64}
    return counts.join(pl.DataFrame(errors, schema=schema, orient="row"), on="member", how="left")


def _calibration_error(known: pl.DataFrame, column: str) -> float | None:
    if not _is_enough(known):
        return None
    return expected_calibration_error(known[column].cast(pl.Float64).to_numpy(), known["is_fit"].to_numpy())


def _is_enough(known: pl.DataFrame) -> bool:
    n_fit = int(known["is_fit"].sum())
    return known.height >= MIN_LABELS and min(n_fit, known.height - n_fit) >= MIN_OF_EITHER


def _reliability(
    votes: pl.DataFrame, keyed: pl.DataFrame, told: pl.DataFrame, labelled: pl.DataFrame, calibration: Calibration
) -> pl.DataFrame:
    """Sensitivity and specificity by Dawid and Skene, from what was learned before, the labels, and all other texts.

    Texts without a label, together, count for no more than what was learned with labels does (EM-lambda, Nigam et al.
    2000): of members that see with the same eyes, however many texts, EM finds what they have in common, and calls it
    unfit.
    """
    members = sorted(votes["member"].unique().to_list())
    schema = {"member": pl.String, "sensitivity": pl.Float64, "specificity": pl.Float64}
    if not members:
        return pl.DataFrame(schema=schema)
    prior = _prior(members, calibration)
    signals = np.concatenate([matrix(votes, keyed, members), matrix(told, labelled, members)])
    labels = np.concatenate([np.full(len(keyed), UNKNOWN), labelled["is_fit"].cast(pl.Int8).to_numpy()])
    sure = float(prior.sum(axis=(1, 2)).mean()) + len(labelled)
    n_open = max(float(keyed["n"].sum()), 1.0)
    share = min(1.0, _LABELLED_SHARE / (1 - _LABELLED_SHARE) * sure / n_open)
    weights = np.concatenate([keyed["n"].to_numpy() * share, np.ones(len(labelled))])
    start = np.full((len(labels), 2), 0.5)
    found = estimate(
        answers_of(signals, len(SIGNALS)),
        labels=labels,
        prior_counts=prior,
        class_counts=np.full(2, sure / 2),
        weights=weights,
        start=start,
    ).confusion
    fails = np.array([signal.startswith("fail") for signal in SIGNALS])
    votes_at_all = (signals != UNKNOWN).any(axis=0)
    rows = [
        (member, float(found[i, 0, fails].sum()), float(found[i, 1, ~fails].sum()))
        for i, member in enumerate(members)
        if votes_at_all[i]
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _prior(members: list[str], calibration: Calibration) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Answers learned before, shape (members, 2, signals)."""
    known = calibration.answers_of(members)
    return np.stack(
        [
            known.filter(pl.col("member") == member).select("unfit", "fit").to_numpy().T.astype(np.float64)
            for member in members
        ]
    )


def _worth(
    votes: pl.DataFrame,
    keyed: pl.DataFrame,
    told: pl.DataFrame,
    labelled: pl.DataFrame,
    by: tuple[Rule, Calibration],
) -> pl.DataFrame:
    """What verdicts would be without each member: log loss they gain on labelled texts, and outcomes that change."""
    rule, calibration = by
    whole = decide(votes, rule, calibration, keyed)
    rows = []
    for member in sorted(votes["member"].unique().to_list()):
        without = decide(votes.filter(pl.col("member") != member), rule, calibration, keyed)
        both = whole.select(*TEXT, "outcome").join(without.select(*TEXT, other="outcome"), on=list(TEXT))
        changed = both.filter(pl.col("outcome") != pl.col("other")).join(keyed.select(*TEXT, "n"), on=list(TEXT))
        rows.append((member, int(changed["n"].sum()), _gain(told, labelled, member, calibration)))
    schema = {"member": pl.String, "n_decisive": pl.Int64, "marginal_worth": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _gain(told: pl.DataFrame, labelled: pl.DataFrame, member: str, calibration: Calibration) -> float | None:
    if not _is_enough(labelled):
        return None
    losses = []
    for votes in (told, told.filter(pl.col("member") != member)):
        stated = labelled.select(*TEXT, "is_fit").join(calibration.probabilities(votes), on=list(TEXT), how="left")
        probability = stated["probability"].fill_null(calibration.scale.prior).to_numpy()
        losses.append(log_loss(probability, stated["is_fit"].to_numpy()))
    return losses[1] - losses[0]
