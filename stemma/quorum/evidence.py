"""What a text's votes say together: each vote's log odds by how often fit and unfit code got such a vote, and of each
family the mean of its members' words, so that members that see with the same eyes count once.

Where the log odds come from lives in `calibration`; what they come to, in `verdicts`.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.quorum.dawid_skene import UNKNOWN

TEXT = ("pattern_id", "exact_hash")

# One row per text and member that has a seat; rule, severity, line and message are of the gravest finding.
SEATED_VOTES = pl.Schema(
    {
        "pattern_id": pl.String,
        "exact_hash": pl.String,
        "member": pl.String,
        "member_version": pl.String,
        "family": pl.String,
        "vote": pl.String,
        "probability": pl.Float64,
        "reason": pl.String,
        "rule": pl.String,
        "severity": pl.String,
        "line": pl.Int32,
        "message": pl.String,
    }
)

SIGNALS = ("fail high", "fail medium", "fail low", "pass with a finding", "pass")
"""What a vote can be, from the gravest to the cleanest. An abstention is none of them, and says nothing."""

USE = ("history",)
"""Families whose pass tells that code was used, and held: it stood while others worked around it. Of ten repositories'
texts that had, a fix ended 1 in 100 within a year, of those that had not 14 in 100, and of these with a test 6. Code
that was only handed over has no such past, and what no rule sees in it nobody has met."""

_SURE, _LIKELY = 0.1, 0.3


def signal() -> pl.Expr:
    """The signal of a vote, null of an abstention. A member that gives a probability is as grave as that says."""
    stated = (
        pl.when(pl.col("probability") < _SURE)
        .then(pl.lit("high"))
        .when(pl.col("probability") < _LIKELY)
        .then(pl.lit("medium"))
        .when(pl.col("probability") < 1 - _LIKELY)
        .then(pl.lit("low"))
    )
    severity = pl.when(pl.col("probability").is_not_null()).then(stated).otherwise(pl.col("severity"))
    passed = pl.when(severity.is_null()).then(pl.lit("pass")).otherwise(pl.lit("pass with a finding"))
    failed = pl.format("fail {}", severity.fill_null("low"))
    vote = pl.col("vote")
    return pl.when(vote == "fail").then(failed).when(vote == "pass").then(passed)


def in_use(votes: pl.DataFrame) -> pl.DataFrame:
    """TEXT of those of which a family of `USE` passes."""
    passes = (pl.col("vote") == "pass") & pl.col("family").is_in(USE)
    return votes.filter(passes).select(*TEXT).unique()


def families(
    votes: pl.DataFrame, log_odds: pl.DataFrame, of_rules: pl.DataFrame, unknown: pl.DataFrame
) -> pl.DataFrame:
    """What each family that voted says of each text: the pool of its members' log odds with equal weights (Genest &
    Zidek 1986). By its strongest word against a text, a member that errs often took the word from one that seldom does:
    on the labelled sets the area under the curve was .01 less, with the set unknown too.

    Args:
        votes: schema `SEATED_VOTES`.
        log_odds: by member and signal, for fit against unfit.
        of_rules: by member, signal and rule, of rules about which something was learned.
        unknown: by signal alone, of a member about whom nothing was learned.

    Returns:
        TEXT, family, member (whose word is the strongest, one against goes first), log_odds.
    """
    return (
        votes.select(*TEXT, "family", "member", "rule", signal=signal())
        .drop_nulls("signal")
        .join(log_odds, on=["member", "signal"], how="left")
        .join(of_rules.rename({"log_odds": "of_rule"}), on=["member", "signal", "rule"], how="left")
        .join(unknown.rename({"log_odds": "default"}), on="signal", how="left")
        .with_columns(log_odds=pl.coalesce("of_rule", "log_odds", "default"))
        # The order of names decides between equal words, and the order in which they are summed.
        .sort(*TEXT, "family", pl.col("log_odds") >= 0, -pl.col("log_odds").abs(), "member")
        .group_by(*TEXT, "family", maintain_order=True)
        .agg(pl.col("member").first(), pl.col("log_odds").mean())
    )


def matrix(votes: pl.DataFrame, texts: pl.DataFrame, members: list[str]) -> NDArray[np.int8]:
    """Signals as numbers, shape (texts, members), `UNKNOWN` for an abstention.

    Args:
        texts: TEXT, one row each, in the order wanted.
        members: names, in the order wanted.
    """
    codes = pl.DataFrame(
        {"signal": SIGNALS, "code": range(len(SIGNALS))}, schema={"signal": pl.String, "code": pl.Int8}
    )
    long = votes.select(*TEXT, "member", signal=signal()).join(codes, on="signal")
    columns = [
        texts.join(of_member.select(*TEXT, "code"), on=list(TEXT), how="left", maintain_order="left")["code"]
        for of_member in (long.filter(pl.col("member") == member) for member in members)
    ]
    if not columns:
        return np.empty((len(texts), 0), dtype=np.int8)
    return np.column_stack([column.fill_null(UNKNOWN).to_numpy() for column in columns])
