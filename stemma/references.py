"""What a person's reference to code means: an id, `path:name`, `path:line`, a qualified name -> elements, or a pattern.

What is then told of them lives in the rooms (`lineage`, `quorum`); how it is shown, in `cli`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.languages import EXTRACTOR_VERSION
from stemma.store.postgres import Database

MIN_ID_DIGITS = 6
MAX_CANDIDATES = 5
ID = re.compile(rf"[0-9a-f]{{{MIN_ID_DIGITS},32}}", re.IGNORECASE)

# The newest version of each element that `condition` meets; the element's file may be long gone. One that stood on
# HEAD's chain is newer than one that only stood on a branch.
_NEWEST = """
SELECT n.node_id, n.repo_id, r.name AS repository, n.path, n.kind, n.qualified_name, n.duplicate_index, n.language,
       n.pattern_id, n.sha, n.first_parent_index, n.occurred_at,
       o.valid_from IS NOT NULL AND o.valid_to IS NULL AS is_live
FROM (
    SELECT DISTINCT ON (n.repo_id, n.path, n.kind, n.qualified_name, n.duplicate_index) n.*
    FROM stemma.lineage_nodes n
    WHERE {condition} AND ($2 = '' OR n.repo_id = $2)
    ORDER BY n.repo_id, n.path, n.kind, n.qualified_name, n.duplicate_index,
             n.first_parent_index DESC NULLS LAST, n.occurred_at DESC, n.node_id
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
_BY_NODE = "n.node_id = $1"
# The innermost definition around line $3 of a path, in the text that each repository's head has there.
_BY_LINE = """
(n.repo_id, n.path, n.kind, n.qualified_name, n.duplicate_index) IN (
    SELECT DISTINCT ON (f.repo_id) f.repo_id, f.path, s.kind, s.qualified_name, s.duplicate_index
    FROM stemma.files f
    JOIN stemma.snippets s ON s.blob_oid = f.blob_oid AND s.extractor_version = $4
    WHERE f.path = $1 AND $3::int BETWEEN s.start_line AND s.end_line
    ORDER BY f.repo_id, s.end_line - s.start_line, s.ordinal DESC
)
"""
_MAX_LINE = 2**31 - 1
_PATTERN_IDS, _NODE_IDS = (
    f"SELECT {key} AS id FROM stemma.{table} WHERE {key} >= $1 AND {key} < $1 || 'g' "
    f"ORDER BY 1 LIMIT {MAX_CANDIDATES + 1}"
    for table, key in (("patterns", "pattern_id"), ("lineage_nodes", "node_id"))
)


def resolve(db: Database, reference: str, repo_id: str | None = None, *, limit: int = 1000) -> pl.DataFrame:
    """The newest version of each element a reference means: node_id, repository, path, qualified_name, is_live, ...

    A reference is a pattern id, or its first 6 digits or more where they are unique (it may mean several elements,
    at most `limit`); the id of one version, likewise; `path:qualified_name` or `path:name`; `path:line` (of the text at
    the head, the innermost definition there); or a qualified name. All but the first mean one element: where several
    bear the name, the one that still stands, if only one does.

    Raises:
        ConfigError: the reference is empty, or means several patterns or elements; names up to five of them.
        NotFoundError: it means nothing here.
    """
    reference, where = _usable(reference), " in this repository" if repo_id else ""
    patterns = _ids(db, _PATTERN_IDS, reference)
    if len(patterns) == 1:
        found = db.read(_ELEMENTS.format(condition=_BY_PATTERN, limit=int(limit)), [patterns[0], repo_id or ""])
        if found.is_empty():
            raise _unknown(reference, (), where)
        return found
    versions = [] if patterns else _ids(db, _NODE_IDS, reference)
    if len(versions) == 1:
        found = db.read(_ELEMENTS.format(condition=_BY_NODE, limit=1), [versions[0], repo_id or ""])
    else:
        found = _named(db, _ELEMENTS, reference, repo_id or "")
    if found.is_empty():
        ids = [f"pattern {id_}" for id_ in patterns] or [f"version {id_}" for id_ in versions]
        raise _unknown(reference, ids, where)
    if found.height > 1:
        shown = [
            f"{row['repository']} {row['path']}:{row['qualified_name']} ({row['kind']}, pattern {row['pattern_id']})"
            for row in found.iter_rows(named=True)
        ]
        raise ambiguous(reference, shown, "Give path:qualified_name, the repository, or the pattern id.")
    return found


def resolve_pattern(db: Database, reference: str) -> str:
    """The id of the one pattern a reference means, by the rules of `resolve`; copies under one name are one pattern.

    Raises:
        ConfigError: the reference is empty, or means several patterns; names up to five of them.
        NotFoundError: it means nothing here.
    """
    reference = _usable(reference)
    ids = _ids(db, _PATTERN_IDS, reference)
    if len(ids) == 1:
        return ids[0]
    found = _named(db, _PATTERNS, reference, "")["pattern_id"].to_list()
    if not found:
        raise _unknown(reference, [f"pattern {id_}" for id_ in ids], "")
    if len(found) > 1:
        raise ambiguous(reference, [f"pattern {id_}" for id_ in found], "Give path:qualified_name or a pattern id.")
    return str(found[0])


def _usable(reference: str) -> str:
    reference = reference.strip()
    if not reference or "\0" in reference:
        raise ConfigError("The reference is empty or holds a NUL.", "Give a pattern id, path:name or a qualified name.")
    return reference


def _ids(db: Database, query: str, reference: str) -> list[str]:
    """The ids that begin so, at most one more than are shown; where it is not one, names are tried."""
    return db.read(query, [reference.lower()])["id"].to_list() if ID.fullmatch(reference) else []


def _named(db: Database, query: str, reference: str, repo_id: str) -> pl.DataFrame:
    """What bears the name, at most one more than is shown; only what still stands, if any does."""
    limit = MAX_CANDIDATES + 1
    path, _, name = reference.rpartition(":")
    found = pl.DataFrame()
    if path and _is_line(name):
        line = str(min(int(name[:10]), _MAX_LINE))
        found = db.read(query.format(condition=_BY_LINE, limit=limit), [path, repo_id, line, EXTRACTOR_VERSION])
    elif path and name:
        found = db.read(query.format(condition=_BY_PLACE, limit=limit), [path, repo_id, name])
    if found.is_empty():  # C++ and Rust names hold colons themselves
        found = db.read(query.format(condition=_BY_NAME, limit=limit), [reference, repo_id])
    live = found.filter("is_live")
    return found if live.is_empty() else live


def _unknown(reference: str, ids: Sequence[str], where: str) -> ConfigError | NotFoundError:
    if len(ids) > 1:
        return ambiguous(reference, ids, "Give more digits.")
    hint = "List patterns with `stemma families`, or bring the history up with `stemma run`."
    path, _, line = reference.rpartition(":")
    if path and _is_line(line):
        hint = f"Name it, as in {path}:name; lines count in the text of the head that was read last."
        return NotFoundError(f"No definition is known at line {line} of {path}{where}.", hint)
    return NotFoundError(f"No pattern, path:name or qualified name '{reference}'{where}.", hint)


def _is_line(text: str) -> bool:
    return text.isascii() and text.isdigit()


def ambiguous(reference: str, candidates: Sequence[str], hint: str, *, several: str = "several") -> ConfigError:
    """The error of a reference that means `several` things; it names the first of them."""
    more = ", ..." if len(candidates) > MAX_CANDIDATES else ""
    shown = ", ".join(candidates[:MAX_CANDIDATES])
    return ConfigError(f"'{reference}' means {several}: {shown}{more}.", hint)
