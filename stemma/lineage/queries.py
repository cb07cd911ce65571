"""Questions about lineage that a person asks: which version is meant, what happened to it, what it came from.

How the graph is walked lives in the SQL functions of the migrations; how the answer is drawn, in `cli`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.store.postgres import Database

MIN_ID_DIGITS = 6
MAX_CANDIDATES = 5
_ID = re.compile(rf"[0-9a-f]{{{MIN_ID_DIGITS},32}}")

# The newest version of each element that `condition` meets; the element's file may be long gone.
_NEWEST = """
SELECT n.node_id, n.repo_id, r.name AS repository, n.path, n.kind, n.qualified_name, n.duplicate_index, n.language,
       n.pattern_id, n.sha, n.first_parent_index, n.occurred_at, o.valid_to IS NULL AS is_live
FROM (
    SELECT DISTINCT ON (n.repo_id, n.path, n.kind, n.qualified_name, n.duplicate_index) n.*
    FROM stemma.lineage_nodes n
    WHERE {condition} AND ($2 = '' OR n.repo_id = $2)
    ORDER BY n.repo_id, n.path, n.kind, n.qualified_name, n.duplicate_index, n.first_parent_index DESC
) AS n
JOIN stemma.repositories r ON r.repo_id = n.repo_id
LEFT JOIN stemma.occurrences o ON o.repo_id = n.repo_id AND o.path = n.path AND o.kind = n.kind
    AND o.qualified_name = n.qualified_name AND o.duplicate_index = n.duplicate_index
    AND o.valid_from = n.first_parent_index
ORDER BY is_live DESC, r.name, n.path, n.qualified_name, n.kind, n.duplicate_index
LIMIT {limit}
"""

_BY_PATTERN = "n.pattern_id = $1"
_BY_PLACE = "n.path = $1 AND (n.qualified_name = $3 OR right(n.qualified_name, length($3) + 1) = '.' || $3)"
_BY_NAME = "n.qualified_name = $1"


def resolve(db: Database, reference: str, repo_id: str | None = None, *, limit: int = 1000) -> pl.DataFrame:
    """The newest version of each element a reference means: node_id, repository, path, qualified_name, is_live, ...

    A reference is a pattern id, or its first 6 digits or more where they are unique (it may mean several elements,
    at most `limit`); `path:qualified_name` or `path:name`; or a qualified name. Those two mean one element: where
    several bear the name, the one that still stands, if only one does.

    Raises:
        ConfigError: the reference is empty, or means several patterns or elements; names up to five of them.
        NotFoundError: it means nothing here.
    """
    reference = reference.strip()
    if not reference or "\0" in reference:
        raise ConfigError("The reference is empty or holds a NUL.", "Give a pattern id, path:name or a qualified name.")
    pattern_id = _pattern(db, reference) if _ID.fullmatch(reference) else None
    if pattern_id is not None:
        found = _newest(db, _BY_PATTERN, [pattern_id, repo_id or ""], limit)
    else:
        found = _named(db, reference, repo_id or "")
    if found.is_empty():
        where = " in this repository" if repo_id else ""
        raise NotFoundError(
            f"No pattern, path:name or qualified name '{reference}'{where}.",
            "List patterns with `stemma families`, or bring the history up with `stemma run`.",
        )
    return found


def _pattern(db: Database, prefix: str) -> str | None:
    """The one pattern whose id begins so; None when none does (the reference may still be a name)."""
    ids = db.read(
        "SELECT DISTINCT pattern_id FROM stemma.lineage_nodes WHERE pattern_id >= $1 AND pattern_id < $1 || 'g' "
        f"ORDER BY 1 LIMIT {MAX_CANDIDATES + 1}",
        [prefix],
    )["pattern_id"].to_list()
    if len(ids) > 1:
        raise _ambiguous(prefix, ids, "Give more digits.")
    return str(ids[0]) if ids else None


def _named(db: Database, reference: str, repo_id: str) -> pl.DataFrame:
    path, colon, name = reference.rpartition(":")
    found = _newest(db, _BY_PLACE, [path, repo_id, name], MAX_CANDIDATES + 1) if colon and path and name else None
    if found is None or found.is_empty():  # C++ and Rust names hold colons themselves
        found = _newest(db, _BY_NAME, [reference, repo_id], MAX_CANDIDATES + 1)
    live = found.filter("is_live")
    meant = live if not live.is_empty() else found
    if meant.height > 1:
        shown = [
            f"{row['repository']} {row['path']}:{row['qualified_name']} ({row['kind']}, pattern {row['pattern_id']})"
            for row in meant.iter_rows(named=True)
        ]
        raise _ambiguous(reference, shown, "Give path:qualified_name, the repository, or the pattern id.")
    return meant


def _newest(db: Database, condition: str, parameters: Sequence[str], limit: int) -> pl.DataFrame:
    return db.read(_NEWEST.format(condition=condition, limit=int(limit)), parameters)


def _ambiguous(reference: str, candidates: Sequence[str], hint: str) -> ConfigError:
    more = ", ..." if len(candidates) > MAX_CANDIDATES else ""
    return ConfigError(f"'{reference}' means several: {', '.join(candidates[:MAX_CANDIDATES])}{more}.", hint)


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


def path_between(db: Database, from_id: str, to_id: str, *, max_depth: int = 1000) -> pl.DataFrame:
    """The shortest derivation from one version to another, in either direction; empty when there is none.

    Columns: step (0 is `from_id`), edge_type, weight, node_id, path, qualified_name, sha, occurred_at.
    """
    return db.read(
        "SELECT p.step, p.edge_type, p.weight, n.node_id, n.path, n.qualified_name, n.sha, n.occurred_at "
        "FROM stemma.lineage_path($1, $2, $3::int) AS p JOIN stemma.lineage_nodes n ON n.node_id = p.node_id "
        "ORDER BY p.step",
        [from_id, to_id, max_depth],
    )
