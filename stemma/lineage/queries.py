"""Questions about lineage that a person asks: what happened to a version, what it came from, what came from it.

Which version is meant is told by `stemma.references`; how the graph is walked, by the SQL functions of the
migrations; how the answer is drawn, by `cli`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemma.references import resolve
from stemma.store.postgres import Database

__all__ = ["ancestors", "descendants", "resolve", "timeline"]

_TIMELINE = """
WITH whole AS (
    SELECT DISTINCT ids.node_id FROM (
        SELECT s.node_id FROM unnest(string_to_array($1, ',')) AS s (node_id)
        UNION ALL
        SELECT w.node_id FROM unnest(string_to_array($1, ',')) AS s (node_id),
            stemma.ancestors(s.node_id, $2::int, $3::int) AS w
        UNION ALL
        SELECT w.node_id FROM unnest(string_to_array($1, ',')) AS s (node_id),
            stemma.descendants(s.node_id, $2::int, $3::int) AS w
    ) AS ids
)
SELECT e.occurred_at, e.event_type, e.sha, n.path, n.qualified_name, c.author_name, c.subject,
       CASE WHEN e.event_type IN ('modified', 'renamed', 'moved') THEN edge.weight END AS weight,
       CASE WHEN e.event_type IN ('modified', 'renamed', 'moved') THEN edge.confidence END AS confidence,
       e.detail::text AS detail, e.node_id, n.repo_id, n.pattern_id
FROM whole w
JOIN stemma.lineage_events e ON e.node_id = w.node_id
JOIN stemma.lineage_nodes n ON n.node_id = e.node_id
LEFT JOIN stemma.commits c ON c.repo_id = e.repo_id AND c.sha = e.sha
LEFT JOIN stemma.lineage_edges edge ON edge.child_id = e.node_id AND edge.edge_type = e.event_type || '_from'
ORDER BY n.repo_id, e.first_parent_index, n.path, n.qualified_name, e.event_type
"""


def timeline(db: Database, node_ids: Sequence[str], *, max_depth: int = 1000, max_nodes: int = 10_000) -> pl.DataFrame:
    """Everything that happened to these versions, to those they came from and to those that came from them.

    Columns: occurred_at, event_type, sha, path, qualified_name, author_name, subject, weight, confidence, detail
    (JSON), node_id, repo_id, pattern_id; in the order of the commits.
    """
    return db.read(_TIMELINE, [",".join(node_ids), max_depth, max_nodes])


_RELATIVES = """
SELECT w.depth, w.edge_type, w.weight, n.node_id, r.name AS repository, n.path, n.qualified_name, n.kind, n.pattern_id,
       n.sha, n.occurred_at
FROM (
    SELECT DISTINCT ON (f.node_id) f.* FROM unnest(string_to_array($1, ',')) AS s (node_id),
        stemma.{walk}(s.node_id, $2::int, $3::int) AS f
    ORDER BY f.node_id, f.depth, f.weight DESC NULLS LAST, f.edge_type
) AS w
JOIN stemma.lineage_nodes n ON n.node_id = w.node_id
JOIN stemma.repositories r ON r.repo_id = n.repo_id
ORDER BY w.depth, r.name, n.path, n.qualified_name, n.node_id
"""


def ancestors(db: Database, node_ids: Sequence[str], *, max_depth: int = 50, max_nodes: int = 10_000) -> pl.DataFrame:
    """What these versions came from, nearest first: depth, edge_type, weight, node_id, repository, path, ..."""
    return db.read(_RELATIVES.format(walk="ancestors"), [",".join(node_ids), max_depth, max_nodes])


def descendants(db: Database, node_ids: Sequence[str], *, max_depth: int = 50, max_nodes: int = 10_000) -> pl.DataFrame:
    """What came from these versions, nearest first; columns as `ancestors`."""
    return db.read(_RELATIVES.format(walk="descendants"), [",".join(node_ids), max_depth, max_nodes])
