"""What became of each version of an element: it survived 30 or 90 days, was replaced, was removed, was a fix's target.

How versions follow each other is decided in `stemma.lineage`; what outcomes teach, elsewhere in `feedback`.

A version that was only moved or renamed lives on in its successor, so the two are one life, counted once, at the node
it began with. A life that stands is measured against the date of the head commit, and makes no row for an age it has
not reached (right-censored). A life whose birth is unknown (event `observed`) has no age: it makes no survival row,
or only survivors would be counted, and its end has a null age. `fixed` comes beside `replaced` or `removed` when the
subject of the commit that ended the life reads as a fix (`FIX_WORDS`, without `NOT_A_FIX`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemma.ids import content_id
from stemma.lineage import chain, history
from stemma.store.postgres import Database, Transaction
from stemma.tables import outcomes

STEP = history.OUTCOMES_STEP
RULES = "1"  # raise it when other rows would come of the same lineage
VERSION = f"{history.VERSION}/{RULES}"
ROWS_PER_BATCH = 200_000

# Words a subject must have, and words that turn it into something else, as Postgres regular expressions.
FIX_WORDS = r"\m(fix|fixe[sd]|fixing|bugs?|bugfix(es)?|hotfix(es)?|defects?|regressions?|crash(es|ed|ing)?)\M"
NOT_A_FIX = r"\m(typos?|spelling|whitespace|indentation|formatting|lint(er|ing)?|docs?|comments?|changelog)\M"


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
            n_retired += _retire(transaction, repo_id)
            missing = transaction.read(_MISSING, [repo_id, FIX_WORDS, NOT_A_FIX, ROWS_PER_BATCH])
            n_written += _write(transaction, repo_id, missing)
            if missing.height < ROWS_PER_BATCH:
                chain.move(transaction, repo_id, STEP, VERSION, source.index)


def _retire(transaction: Transaction, repo_id: str) -> int:
    found = transaction.read(_RETIRE, [repo_id, FIX_WORDS, NOT_A_FIX])
    return int(found["n"].item())


def _write(transaction: Transaction, repo_id: str, rows: pl.DataFrame) -> int:
    ids = [content_id(*row) for row in rows.select("node_id", "outcome").iter_rows()]
    frame = rows.with_columns(repo_id=pl.lit(repo_id), outcome_id=pl.Series(ids, dtype=pl.String))
    return transaction.insert(outcomes, frame, "update")


# `carried`: pairs whose text went on unchanged. `life`: from the node it began with to the one it ended with; a chain
# of pairs runs strictly forward in commits and never forks, so the recursion ends and visits each node once. Sets are
# asked by IN, which hashes them once: EXISTS looked every node up in every month of events (27 s for 41,000 lives).
_WANTED = """
WITH RECURSIVE carried AS (
    SELECT parent_id, child_id FROM stemma.lineage_edges WHERE repo_id = $1
    GROUP BY 1, 2 HAVING bool_and(edge_type <> 'modified_from')
), life AS (
    SELECT n.node_id AS root_id, n.node_id AS last_id FROM stemma.lineage_nodes n
    WHERE n.repo_id = $1 AND NOT EXISTS (SELECT FROM carried c WHERE c.child_id = n.node_id)
    UNION ALL
    SELECT l.root_id, c.child_id FROM life l JOIN carried c ON c.parent_id = l.last_id
), head AS (
    SELECT committed_at FROM stemma.commits WHERE repo_id = $1 AND first_parent_index IS NOT NULL
    ORDER BY first_parent_index DESC LIMIT 1
), lives AS (
    SELECT l.root_id AS node_id, born.occurred_at AS began_at, stop.committed_at AS ended_at, stop.sha,
           stop.subject ~* $2 AND NOT stop.subject ~* $3 AS is_fix,
           l.last_id IN (SELECT parent_id FROM stemma.lineage_edges
                         WHERE repo_id = $1 AND edge_type = 'modified_from') AS is_replaced,
           l.root_id IN (SELECT node_id FROM stemma.lineage_events
                         WHERE repo_id = $1 AND event_type = 'observed') AS is_unknown
    FROM life l
    JOIN stemma.lineage_nodes born ON born.node_id = l.root_id
    JOIN stemma.lineage_nodes last ON last.node_id = l.last_id
    JOIN stemma.occurrences o ON o.repo_id = last.repo_id AND o.path = last.path AND o.kind = last.kind
        AND o.qualified_name = last.qualified_name AND o.duplicate_index = last.duplicate_index
        AND o.valid_from = last.first_parent_index
    LEFT JOIN stemma.commits stop ON stop.repo_id = o.repo_id AND stop.sha = o.valid_to_sha
    WHERE NOT EXISTS (SELECT FROM carried c WHERE c.parent_id = l.last_id)
), ends AS (
    SELECT node_id, sha, ended_at, is_fix, is_replaced,
           CASE WHEN NOT is_unknown
                THEN greatest(extract(epoch FROM ended_at - began_at) / 86400, 0) END::real AS age_days
    FROM lives WHERE ended_at IS NOT NULL
), wanted AS (
    SELECT node_id, CASE WHEN is_replaced THEN 'replaced' ELSE 'removed' END AS outcome, ended_at AS decided_at, sha,
           age_days
    FROM ends
    UNION ALL
    SELECT node_id, 'fixed', ended_at, sha, age_days FROM ends WHERE is_fix
    UNION ALL
    SELECT l.node_id, 'survived_' || age.days || 'd', l.began_at + make_interval(days => age.days), NULL, age.days
    FROM lives l CROSS JOIN head CROSS JOIN (VALUES (30), (90)) AS age (days)
    WHERE NOT l.is_unknown AND coalesce(l.ended_at, head.committed_at) >= l.began_at + make_interval(days => age.days)
)
"""

_MISSING = (
    _WANTED + "SELECT w.* FROM wanted w LEFT JOIN stemma.outcomes o ON o.node_id = w.node_id AND o.outcome = w.outcome "
    "WHERE o.outcome_id IS NULL "
    "OR (o.decided_at, o.sha, o.age_days) IS DISTINCT FROM (w.decided_at, w.sha, w.age_days) LIMIT $4::int"
)

_RETIRE = (
    _WANTED + ", gone AS (DELETE FROM stemma.outcomes o WHERE o.repo_id = $1 AND NOT EXISTS ("
    "SELECT FROM wanted w WHERE w.node_id = o.node_id AND w.outcome = o.outcome) RETURNING 1) "
    "SELECT count(*) AS n FROM gone"
)
