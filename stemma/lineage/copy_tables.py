"""Temporary tables that the search for copies reads: dates of commits, commits of two repositories, what is lent.

What is found with them lives in `copies` and `near_copies`; how a date is believed, in `first_seen`.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from stemma.lineage.first_seen import SCHEMA, first_seen
from stemma.lineage.graph import IS_DERIVATION
from stemma.store.postgres import Transaction

# A birth continues no version of its repository; what it was copied or forked from it does not continue.
IS_BIRTH = (
    "NOT EXISTS (SELECT FROM stemma.lineage_edges e WHERE e.child_id = n.node_id "
    f"AND e.{IS_DERIVATION} AND e.edge_type <> ALL (ARRAY['copied_from', 'forked_from']))"
)
# Written out, for the planner to see that the partial index holds them.
IS_COPY = "edge_type = ANY (ARRAY['copied_from', 'forked_from'])"


def stage_commits(transaction: Transaction, now: datetime) -> None:
    """`dated`: when the code of each traced commit first appeared. `shared`: the commits that another repository, the
    one of the smallest id that has them, holds for this one."""
    commits = transaction.read(_COMMITS)
    frames = [pl.DataFrame(schema={**SCHEMA, "repo_id": pl.String()})] + [
        first_seen(own, now).with_columns(repo_id=pl.lit(repo_id))
        for (repo_id,), own in commits.partition_by("repo_id", as_dict=True).items()
    ]
    with transaction.staged("dated_commits", pl.concat(frames)) as staged:
        transaction.execute(f"CREATE TEMPORARY TABLE dated ON COMMIT DROP AS SELECT * FROM {staged}")
    for statement in _SHARED:
        transaction.execute(statement)


_COMMITS = (
    "SELECT repo_id, sha, position, parents, authored_at, committed_at, "
    "NOT is_shallow_boundary AND kind <> 'snapshot' AS is_birth_known FROM stemma.commits WHERE traced_by IS NOT NULL"
)
_SHARED = (
    "CREATE UNIQUE INDEX ON dated (repo_id, sha)",
    "ANALYZE dated",
    "CREATE TEMPORARY TABLE shared ON COMMIT DROP AS SELECT repo_id, sha, holder_id FROM ("
    "  SELECT repo_id, sha, min(repo_id) OVER (PARTITION BY sha) AS holder_id FROM stemma.commits"
    "  WHERE kind = 'commit' AND traced_by IS NOT NULL"
    ") AS held WHERE repo_id <> holder_id",
    "CREATE UNIQUE INDEX ON shared (repo_id, sha)",
    "ANALYZE shared",
)


def stage_lent(transaction: Transaction) -> None:
    """`lent`: versions that stand in a vendored path, and all that came of one inside its repository."""
    for statement in _LENT:
        transaction.execute(statement)


_LENT = (
    f"""
    CREATE TEMPORARY TABLE lent ON COMMIT DROP AS
    WITH RECURSIVE places AS (
        SELECT DISTINCT repo_id, path FROM stemma.file_changes WHERE category = 'vendored'
    ), descended AS (
        SELECT n.node_id, n.repo_id FROM places p JOIN stemma.lineage_nodes n USING (repo_id, path)
        UNION
        SELECT c.node_id, d.repo_id FROM descended d
        JOIN stemma.lineage_edges e ON e.parent_id = d.node_id AND e.{IS_DERIVATION}
        JOIN stemma.lineage_nodes c ON c.node_id = e.child_id AND c.repo_id = d.repo_id
    ) SELECT node_id FROM descended
    """,
    "CREATE UNIQUE INDEX ON lent (node_id)",
    "ANALYZE lent",
)
