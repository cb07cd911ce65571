"""Verdicts from votes: one weighted decision a pattern, kept as history. The rule itself is data, in `rule`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemma.progress import phase
from stemma.quorum.members import open_members
from stemma.quorum.members.base import Member
from stemma.quorum.rule import RULE, Rule
from stemma.quorum.votes import current_version
from stemma.store.postgres import Database, Transaction
from stemma.tables import polars_schema
from stemma.tables import verdicts as verdicts_table

_SLICE = 50_000
_LOCK = 0x51_0A_0B  # one process at a time compares with the last verdict and adds the next

# Votes of members that still have a seat, and the digest of what in them can decide: a new version of a tool that
# votes as the old one did makes no new verdict.
_VOTES = """
WITH seated AS (
    SELECT v.pattern_id, v.member, s.family, s.weight, v.vote, v.reason,
        CASE WHEN v.findings <> '[]' THEN coalesce(
            jsonb_path_query_first(v.findings, '$[*] ? (@.severity == "high")'),
            jsonb_path_query_first(v.findings, '$[*] ? (@.severity == "medium")'),
            v.findings -> 0
        ) END AS worst
    FROM stemma.votes v
    JOIN {seats} s USING (member, member_version)
    JOIN stemma.patterns p USING (pattern_id)
    WHERE p.n_live > 0 AND NOT p.is_trivial AND v.pattern_id > $2 AND v.pattern_id <= $3
), digests AS (
    SELECT pattern_id, md5($1 || string_agg(
        concat_ws('|', member, family, weight, vote, worst ->> 'rule', worst ->> 'severity'), ';' ORDER BY member
    )) AS votes_digest
    FROM seated
    GROUP BY pattern_id
), latest AS (
    SELECT DISTINCT ON (pattern_id) pattern_id, votes_digest
    FROM stemma.verdicts
    WHERE pattern_id > $2 AND pattern_id <= $3
    ORDER BY pattern_id, decided_at DESC
)
SELECT v.pattern_id, d.votes_digest, v.member, v.family, v.weight, v.vote, v.reason,
    v.worst ->> 'rule' AS rule, v.worst ->> 'severity' AS severity,
    (v.worst ->> 'line')::int AS line, v.worst ->> 'message' AS message
FROM seated v JOIN digests d USING (pattern_id) LEFT JOIN latest l USING (pattern_id)
WHERE l.votes_digest IS DISTINCT FROM d.votes_digest
"""

SEATED_VOTES = pl.Schema(
    {
        "pattern_id": pl.String,
        "votes_digest": pl.String,
        "member": pl.String,
        "family": pl.String,
        "weight": pl.Float64,
        "vote": pl.String,
        "reason": pl.String,
        "rule": pl.String,
        "severity": pl.String,
        "line": pl.Int32,
        "message": pl.String,
    }
)

_BOUNDARIES = f"""
SELECT pattern_id FROM (
    SELECT pattern_id, row_number() OVER (ORDER BY pattern_id) AS n, count(*) OVER () AS total
    FROM stemma.patterns WHERE n_live > 0 AND NOT is_trivial
) AS numbered
WHERE n % {_SLICE} = 0 OR n = total
ORDER BY pattern_id
"""


def update_verdicts(db: Database, members: Sequence[Member] | None = None, rule: Rule = RULE) -> dict[str, int]:
    """Decide anew on every live, non-trivial pattern whose votes, or the rule, changed since its last verdict.

    Returns:
        New verdicts by outcome: n_accept, n_reject, n_needs_review.
    """
    seats = _seats(open_members() if members is None else members)
    counts = dict.fromkeys(("n_accept", "n_reject", "n_needs_review"), 0)
    boundaries = db.read(_BOUNDARIES)["pattern_id"].to_list()
    with phase("decide", total=len(boundaries), unit="slices") as progress:
        for after, last in zip(["", *boundaries][:-1], boundaries, strict=True):
            with db.transaction() as transaction:
                verdicts = _update_slice(transaction, seats, rule, after, last)
            for outcome, n in verdicts["outcome"].value_counts().iter_rows():
                counts[f"n_{outcome}"] += n
            progress.advance()
    return counts


def _seats(members: Sequence[Member]) -> pl.DataFrame:
    rows = [(member.name, current_version(member), member.family, member.weight) for member in members]
    return pl.DataFrame(rows, schema=["member", "member_version", "family", "weight"], orient="row")


def _update_slice(transaction: Transaction, seats: pl.DataFrame, rule: Rule, after: str, last: str) -> pl.DataFrame:
    transaction.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    with transaction.staged("seats", seats) as staged:
        votes = transaction.read(_VOTES.format(seats=staged), (rule.version, after, last), SEATED_VOTES)
        now = transaction.read("SELECT clock_timestamp() AS now")["now"][0]
    verdicts = decide(votes, rule).with_columns(decided_at=pl.lit(now))
    transaction.insert(verdicts_table, verdicts.select(list(polars_schema(verdicts_table))))
    return verdicts


def decide(votes: pl.DataFrame, rule: Rule = RULE) -> pl.DataFrame:
    """The verdict of the rule on each pattern.

    Args:
        votes: one row per pattern and member, schema `SEATED_VOTES`.

    Returns:
        pattern_id, votes_digest, n_pass, n_fail, n_abstain, score, agreement, outcome, reason.
    """
    vetoes = pl.DataFrame(list(rule.vetoes), schema=["member", "severity"], orient="row")
    cast = pl.col("vote") != "abstain"
    veto = (pl.col("vote") == "fail") & pl.col("is_veto").fill_null(False)
    judged = (
        votes.join(vetoes.with_columns(is_veto=True), on=["member", "severity"], how="left")
        .sort("pattern_id", pl.col("weight"), "member", descending=[False, True, False])
        .group_by("pattern_id", "votes_digest", maintain_order=True)
        .agg(
            n_pass=(pl.col("vote") == "pass").sum(),
            n_fail=(pl.col("vote") == "fail").sum(),
            n_abstain=(~cast).sum(),
            n_families=pl.col("family").filter(cast).n_unique(),
            weight_for=pl.col("weight").filter(pl.col("vote") == "pass").sum(),
            weight_cast=pl.col("weight").filter(cast).sum(),
            is_judged=((pl.col("family") == rule.needed_family) & cast).any(),
            is_vetoed=veto.any(),
            told=_told().filter(pl.col("vote") == "fail").str.join("; "),
            veto=_told().filter(veto).first(),
            silent=_silent().filter(pl.col("family") == rule.needed_family).str.join("; "),
        )
        .with_columns(score=_share("weight_for"))
        .with_columns(agreement=pl.max_horizontal("score", 1 - pl.col("score")))
    )
    return (
        judged.with_columns(outcome=_outcome(rule))
        .with_columns(reason=_reason(rule))
        .select(
            "pattern_id", "votes_digest", "n_pass", "n_fail", "n_abstain", "score", "agreement", "outcome", "reason"
        )
    )


def _share(weight: str) -> pl.Expr:
    return pl.when(pl.col("weight_cast") > 0).then(pl.col(weight) / pl.col("weight_cast"))


def _told() -> pl.Expr:
    """What a failing member says, in a phrase."""
    finding = pl.format("{} finds {} in line {} ({})", "member", "rule", "line", "message")
    return pl.coalesce(finding, pl.format("{} fails it", "member"))


def _silent() -> pl.Expr:
    return pl.format("{}: {}", "member", "reason")


def _or_nobody(column: str) -> pl.Expr:
    return pl.when(pl.col(column) == "").then(pl.lit("no such member")).otherwise(pl.col(column))


def _outcome(rule: Rule) -> pl.Expr:
    return (
        pl.when("is_vetoed")
        .then(pl.lit("reject"))
        .when(pl.col("n_families") < rule.min_families)
        .then(pl.lit("needs_review"))
        .when(~pl.col("is_judged"))
        .then(pl.lit("needs_review"))
        .when(pl.col("score") < rule.reject_below)
        .then(pl.lit("reject"))
        .when(pl.col("score") >= rule.accept_at)
        .then(pl.lit("accept"))
        .otherwise(pl.lit("needs_review"))
    )


def _reason(rule: Rule) -> pl.Expr:
    """One sentence: what decided it, in the order in which `_outcome` decides."""
    cast = pl.col("n_pass") + pl.col("n_fail")
    tally = pl.format("{} of {} votes cast pass", "n_pass", cast)
    few = pl.format("Too few votes: {} of the {} families a verdict needs.", "n_families", pl.lit(rule.min_families))
    unsafe = pl.format("Nobody judged its {} ({}).", pl.lit(rule.needed_family), _or_nobody("silent"))
    return (
        pl.when("is_vetoed")
        .then(pl.format("Vetoed: {}.", "veto"))
        .when(pl.col("n_families") < rule.min_families)
        .then(few)
        .when(~pl.col("is_judged"))
        .then(unsafe)
        .when(pl.col("outcome") == "reject")
        .then(pl.format("Only {}: {}.", tally, "told"))
        .when(pl.col("n_fail") > 0)
        .then(pl.format("{}, but {}.", tally, "told"))
        .otherwise(pl.format("All {} votes cast pass.", cast))
    )
