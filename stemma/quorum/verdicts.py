"""Verdicts from votes, frame to frame: the probability that a text is fit, the outcome, and what decided it.

The rule is data, in `rule`; what a vote is worth, in `calibration`; how verdicts are kept, in `sitting`.
"""

from __future__ import annotations

import polars as pl

from stemma.quorum.evidence import TEXT
from stemma.quorum.rule import AUTO_APPLY_TARGET, Rule
from stemma.quorum.worth import Calibration, presumption

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
    judged = (
        texts.join(_tallies(votes, rule, calibration), on=list(TEXT), how="left")
        .join(_sides(votes, calibration), on=list(TEXT), how="left")
        .join(calibration.probabilities(votes).select(*TEXT, "probability", "is_used"), on=list(TEXT), how="left")
        .with_columns(
            pl.col("n_pass", "n_fail", "n_abstain", "n_families", "n_quorum").fill_null(0),
            pl.col("is_vetoed", "is_doubted", "is_used").fill_null(False),
            pl.col("lacking").fill_null(_listed(rule)),
        )
        .with_columns(has_quorum=(pl.col("n_quorum") >= rule.min_families) & (pl.col("lacking") == ""))
        .with_columns(probability=pl.when("has_quorum").then("probability"), **_limits(rule, calibration))
        .with_columns(outcome=_outcome(rule))
    )
    return judged.with_columns(decision=_decision(), reason=_reason(rule)).select(
        pl.col(name).cast(kind) for name, kind in VERDICTS.items()
    )


def _listed(rule: Rule) -> str:
    return ", ".join(rule.needed_families)


def _tallies(votes: pl.DataFrame, rule: Rule, calibration: Calibration) -> pl.DataFrame:
    """Counts, vetoes and what is missing, by text."""
    seat = pl.concat_str("member", "severity", separator="\n"), pl.concat_str("family", "severity", separator="\n")
    vetoes = [f"{who}\n{severity}" for who, severity in rule.vetoes]
    presumed = dict(rule.presumed)
    shown = calibration.shown(rule.target_error, presumed)
    is_believed = (presumption(presumed) <= rule.target_error).fill_null(value=False)
    is_grave = _FAILS & pl.any_horizontal(column.is_in(vetoes) for column in seat).fill_null(False)
    veto = is_grave & pl.coalesce("is_shown", is_believed)
    needed = pl.col("family").is_in(rule.needed_families)
    veto &= ~pl.col("member").is_in(rule.refutable) | ~(needed & _CAST).any().over(*TEXT)
    # A member that reads the text's language and yet said nothing of its safety is not a clean bill.
    silenced = ~_CAST & ~pl.col("reason").fill_null("").str.starts_with(NOT_APPLICABLE)
    lacking = [
        pl.when(((pl.col("family") == family) & _CAST).any()).then(pl.lit("")).otherwise(pl.lit(family))
        for family in rule.needed_families
    ]
    return (
        votes.join(shown, on=["member", "rule"], how="left")
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


def _limits(rule: Rule, calibration: Calibration) -> dict[str, pl.Expr]:
    """accept_at, reject_at and surely_at of each text: the thresholds of its scale, null where there is none."""
    sure = min(rule.target_error, AUTO_APPLY_TARGET)
    limits = [
        (at.accept_at, at.reject_at, scale.thresholds_at(sure).accept_at)
        for scale in (calibration.used, calibration.scale)
        for at in [scale.thresholds_at(rule.target_error)]
    ]
    return {
        name: pl.when("is_used").then(pl.lit(used, pl.Float64)).otherwise(pl.lit(other, pl.Float64))
        for name, used, other in zip(("accept_at", "reject_at", "surely_at"), *limits, strict=True)
    }


def _outcome(rule: Rule) -> pl.Expr:
    is_vouched = pl.col("is_used") | pl.lit(not rule.needs_use)
    return (
        pl.when("is_vetoed")
        .then(pl.lit("reject"))
        .when(~pl.col("has_quorum"))
        .then(pl.lit("needs_review"))
        .when(pl.col("probability") <= pl.col("reject_at"))
        .then(pl.lit("reject"))
        .when((pl.col("probability") >= pl.col("accept_at")) & is_vouched & ~pl.col("is_doubted"))
        .then(pl.lit("accept"))
        .otherwise(pl.lit("needs_review"))
    )


def _decision() -> pl.Expr:
    return (
        pl.when(pl.col("outcome") == "reject")
        .then(pl.lit("refuse"))
        .when(pl.col("outcome") == "needs_review")
        .then(pl.lit("review"))
        .when(pl.col("probability") >= pl.col("surely_at"))
        .then(pl.lit("auto_apply"))
        .otherwise(pl.lit("suggest"))
    )


def _reason(rule: Rule) -> pl.Expr:
    """One sentence: what decided it, in the order in which `_outcome` decides."""
    cast = pl.col("n_pass") + pl.col("n_fail")
    told = pl.when(pl.col("n_fail") > 0).then(pl.format("; {}", "told")).otherwise(pl.lit(""))
    odds = pl.format("it is fit with a probability of {}", pl.col("probability").round(3))
    tally = pl.format("{} of {} votes cast pass", "n_pass", cast)
    few = pl.format("Too few votes: {} of the {} families a verdict needs.", "n_quorum", pl.lit(rule.min_families))
    absent = pl.when(pl.col("absent").fill_null("") == "").then(pl.lit("no such member")).otherwise("absent")
    doubted = pl.when(pl.col("silent") != "").then(pl.format("; {}", "silent")).otherwise(pl.lit(""))
    unused = (
        pl.when(pl.col("is_used") | pl.lit(not rule.needs_use))
        .then(pl.lit(""))
        .otherwise(pl.lit("; nothing vouches for it, as it has not stood while others worked around it"))
    )
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
        .then(pl.format("Open: {}, {}, {}{}{}{}.", tally, odds, _between(rule), told, doubted, unused))
        .otherwise(pl.format("{}, {}{}.", tally, odds, told))
    )


def _between(rule: Rule) -> pl.Expr:
    """What a decision would take, in words."""
    accept = _limit("accept_at", "{} would accept", "none is known to be enough to accept")
    reject = _limit("reject_at", "{} reject", "none low enough to reject")
    return pl.format("where at a target error of {} {} and {}", pl.lit(f"{rule.target_error:g}"), accept, reject)


def _limit(name: str, told: str, otherwise: str) -> pl.Expr:
    digits = (pl.col(name) * 1000).round().cast(pl.Int32).cast(pl.String).str.zfill(3)
    value = pl.when(pl.col(name) >= 0.9995).then(pl.lit("1.000")).otherwise(pl.format("0.{}", digits))
    return pl.when(pl.col(name).is_null()).then(pl.lit(otherwise)).otherwise(pl.format(told, value))
