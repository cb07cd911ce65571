"""What became of each version of an element: it survived 30 or 90 days, was replaced, was removed, was a fix's target.

What a life is, when it begins and what ends it, is told in `life_sql`; how long code lives by who wrote it, in `lives`.

A life is counted once, at the version it began with. One that stands is measured against the date of the head commit,
and makes no row for an age it has not reached (right-censored). A life whose birth is unknown (event `observed`) has no
age: it makes no survival row, or only survivors would be counted, and its end has a null age. `fixed` comes beside
`replaced` or `removed` when the subject of the commit that ended the life reads as a fix (`stemma.reads_as_fix`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemma.feedback.life_sql import stage_lives
from stemma.lineage import chain, history
from stemma.row_ids import row_ids
from stemma.store.postgres import Database, Transaction
from stemma.tables import outcomes

STEP = history.OUTCOMES_STEP
RULES = "2"  # raise it when other rows would come of the same lineage
VERSION = f"{history.VERSION}/{RULES}"
ROWS_PER_BATCH = 200_000


@dataclass(frozen=True)
class OutcomeCounts:
    """Rows written, and rows taken back because the commits that decided them are gone."""

    n_written: int = 0
    n_retired: int = 0


def update_outcomes(db: Database, repo_id: str) -> OutcomeCounts:
    """Bring the repository's outcomes to where its lineage is; only rows that are missing or differ are written."""
    n_written = n_retired = 0
    while True:
        with db.transaction() as transaction:
            source = chain.position(transaction, repo_id, history.STEP, lock_clause="FOR SHARE")
            at = chain.lock(transaction, repo_id, STEP)
            if source.index < 0 or (at.version, at.index, at.sha) == (VERSION, source.index, source.sha):
                return OutcomeCounts(n_written, n_retired)
            stage_lives(transaction, repo_id)
            n_retired += _retire(transaction, repo_id)
            missing = transaction.read(_MISSING, [ROWS_PER_BATCH])
            n_written += _write(transaction, repo_id, missing)
            if missing.height < ROWS_PER_BATCH:
                chain.move(transaction, repo_id, STEP, VERSION, source.index)


def _retire(transaction: Transaction, repo_id: str) -> int:
    found = transaction.read(_RETIRE, [repo_id])
    return int(found["n"].item())


def _write(transaction: Transaction, repo_id: str, rows: pl.DataFrame) -> int:
    frame = rows.with_columns(repo_id=pl.lit(repo_id), outcome_id=row_ids(rows.select("node_id", "outcome")))
    return transaction.insert(outcomes, frame, "update")


_WANTED = """
WITH ends AS (
    SELECT node_id, sha, ended_at, stemma.reads_as_fix(subject) AS is_fix, is_replaced,
           CASE WHEN NOT is_unknown
                THEN greatest(extract(epoch FROM ended_at - began_at) / 86400, 0) END::real AS age_days
    FROM pg_temp.life_lives WHERE ended_at IS NOT NULL
), wanted AS (
    SELECT node_id, CASE WHEN is_replaced THEN 'replaced' ELSE 'removed' END AS outcome, ended_at AS decided_at, sha,
           age_days
    FROM ends
    UNION ALL
    SELECT node_id, 'fixed', ended_at, sha, age_days FROM ends WHERE is_fix
    UNION ALL
    SELECT l.node_id, 'survived_' || age.days || 'd', l.began_at + make_interval(days => age.days), NULL, age.days
    FROM pg_temp.life_lives l CROSS JOIN pg_temp.life_head head CROSS JOIN (VALUES (30), (90)) AS age (days)
    WHERE NOT l.is_unknown AND coalesce(l.ended_at, head.committed_at) >= l.began_at + make_interval(days => age.days)
)
"""

_MISSING = (
    _WANTED + "SELECT w.* FROM wanted w LEFT JOIN stemma.outcomes o ON o.node_id = w.node_id AND o.outcome = w.outcome "
    "WHERE o.outcome_id IS NULL "
    "OR (o.decided_at, o.sha, o.age_days) IS DISTINCT FROM (w.decided_at, w.sha, w.age_days) LIMIT $1::int"
)

_RETIRE = (
    _WANTED + ", gone AS (DELETE FROM stemma.outcomes o WHERE o.repo_id = $1 AND NOT EXISTS ("
    "SELECT FROM wanted w WHERE w.node_id = o.node_id AND w.outcome = o.outcome) RETURNING 1) "
    "SELECT count(*) AS n FROM gone"
)
