"""Verdicts from votes, frame to frame: the probability that a text is fit, the outcome, and what decided it.

The rule is data, in `rule`; what a vote is worth, in `calibration`; how verdicts are kept, in `sitting`.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from stemma.quorum.calibration import Calibration
from stemma.quorum.evidence import TEXT
from stemma.quorum.rule import AUTO_APPLY_TARGET, Rule
from stemma.quorum.thresholds import Thresholds

# One row per text. `probability` is null where there was no quorum, `agreement` where nobody voted.
VERDICTS = pl.Schema(
    {
        "pattern_id": pl.String,
        "exact_hash": pl.String,
        "outcome": pl.String,
        "probability": pl.Float64,
        "decision": pl.String,
        "agreement": pl.Float64,
        "n_pass": pl.Int16,
        "n_fail": pl.Int16,
        "n_abstain": pl.Int16,
        "n_families": pl.Int16,
        "reason": pl.String,
    }
)

NOT_APPLICABLE = "not applicable"
"""How an abstention's reason begins where the text is none of the member's business: that leaves nothing unjudged."""

_CAST = pl.col("vote") != "abstain"
_FAILS = pl.col("vote") == "fail"


def decide(
    votes: pl.DataFrame, rule: Rule, calibration: Calibration, texts: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The verdict on each text (schema `VERDICTS`).

    Args:
        votes: schema `evidence.SEATED_VOTES`.
        texts: TEXT of those to decide on; by default those that have a vote. One without any is for a person.
    """
    texts = (votes if texts is None else texts).select(*TEXT).unique().sort(*TEXT)
    decide_at = calibration.thresholds_at(rule.target_error)
    surely_at = calibration.thresholds_at(min(rule.target_error, AUTO_APPLY_TARGET)).accept_at
    judged = (
        texts.join(_tallies(votes, rule, calibration), on=list(TEXT), how="left")
        .join(_sides(votes, calibration), on=list(TEXT), how="left")
        .join(calibration.probabilities(votes).select(*TEXT, "probability"), on=list(TEXT), how="left")
        .with_columns(
            pl.col("n_pass", "n_fail", "n_abstain", "n_families", "n_quorum").fill_null(0),
            pl.col("is_vetoed", "is_doubted").fill_null(False),
            pl.col("lacking").fill_null(_listed(rule)),
        )
        .with_columns(has_quorum=(pl.col("n_quorum") >= rule.min_families) & (pl.col("lacking") == ""))
        .with_columns(probability=pl.when("has_quorum").then("probability"))
        .with_columns(outcome=_outcome(decide_at))
    )
    return judged.with_columns(decision=_decision(surely_at), reason=_reason(rule, decide_at)).select(
        pl.col(name).cast(kind) for name, kind in VERDICTS.items()
    )


def _listed(rule: Rule) -> str:
    return ", ".join(rule.needed_families)


def _tallies(votes: pl.DataFrame, rule: Rule, calibration: Calibration) -> pl.DataFrame:
    """Counts, vetoes and what is missing, by text."""
    seat = pl.concat_str("member", "severity", separator="\n"), pl.concat_str("family", "severity", separator="\n")
    vetoes = [f"{who}\n{severity}" for who, severity in rule.vetoes]
    overruled = calibration.overruled(rule.target_error).with_columns(is_overruled=pl.lit(True))
    is_grave = _FAILS & pl.any_horizontal(column.is_in(vetoes) for column in seat).fill_null(False)
    veto = is_grave & pl.col("is_overruled").is_null()
    needed = pl.col("family").is_in(rule.needed_families)
    # A member that reads the text's language and yet said nothing of its safety is not a clean bill.
    silenced = ~_CAST & ~pl.col("reason").fill_null("").str.starts_with(NOT_APPLICABLE)
    lacking = [
        pl.when(((pl.col("family") == family) & _CAST).any()).then(pl.lit("")).otherwise(pl.lit(family))
        for family in rule.needed_families
    ]
    return (
        votes.join(overruled, on=["member", "rule"], how="left")
        .sort(*TEXT, "member")
        .group_by(*TEXT, maintain_order=True)
        .agg(
            n_pass=(pl.col("vote") == "pass").sum(),
            n_fail=_FAILS.sum(),
            n_abstain=(~_CAST).sum(),
            n_families=pl.col("family").filter(_CAST).n_unique(),
            n_quorum=pl.col("family").filter(_CAST & ~pl.col("family").is_in(rule.companion_families)).n_unique(),
            is_vetoed=veto.any(),
            is_doubted=((needed & (_FAILS | silenced)) | is_grave).any(),
            lacking=pl.concat_str(*lacking, pl.lit(""), separator=" "),
            told=_told().filter(_FAILS).str.join("; "),
            veto=_told().filter(veto).first(),
            silent=_silent().filter(needed & silenced).str.join("; "),
            absent=_silent().filter(needed & ~_CAST).str.join("; "),
        )
        .with_columns(lacking=pl.col("lacking").str.strip_chars().str.replace_all(r" +", ", "))
    )


def _sides(votes: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    """Agreement by text: the larger side among families, each on the side of its strongest member."""
    words = calibration.scores(votes).join(votes.select(*TEXT, "member", "vote"), on=[*TEXT, "member"])
    share = (pl.col("vote") == "pass").mean()
    return words.group_by(*TEXT).agg(agreement=pl.max_horizontal(share, 1 - share))


def _told() -> pl.Expr:
    """What a failing member says, in a phrase."""
    finding = pl.format("{} finds {} in line {} ({})", "member", "rule", "line", "message")
    return pl.coalesce(finding, pl.format("{} fails it", "member"))


def _silent() -> pl.Expr:
    return pl.format("{}: {}", "member", pl.col("reason").fill_null("no reason given"))


def _outcome(at: Thresholds) -> pl.Expr:
    return (
        pl.when("is_vetoed")
        .then(pl.lit("reject"))
        .when(~pl.col("has_quorum"))
        .then(pl.lit("needs_review"))
        .when(_reaches(at.reject_at, lambda limit: pl.col("probability") <= limit))
        .then(pl.lit("reject"))
        .when(_reaches(at.accept_at, lambda limit: pl.col("probability") >= limit) & ~pl.col("is_doubted"))
        .then(pl.lit("accept"))
        .otherwise(pl.lit("needs_review"))
    )


def _decision(surely_at: float | None) -> pl.Expr:
    surely = _reaches(surely_at, lambda limit: pl.col("probability") >= limit)
    return (
        pl.when(pl.col("outcome") == "reject")
        .then(pl.lit("refuse"))
        .when(pl.col("outcome") == "needs_review")
        .then(pl.lit("review"))
        .when(surely)
        .then(pl.lit("auto_apply"))
        .otherwise(pl.lit("suggest"))
    )


def _reaches(limit: float | None, compare: Callable[[float], pl.Expr]) -> pl.Expr:
    return pl.lit(False) if limit is None else compare(limit).fill_null(False)


def _reason(rule: Rule, at: Thresholds) -> pl.Expr:
    """One sentence: what decided it, in the order in which `_outcome` decides."""
    cast = pl.col("n_pass") + pl.col("n_fail")
    told = pl.when(pl.col("n_fail") > 0).then(pl.format("; {}", "told")).otherwise(pl.lit(""))
    odds = pl.format("it is fit with a probability of {}", pl.col("probability").round(3))
    tally = pl.format("{} of {} votes cast pass", "n_pass", cast)
    few = pl.format("Too few votes: {} of the {} families a verdict needs.", "n_quorum", pl.lit(rule.min_families))
    absent = pl.when(pl.col("absent").fill_null("") == "").then(pl.lit("no such member")).otherwise("absent")
    doubted = pl.when(pl.col("silent") != "").then(pl.format("; {}", "silent")).otherwise(pl.lit(""))
    return (
        pl.when("is_vetoed")
        .then(pl.format("Vetoed: {}.", "veto"))
        .when(cast == 0)
        .then(pl.lit("Nobody voted on it."))
        .when(pl.col("lacking") != "")
        .then(pl.format("Nobody judged its {} ({}).", "lacking", absent))
        .when(pl.col("n_quorum") < rule.min_families)
        .then(few)
        .when(pl.col("outcome") == "needs_review")
        .then(pl.format("Open: {}, {}, {}{}{}.", tally, odds, pl.lit(_between(rule, at)), told, doubted))
        .otherwise(pl.format("{}, {}{}.", tally, odds, told))
    )


def _between(rule: Rule, at: Thresholds) -> str:
    """What a decision would take, in words."""
    accept = "none is known to be enough to accept" if at.accept_at is None else f"{at.accept_at:.3f} would accept"
    reject = "none low enough to reject" if at.reject_at is None else f"{at.reject_at:.3f} reject"
    return f"where at a target error of {rule.target_error:g} {accept} and {reject}"
