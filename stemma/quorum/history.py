"""What changed from one verdict on a text to the next, in a sentence; told from the votes that gave either, which a
verdict keeps in short.

How verdicts are kept lives in `sitting`.
"""

from __future__ import annotations

import polars as pl

from stemma.quorum.evidence import SEATED_VOTES, TEXT
from stemma.quorum.reviewed import REVIEW
from stemma.quorum.verdicts import NOT_APPLICABLE

BAND = 0.05
"""Within such a band another probability is no news."""

_SILENT = "silent"

# `bandit=fail/B602/high; judge=pass///0.91; ruff=pass; vulture=abstain`. An abstention is `silent` where the text was
# the member's business and it has not judged it. What parts these words is taken out of a rule's name.
DIGEST = f"""
string_agg(
    member || '=' || rtrim(concat_ws('/',
        CASE
            WHEN vote <> 'abstain' THEN vote
            WHEN coalesce(reason, '') LIKE '{NOT_APPLICABLE}%' THEN vote
            ELSE '{_SILENT}'
        END,
        coalesce(translate(rule, ';/=', '___'), ''),
        coalesce(severity, ''),
        coalesce(round(probability::numeric, 2)::text, '')
    ), '/'),
    '; ' ORDER BY member
)
"""


def votes_in(digests: pl.DataFrame, seats: pl.DataFrame) -> pl.DataFrame:
    """The votes (schema `SEATED_VOTES`) that digests tell of, as far as they decide: a line and a message they lack.

    Args:
        digests: TEXT, votes_digest.
        seats: member, member_version, family; votes of others are left out.
    """
    words = _words(digests).join(seats, on="member")
    said = pl.col("said")
    return words.select(
        *TEXT,
        "member",
        "member_version",
        "family",
        vote=pl.when(said == _SILENT).then(pl.lit("abstain")).otherwise(said),
        probability=pl.col("probability").cast(pl.Float64),
        reason=pl.when(said == "abstain").then(pl.lit(NOT_APPLICABLE)).when(said == _SILENT).then(pl.lit(_SILENT)),
        rule="rule",
        severity="severity",
        line=pl.lit(None, pl.Int32),
        message=pl.lit(None, pl.String),
    ).select(list(SEATED_VOTES))


def changes(verdicts: pl.DataFrame, seats: pl.DataFrame) -> pl.DataFrame:
    """TEXT and `changed`: what is another than at the verdict before, which must be there.

    Args:
        verdicts: TEXT, outcome, votes_digest, old_outcome, old_digest.
        seats: member, member_version, as they voted now.
    """
    now = _words(verdicts.select(*TEXT, "votes_digest"))
    old = _words(verdicts.select(*TEXT, votes_digest="old_digest"))
    keys = [*TEXT, "member"]
    both = now.join(old.rename({"said": "said_before", "rule": "rule_before"}), on=keys, how="full", coalesce=True)
    told = (
        both.join(seats.select("member", "member_version"), on="member", how="left")
        .with_columns(phrase=_phrase())
        .drop_nulls("phrase")
        .sort(*keys)
        .group_by(*TEXT, maintain_order=True)
        .agg(phrases=pl.col("phrase").str.join("; "))
    )
    outcome = (
        pl.when(pl.col("outcome") == pl.col("old_outcome"))
        .then(pl.format("Still {}", "outcome"))
        .otherwise(pl.format("From {} to {}", "old_outcome", "outcome"))
    )
    why = pl.col("phrases").fill_null("another rule, calibration or set of labels")
    return verdicts.join(told, on=list(TEXT), how="left").select(*TEXT, changed=pl.format("{}: {}.", outcome, why))


def _words(digests: pl.DataFrame) -> pl.DataFrame:
    """TEXT, member, said, rule, severity, probability: one row per vote in a digest."""
    parts = pl.col("word").str.splitn("=", 2).struct
    fields = parts.field("field_1").str.splitn("/", 4).struct
    return (
        digests.with_columns(word=pl.col("votes_digest").str.split("; "))
        .explode("word")
        .filter(pl.col("word").is_not_null() & (pl.col("word") != ""))
        .select(
            *TEXT,
            member=parts.field("field_0"),
            said=fields.field("field_0"),
            rule=_given(fields.field("field_1")),
            severity=_given(fields.field("field_2")),
            probability=_given(fields.field("field_3")),
        )
    )


def _given(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _phrase() -> pl.Expr:
    """`bandit 1.9.4 now fails it (B602)`; null where nothing changed."""
    version = pl.col("member_version").str.replace(r" \(rules \w+\)$", "")
    who = (
        pl.when(version.is_null() | (version == "missing"))
        .then("member")
        .when(version.str.starts_with(pl.col("member")))
        .then(version)
        .otherwise(pl.format("{} ({})", "member", version))
    )
    said, before = pl.col("said"), pl.col("said_before")
    rule = pl.when(pl.col("rule").is_not_null()).then(pl.format(" ({})", "rule")).otherwise(pl.lit(""))
    is_abstention = said.is_in(["abstain", _SILENT])
    person = (
        pl.when(said == _SILENT)
        .then(pl.lit("reviewers disagree"))
        .when(said == "pass")
        .then(pl.format("{} decided that it is fit", "rule"))
        .when(said == "fail")
        .then(pl.format("{} decided that it is unfit", "rule"))
    )
    is_same = said.eq_missing(before) & pl.col("rule").eq_missing(pl.col("rule_before"))
    return (
        pl.when(pl.col("member") == REVIEW)
        .then(pl.when(~is_same).then(person))
        .when(said.is_null())
        .then(pl.format("{} has no seat any more", who))
        .when(is_same)
        .then(None)
        .when(said == before)
        .then(pl.when(said == "fail").then(pl.format("{} now fails it for another reason{}", who, rule)))
        .when(is_abstention & before.is_null())
        .then(pl.format("{} sits now, and abstains", who))
        .when(is_abstention & before.is_in(["abstain", _SILENT]))
        .then(pl.format("{} abstains for another reason", who))
        .when(is_abstention)
        .then(pl.format("{} no longer votes on it", who))
        .when(said == "fail")
        .then(pl.format("{} now fails it{}", who, rule))
        .otherwise(pl.format("{} now passes it", who))
    )
