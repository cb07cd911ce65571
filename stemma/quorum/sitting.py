"""A sitting of the quorum: verdicts decided anew where votes, rule or calibration changed, and kept as history.

What votes come to lives in `verdicts`, what a person's decision does to that in `reviewed`, what changed from one to
the next in `history`, the figures of a sitting in `standing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from stemma.config import Settings
from stemma.ids import content_id
from stemma.progress import phase
from stemma.quorum.calibration import calibration_in_force
from stemma.quorum.evidence import SEATED_VOTES, TEXT
from stemma.quorum.history import BAND, DIGEST, changes
from stemma.quorum.members import open_members
from stemma.quorum.members.base import Member
from stemma.quorum.members.judge import open_judges
from stemma.quorum.poll import seats_of
from stemma.quorum.reviewed import REVIEW_COLUMNS, REVIEWS, reviewed
from stemma.quorum.rule import Rule
from stemma.quorum.scope import TEXTS_IN_SCOPE, VERDICTS_IN_FORCE
from stemma.quorum.standing import record_sitting
from stemma.quorum.verdicts import decide
from stemma.quorum.votes import update_votes
from stemma.quorum.worth import Calibration
from stemma.store.postgres import Database, Transaction
from stemma.tables import polars_schema
from stemma.tables import verdicts as verdicts_table

_SLICE = 20_000
_LOCK = 0x51_0A_0B  # one process at a time compares with the last verdict and adds the next

_BOUNDARIES = f"""
SELECT pattern_id FROM (
    SELECT pattern_id, row_number() OVER (ORDER BY pattern_id) AS n, count(*) OVER () AS total
    FROM stemma.patterns WHERE n_live > 0 AND NOT is_trivial
) AS numbered
WHERE n % {_SLICE} = 0 OR n = total
ORDER BY pattern_id
"""

_WORST = """
CASE WHEN v.findings <> '[]' THEN coalesce(
    jsonb_path_query_first(v.findings, '$[*] ? (@.severity == "high")'),
    jsonb_path_query_first(v.findings, '$[*] ? (@.severity == "medium")'),
    v.findings -> 0
) END AS worst
"""
# One table after another, each analysed: as parts of one query its planner took the scope for one text, and the sitting
# of 5,300 took minutes.
_STAGED = {
    "sitting_scope": f"{TEXTS_IN_SCOPE} AND s.pattern_id > $1 AND s.pattern_id <= $2",
    "sitting_digests": f"""
SELECT pattern_id, exact_hash, {DIGEST} AS votes_digest
FROM (
    SELECT v.pattern_id, v.exact_hash, v.member, v.vote, v.probability, v.reason,
        worst ->> 'rule' AS rule, worst ->> 'severity' AS severity
    FROM (
        SELECT v.*, {_WORST} FROM stemma.votes v
        JOIN {{seats}} s USING (member, member_version) JOIN pg_temp.sitting_scope USING (pattern_id, exact_hash)
        WHERE v.pattern_id > $1 AND v.pattern_id <= $2
    ) AS v
) AS seated
GROUP BY pattern_id, exact_hash
""",
}
# Texts whose votes or reviews are others than those of the verdict in force, or which another rule decided: a new
# version of a tool that votes as the old one did makes no new verdict.
_OPEN = f"""
WITH latest AS (
    SELECT pattern_id, exact_hash, decided_at AS old_decided_at, outcome AS old_outcome, decision AS old_decision,
        probability AS old_probability, votes_digest AS old_digest, rule_version AS old_rule
    FROM ({VERDICTS_IN_FORCE}) AS v WHERE pattern_id > $2 AND pattern_id <= $3
), now AS (
    SELECT pattern_id, exact_hash, concat_ws('; ', votes_digest, review_digest) AS votes_digest,
        {", ".join(REVIEW_COLUMNS)}
    FROM pg_temp.sitting_scope LEFT JOIN pg_temp.sitting_digests USING (pattern_id, exact_hash)
    LEFT JOIN ({REVIEWS}) AS reviews USING (pattern_id, exact_hash)
)
SELECT now.*, old_decided_at, old_outcome, old_decision, old_probability, old_digest
FROM now LEFT JOIN latest USING (pattern_id, exact_hash)
WHERE old_rule IS DISTINCT FROM $1 OR old_digest IS DISTINCT FROM votes_digest
"""
_VOTES = f"""
SELECT v.pattern_id, v.exact_hash, v.member, v.member_version, v.family, v.vote, v.probability, v.reason,
    v.worst ->> 'rule' AS rule, v.worst ->> 'severity' AS severity,
    (v.worst ->> 'line')::int AS line, v.worst ->> 'message' AS message
FROM (
    SELECT v.*, s.family, {_WORST} FROM stemma.votes v
    JOIN {{seats}} s USING (member, member_version) JOIN {{texts}} t USING (pattern_id, exact_hash)
) AS v
"""
_CONFIRM = """
UPDATE stemma.verdicts v
SET rule_version = $1, probability = c.probability::real, agreement = c.agreement::real, reason = c.reason
FROM {confirmed} c
WHERE v.pattern_id = c.pattern_id AND v.exact_hash = c.exact_hash AND v.decided_at = c.old_decided_at
"""
_OPEN_TEXTS = f"""
SELECT pattern_id, exact_hash
FROM ({TEXTS_IN_SCOPE}) AS scope JOIN ({VERDICTS_IN_FORCE}) AS verdict USING (pattern_id, exact_hash)
WHERE outcome = 'needs_review' AND probability IS NOT NULL
"""
_OUTCOMES = ("accept", "reject", "needs_review")


def update_verdicts(
    db: Database,
    settings: Settings,
    members: Sequence[Member] | None = None,
    judges: Sequence[Member] | None = None,
    rule: Rule | None = None,
) -> dict[str, int]:
    """Hold a sitting: decide anew on every text in scope whose votes or reviews, or the rule, changed since then.

    Then judges, where there are any, vote on the texts that a quorum left open, and these are decided again. Verdicts
    are written slice by slice, so a killed sitting goes on where it stopped; of two at once each adds what the other
    has not.

    Args:
        members: who has a seat; by default all that are set up.
        judges: who is asked about open texts; by default those that are set up.

    Returns:
        New verdicts by outcome (n_accept, n_reject, n_needs_review), and how many of them changed it (n_changed).

    Raises:
        ConfigError: nobody has a seat.
    """
    rule = rule or Rule(target_error=settings.quorum_target_error)
    by = (rule, calibration_in_force(settings))
    judges = open_judges(settings, db) if judges is None else judges
    seats = seats_frame([*(open_members(settings, db) if members is None else members), *judges])
    counts = _decide_all(db, seats, by)
    if judges and update_votes(db, settings, judges, _open_texts(db))["n_votes"]:
        counts.update(_decide_all(db, seats, by))
    if n_decided := sum(counts[f"n_{outcome}"] for outcome in _OUTCOMES):
        figures = {"n_decided": n_decided, "n_changed": counts["n_changed"]}
        record_sitting(db, seats, (*by, rule_version(*by)), TEXTS_IN_SCOPE, figures)
    return {name: counts[name] for name in (*(f"n_{outcome}" for outcome in _OUTCOMES), "n_changed")}


def rule_version(rule: Rule, calibration: Calibration) -> str:
    """What verdicts are decided by: where it is another, every text is decided anew."""
    return content_id(rule.version, calibration.version)[:12]


def seats_frame(members: Sequence[Member]) -> pl.DataFrame:
    """member, member_version, family of those that have a seat."""
    rows = [(seat.member.name, seat.version, seat.member.family) for seat in seats_of(members)]
    return pl.DataFrame(rows, schema=dict.fromkeys(("member", "member_version", "family"), pl.String), orient="row")


def votes_of(db: Database, seats: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """The votes of the seats (schema `SEATED_VOTES`) on these texts (TEXT)."""
    with (
        db.transaction() as transaction,
        transaction.staged("seats", seats) as staged,
        transaction.staged("texts", texts.select(*TEXT)) as wanted,
    ):
        return transaction.read(_VOTES.format(seats=staged, texts=wanted), (), SEATED_VOTES)


def _decide_all(db: Database, seats: pl.DataFrame, by: tuple[Rule, Calibration]) -> Counter[str]:
    counts: Counter[str] = Counter()
    boundaries = db.read(_BOUNDARIES)["pattern_id"].to_list()
    with phase("decide", total=len(boundaries), unit="slices") as progress:
        for between in pairwise(["", *boundaries]):
            with db.transaction() as transaction:
                added = _update_slice(transaction, seats, by, between)
            counts.update({f"n_{outcome}": n for outcome, n in added["outcome"].value_counts().iter_rows()})
            counts["n_changed"] += added.filter(pl.col("outcome") != pl.col("old_outcome")).height
            progress.advance()
    return counts


def _open_texts(db: Database) -> pl.DataFrame:
    """The grey zone: texts in scope that a quorum left to a person."""
    return db.read(_OPEN_TEXTS)


def _update_slice(
    transaction: Transaction, seats: pl.DataFrame, by: tuple[Rule, Calibration], between: tuple[str, str]
) -> pl.DataFrame:
    rule, calibration = by
    version = rule_version(rule, calibration)
    transaction.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    with transaction.staged("seats", seats) as staged:
        for name, query in _STAGED.items():
            transaction.stage(name, query.format(seats=staged), between)
        texts = transaction.read(_OPEN, (version, *between))
        with transaction.staged("texts", texts.select(*TEXT)) as wanted:
            votes = transaction.read(_VOTES.format(seats=staged, texts=wanted), (), SEATED_VOTES)
    decided = reviewed(decide(votes, rule, calibration, texts), texts).join(texts, on=list(TEXT))
    is_news = _is_news()
    confirmed = decided.filter(~is_news).select(*TEXT, "old_decided_at", "probability", "agreement", "reason")
    if len(confirmed):
        with transaction.staged("confirmed", confirmed) as staged:
            transaction.execute(_CONFIRM.format(confirmed=staged), (version,))
    news = decided.filter(is_news)
    before = news.filter(pl.col("old_outcome").is_not_null())
    now = transaction.read("SELECT clock_timestamp() AS now")["now"][0]
    added = news.join(changes(before, seats), on=list(TEXT), how="left").with_columns(
        decided_at=pl.lit(now), rule_version=pl.lit(version)
    )
    transaction.insert(verdicts_table, added.select(list(polars_schema(verdicts_table))))
    return added


def _is_news() -> pl.Expr:
    """Whether a verdict says something else than the one before: votes, outcome, decision or band of probability."""
    # Postgres keeps a probability in four bytes: rounded, it falls into the band it was in.
    band, old_band = (
        (pl.col(name).cast(pl.Float64).round(4) / BAND + 1e-9).floor() for name in ("probability", "old_probability")
    )
    return (
        pl.col("old_outcome").is_null()
        | (pl.col("votes_digest") != pl.col("old_digest"))
        | (pl.col("outcome") != pl.col("old_outcome"))
        | (pl.col("decision") != pl.col("old_decision"))
        | band.ne_missing(old_band)
    )
