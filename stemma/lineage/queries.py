"""Questions about lineage that a person asks of the database: which versions belong to the answer, and their facts.

Which version is meant is told by `stemma.references`; how the graph is walked, by the SQL functions of the migrations;
what is made of the answer, by `timeline`, `page` and `export`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage.graph import EDGES, EVENTS, NODES, Graph
from stemma.references import resolve
from stemma.store.postgres import Database, Transaction

__all__ = ["family", "life", "path", "relatives", "resolve"]

Direction = Literal["ancestors", "descendants"]
MAX_DEPTH = 2**31 - 1
MAX_NODES = 10_000

_NODES = """
SELECT n.node_id, n.repo_id, r.name AS repository, r.location, n.path, n.kind, n.qualified_name, n.duplicate_index,
       n.language, n.exact_hash, n.pattern_id, s.start_line, n.sha, c.position, n.occurred_at, n.authored_at,
       c.author_name, c.subject, coalesce(o.is_live, false) AS is_live, w.origin, w.agent, w.session_id
FROM {asked} AS a
JOIN stemma.lineage_nodes n ON n.node_id = a.node_id
JOIN stemma.repositories r ON r.repo_id = n.repo_id
LEFT JOIN stemma.commits c ON c.repo_id = n.repo_id AND c.sha = n.sha
LEFT JOIN stemma.snippets s ON s.blob_oid = n.blob_oid AND s.extractor_version = $1 AND s.ordinal = n.ordinal
LEFT JOIN stemma.origins w ON w.node_id = n.node_id
LEFT JOIN LATERAL (
    SELECT true AS is_live FROM stemma.occurrences o
    WHERE o.repo_id = n.repo_id AND o.path = n.path AND o.qualified_name = n.qualified_name AND o.kind = n.kind
      AND o.duplicate_index = n.duplicate_index AND o.valid_from = n.first_parent_index AND o.valid_to IS NULL
) AS o ON true
ORDER BY r.name, c.position, n.path, n.qualified_name, n.duplicate_index, n.node_id
"""
_EDGES = """
SELECT e.child_id, e.parent_id, e.edge_type, e.weight, e.confidence,
       coalesce((e.evidence ->> 'other_element')::boolean, false) AS is_other_element
FROM {asked} AS a
JOIN stemma.lineage_edges e ON e.child_id = a.node_id
WHERE EXISTS (SELECT FROM {asked} AS b WHERE b.node_id = e.parent_id)
ORDER BY e.child_id, e.parent_id, e.edge_type
"""
_EVENTS = """
SELECT e.node_id, e.event_type, e.sha, c.position, e.occurred_at, c.authored_at, c.author_name, c.subject,
       e.detail::text AS detail
FROM {asked} AS a
JOIN stemma.lineage_events e ON e.node_id = a.node_id
LEFT JOIN stemma.commits c ON c.repo_id = e.repo_id AND c.sha = e.sha
ORDER BY e.repo_id, c.position, e.node_id, e.event_type
"""


def _read(transaction: Transaction, node_ids: pl.Series, focus: Sequence[str], *, is_cut: bool) -> Graph:
    with transaction.staged("asked_nodes", pl.DataFrame({"node_id": node_ids.cast(pl.String)})) as asked:
        return Graph(
            transaction.read(_NODES.format(asked=asked), [EXTRACTOR_VERSION], NODES),
            transaction.read(_EDGES.format(asked=asked), schema=EDGES),
            transaction.read(_EVENTS.format(asked=asked), schema=EVENTS),
            tuple(focus),
            is_cut,
        )


# Another element has a life of its own, but what this one came from, and what came from it, is told: one step away.
_LIFE = """
WITH life AS MATERIALIZED (SELECT node_id FROM stemma.lineage_life(string_to_array($1, ','), $2::int))
SELECT node_id, true AS is_own FROM life
UNION ALL
SELECT DISTINCT n.node_id, false FROM life l
JOIN LATERAL (
    SELECT e.parent_id AS node_id FROM stemma.lineage_edges e WHERE e.child_id = l.node_id
    UNION ALL
    (SELECT e.child_id FROM stemma.lineage_edges e WHERE e.parent_id = l.node_id LIMIT $2::int)
) AS n ON true
WHERE NOT EXISTS (SELECT FROM life b WHERE b.node_id = n.node_id)
"""


def life(db: Database, node_ids: Sequence[str], *, max_nodes: int = MAX_NODES) -> tuple[Graph, pl.Series]:
    """Every version of the elements that these are versions of, with what is one step away; and which are their own.

    The second is the ids of the elements' own versions: the others are what they were copied or extracted from, what
    took their place, and what was made out of them.
    """
    with db.transaction() as transaction:
        found = transaction.read(_LIFE, [",".join(node_ids), max_nodes])
        own = found.filter("is_own")["node_id"]
        return _read(transaction, found["node_id"], node_ids, is_cut=own.len() >= len(node_ids) + max_nodes), own


_WALK = """
SELECT s.node_id, 0 AS depth, NULL::text AS via, NULL::text AS edge_type, NULL::real AS weight
FROM unnest(string_to_array($1, ',')) AS s (node_id)
UNION ALL
SELECT * FROM stemma.lineage_walk(string_to_array($1, ','), $2::boolean, $3::int, $4::int)
"""


def relatives(
    db: Database,
    node_ids: Sequence[str],
    direction: Direction,
    *,
    max_depth: int = MAX_DEPTH,
    max_nodes: int = MAX_NODES,
) -> tuple[Graph, pl.DataFrame]:
    """What these versions came from, or what came from them, with the versions themselves.

    The second is one row per version found: node_id, depth (steps from the nearest of those asked for), via (the
    version one step nearer), edge_type and weight of the edge to it.
    """
    with db.transaction() as transaction:
        is_upward = direction == "ancestors"
        walked = transaction.read(_WALK, [",".join(node_ids), is_upward, max_depth, max_nodes])
        found = walked.filter(pl.col("depth") > 0)
        return _read(transaction, walked["node_id"], node_ids, is_cut=found.height >= max_nodes), found


def family(db: Database, node_ids: Sequence[str], *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Graph:
    """The whole life of the elements with everything they came from and everything that came from them.

    Bounded to `max_nodes` each way; those of the elements' own life and then the nearest are kept.
    """
    with db.transaction() as transaction:
        own = transaction.read(
            "SELECT node_id FROM stemma.lineage_life(string_to_array($1, ','), $2::int)",
            [",".join(node_ids), max_nodes],
        )["node_id"]
        walked, is_cut = [own], own.len() >= len(node_ids) + max_nodes
        for is_upward in (True, False):
            found = transaction.read(_WALK, [",".join(own), is_upward, max_depth, max_nodes])
            reached = found.filter(pl.col("depth") > 0).sort("depth", "node_id")["node_id"]
            walked, is_cut = [*walked, reached], is_cut or reached.len() >= max_nodes
        return _read(transaction, pl.concat(walked).unique(maintain_order=True), node_ids, is_cut=is_cut)


_PATH = "SELECT * FROM stemma.lineage_path($1, $2, $3::int, $4::int) AS p ORDER BY p.step"
# The origin of both with the fewest steps to either.
_COMMON = """
SELECT a.node_id FROM stemma.ancestors($1, $3::int, $4::int) AS a
JOIN stemma.ancestors($2, $3::int, $4::int) AS b ON b.node_id = a.node_id
ORDER BY a.depth + b.depth, a.depth, a.node_id LIMIT 1
"""


def path(
    db: Database, from_id: str, to_id: str, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES
) -> tuple[Graph, pl.DataFrame]:
    """How one version comes from the other, whichever is the older, or both from one origin, by the fewest steps.

    The second is a row per version on the way: step (0 = the first), node_id, edge_type and weight of the edge by which
    it was reached, and is_upward: whether that step went to an origin. It has no rows where nothing joins the two.
    """
    bounds = (max_depth, max_nodes)
    with db.transaction() as transaction:
        steps = transaction.read(_PATH, [from_id, to_id, *bounds])
        if steps.is_empty():
            for common in transaction.read(_COMMON, [from_id, to_id, *bounds])["node_id"]:
                up = transaction.read(_PATH, [from_id, common, *bounds])
                down = transaction.read(_PATH, [common, to_id, *bounds]).slice(1)
                steps = pl.concat([up, down.with_columns(pl.col("step") + up["step"].max())])
        return _read(transaction, steps["node_id"], (from_id, to_id), is_cut=False), steps
