"""Which versions of a repository must be read to say who wrote them, given what has come since the last time.

What is then done with them is told in `origins`. All here happens inside its transaction.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from stemma.attribution.matching import REACH, SKEW
from stemma.attribution.versions import EDGE_TYPES
from stemma.store.postgres import Transaction

_LATEST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
_EARLIEST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
_TYPES = ", ".join(f"'{edge_type}'" for edge_type in EDGE_TYPES)

# Edits that may have become versions of this repository: made in it, in a clone of it that is registered too (they
# share a root commit), or nobody knows where.
RELEVANT = """
SELECT a.* FROM stemma.agent_edits a
WHERE a.n_added > 0 AND (
    a.repo_id IN (SELECT repo_id FROM pg_temp.kin) OR NOT EXISTS (
        SELECT FROM stemma.repositories r WHERE r.repo_id = a.repo_id))
"""
_KIN = """
CREATE TEMPORARY TABLE kin ON COMMIT DROP AS
SELECT $1::text AS repo_id UNION
SELECT other.repo_id FROM stemma.commits root
JOIN stemma.repositories r ON r.repo_id <> root.repo_id
JOIN stemma.commits other ON other.repo_id = r.repo_id AND other.sha = root.sha
WHERE root.repo_id = $1 AND cardinality(root.parents) = 0 AND root.kind = 'commit'
"""
_SCOPE = f"""
INSERT INTO pg_temp.origin_scope
SELECT n.node_id, c.position
FROM stemma.lineage_nodes n
JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha
LEFT JOIN stemma.origins o ON o.node_id = n.node_id
WHERE n.repo_id = $1 AND (
    (n.occurred_at >= $3 AND n.authored_at <= $4)
    OR n.sha IN (SELECT sha FROM stemma.attributions WHERE repo_id = $1 AND written_at > $5)
    OR (o.node_id IS NULL AND (
        n.occurred_at >= $2
        OR n.sha IN (SELECT sha FROM stemma.attributions WHERE repo_id = $1)
        OR n.node_id IN (SELECT e.child_id FROM stemma.lineage_edges e
                         WHERE e.edge_type IN ({_TYPES})
                           AND e.parent_id IN (SELECT node_id FROM stemma.origin_spans WHERE repo_id = $1)))))
"""
_BELOW = f"""
WITH RECURSIVE below AS (
    SELECT node_id FROM pg_temp.origin_scope
    UNION
    SELECT e.child_id FROM below b JOIN stemma.lineage_edges e ON e.parent_id = b.node_id AND e.edge_type IN ({_TYPES})
)
INSERT INTO pg_temp.origin_scope
SELECT n.node_id, c.position FROM below b
JOIN stemma.lineage_nodes n ON n.node_id = b.node_id AND n.repo_id = $1
JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha
ON CONFLICT DO NOTHING
"""
_UNKNOWN = """
WITH written AS (
    INSERT INTO stemma.origins (node_id, repo_id, origin, n_agent, n_human, evidence, decided_by)
    SELECT n.node_id, n.repo_id, 'unknown', 0, 0, '[]', $2 FROM stemma.lineage_nodes n
    WHERE n.repo_id = $1
      AND NOT EXISTS (SELECT FROM stemma.origins o WHERE o.node_id = n.node_id)
      AND NOT EXISTS (SELECT FROM pg_temp.origin_scope s WHERE s.node_id = n.node_id)
    ON CONFLICT DO NOTHING RETURNING 1
) SELECT count(*) AS n FROM written
"""


@dataclass(frozen=True)
class Seen:
    """The newest edit and the newest statement that origins were decided from; None where there was none."""

    edits_at: dt.datetime | None = None
    attributions_at: dt.datetime | None = None


def lock(transaction: Transaction, repo_id: str, version: str) -> Seen:
    """What the repository's origins were last decided from; a second process waits here for the first to end.

    Origins decided by other rules are deleted.
    """
    transaction.execute(
        "INSERT INTO stemma.origin_progress (repo_id, version) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [repo_id, version],
    )
    query = "SELECT version, edits_at, attributions_at FROM stemma.origin_progress WHERE repo_id = $1 FOR UPDATE"
    row = transaction.read(query, [repo_id]).row(0, named=True)
    if row["version"] == version:
        return Seen(row["edits_at"], row["attributions_at"])
    for table in ("origin_spans", "origins"):
        transaction.execute(f"DELETE FROM stemma.{table} WHERE repo_id = $1", [repo_id])
    return Seen()


def choose(transaction: Transaction, repo_id: str, before: Seen) -> tuple[pl.DataFrame, Seen]:
    """The versions to read (node_id, position, in order), and the evidence there is now."""
    transaction.execute(_KIN, [repo_id])
    edits = transaction.read(
        "SELECT min(occurred_at) AS first, max(written_at) AS written_at, "
        "min(occurred_at) FILTER (WHERE written_at > $1) AS first_new, "
        f"max(occurred_at) FILTER (WHERE written_at > $1) AS last_new FROM ({RELEVANT}) AS a",
        [before.edits_at or _EARLIEST],
    ).row(0, named=True)
    stated = transaction.read("SELECT max(written_at) AS at FROM stemma.attributions WHERE repo_id = $1", [repo_id])
    transaction.execute(
        "CREATE TEMPORARY TABLE origin_scope (node_id text PRIMARY KEY, position integer) ON COMMIT DROP"
    )
    bounds = [
        moved(edits["first"], -SKEW, _LATEST),
        moved(edits["first_new"], -SKEW, _LATEST),
        moved(edits["last_new"], REACH, _EARLIEST),
        before.attributions_at or _EARLIEST,
    ]
    transaction.execute(_SCOPE, [repo_id, *bounds])
    transaction.execute(_BELOW, [repo_id])
    wanted = transaction.read("SELECT node_id, position FROM pg_temp.origin_scope ORDER BY position, node_id")
    return wanted, Seen(edits["written_at"], stated["at"].item())


def fill_unknown(transaction: Transaction, repo_id: str, version: str) -> int:
    """A row for each version that has none and that nothing can tell of; returns how many."""
    return int(transaction.read(_UNKNOWN, [repo_id, version])["n"].item())


def note(transaction: Transaction, repo_id: str, version: str, seen: Seen) -> None:
    transaction.execute(
        "UPDATE stemma.origin_progress SET version = $2, edits_at = $3, attributions_at = $4 WHERE repo_id = $1",
        [repo_id, version, seen.edits_at, seen.attributions_at],
    )


def moved(at: dt.datetime | None, by: dt.timedelta, default: dt.datetime) -> dt.datetime:
    """A date moved within what a date can be: events are dated by whoever sends them."""
    if at is None:
        return default
    try:
        return at.astimezone(dt.UTC) + by
    except OverflowError:
        return _LATEST if by > dt.timedelta() else _EARLIEST
