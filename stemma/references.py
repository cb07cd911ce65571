"""What a person's reference to code means: a pattern id, `path:name` or a qualified name -> elements, or one pattern.

What is then told of them lives in the rooms (`lineage`, `quorum`); how it is shown, in `cli`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.store.postgres import Database

MIN_ID_DIGITS = 6
MAX_CANDIDATES = 5
_ID = re.compile(rf"[0-9a-f]{{{MIN_ID_DIGITS},32}}", re.IGNORECASE)

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
"""
_ELEMENTS = (
    f"{_NEWEST} ORDER BY is_live DESC, r.name, n.path, n.qualified_name, n.kind, n.duplicate_index LIMIT {{limit}}"
)
_PATTERNS = (
    f"SELECT pattern_id, bool_or(is_live) AS is_live FROM ({_NEWEST}) AS newest "
    "GROUP BY pattern_id ORDER BY is_live DESC, pattern_id LIMIT {limit}"
)

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
    reference = _usable(reference)
    ids = _ids(db, reference)
    if len(ids) == 1:
        found = db.read(_ELEMENTS.format(condition=_BY_PATTERN, limit=int(limit)), [ids[0], repo_id or ""])
    else:
        found = _named(db, _ELEMENTS, reference, repo_id or "")
    if found.is_empty():
        raise _unknown(reference, ids, " in this repository" if repo_id else "")
    if len(ids) != 1 and found.height > 1:
        shown = [
            f"{row['repository']} {row['path']}:{row['qualified_name']} ({row['kind']}, pattern {row['pattern_id']})"
            for row in found.iter_rows(named=True)
        ]
        raise _ambiguous(reference, shown, "Give path:qualified_name, the repository, or the pattern id.")
    return found


def resolve_pattern(db: Database, reference: str) -> str:
    """The id of the one pattern a reference means, by the rules of `resolve`; copies under one name are one pattern.

    Raises:
        ConfigError: the reference is empty, or means several patterns; names up to five of them.
        NotFoundError: it means nothing here.
    """
    reference = _usable(reference)
    ids = _ids(db, reference)
    if len(ids) == 1:
        return ids[0]
    found = _named(db, _PATTERNS, reference, "")["pattern_id"].to_list()
    if not found:
        raise _unknown(reference, ids, "")
    if len(found) > 1:
        raise _ambiguous(reference, [f"pattern {id_}" for id_ in found], "Give path:qualified_name or a pattern id.")
    return str(found[0])


def _usable(reference: str) -> str:
    reference = reference.strip()
    if not reference or "\0" in reference:
        raise ConfigError("The reference is empty or holds a NUL.", "Give a pattern id, path:name or a qualified name.")
    return reference


def _ids(db: Database, reference: str) -> list[str]:
    """The patterns whose id begins so, at most one more than are shown; where it is not one, names are tried."""
    if not _ID.fullmatch(reference):
        return []
    return db.read(
        "SELECT pattern_id FROM stemma.patterns WHERE pattern_id >= $1 AND pattern_id < $1 || 'g' "
        f"ORDER BY 1 LIMIT {MAX_CANDIDATES + 1}",
        [reference.lower()],
    )["pattern_id"].to_list()


def _named(db: Database, query: str, reference: str, repo_id: str) -> pl.DataFrame:
    """What bears the name, at most one more than is shown; only what still stands, if any does."""
    limit = MAX_CANDIDATES + 1
    path, _, name = reference.rpartition(":")
    found = pl.DataFrame()
    if path and name:
        found = db.read(query.format(condition=_BY_PLACE, limit=limit), [path, repo_id, name])
    if found.is_empty():  # C++ and Rust names hold colons themselves
        found = db.read(query.format(condition=_BY_NAME, limit=limit), [reference, repo_id])
    live = found.filter("is_live")
    return found if live.is_empty() else live


def _unknown(reference: str, ids: Sequence[str], where: str) -> ConfigError | NotFoundError:
    if ids:
        return _ambiguous(reference, [f"pattern {id_}" for id_ in ids], "Give more digits.")
    return NotFoundError(
        f"No pattern, path:name or qualified name '{reference}'{where}.",
        "List patterns with `stemma families`, or bring the history up with `stemma run`.",
    )


def _ambiguous(reference: str, candidates: Sequence[str], hint: str) -> ConfigError:
    more = ", ..." if len(candidates) > MAX_CANDIDATES else ""
    return ConfigError(f"'{reference}' means several: {', '.join(candidates[:MAX_CANDIDATES])}{more}.", hint)
