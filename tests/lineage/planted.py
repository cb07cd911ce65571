"""A lineage graph planted row by row, small enough that every answer about it can be written down by hand.

In `app`: `one` is introduced (c0), its body and parameters change (c1), it becomes `uno` (c2) and moves to b.py (c3);
meanwhile a branch from c2 changes its body (c4), which a merge joins with b.py's (c5). At c6 `helper` is extracted from
it. In `lib`, which has a URL: `uno` is copied from what stood at c3 (l0), and removed (l1). `elder` was replaced by
`one`. Every text a repository can choose holds what HTML, DOT, Mermaid, SQL or JSON might trip over.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from stemma.ids import content_id
from stemma.languages import EXTRACTOR_VERSION
from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database, Transaction
from stemma.tables import (
    commits,
    files,
    lineage_edges,
    lineage_events,
    lineage_nodes,
    occurrences,
    origins,
    polars_schema,
    repositories,
    snippets,
)

HOSTILE = "</script><b onload=\"alert('1')\">`%s\\n]|x;--#&\u202e{%%}"
PATH_A, PATH_B = "src/a <b>.py", f"src/{HOSTILE.replace('/', '').replace(chr(0x202E), '')}.py"
DAY = datetime(2024, 3, 1, 12, tzinfo=UTC)
LIB_URL = "https://example.org/team/lib.git"
APP, LIB = "a" * 32, "b" * 32


def node_id(name: str) -> str:
    return content_id("planted", name)


# name, repository, path, qualified name, commit, position on HEAD's chain
_VERSIONS = (
    ("elder", APP, PATH_A, "elder", "c0", 0),
    ("one0", APP, PATH_A, "one", "c0", 0),
    ("one1", APP, PATH_A, "one", "c1", 1),
    ("uno2", APP, PATH_A, "uno", "c2", 2),
    ("uno3", APP, PATH_B, "uno", "c3", 3),
    ("uno4", APP, PATH_A, "uno", "c4", None),
    ("uno5", APP, PATH_B, "uno", "c5", 4),
    ("helper", APP, PATH_B, "helper", "c6", 5),
    ("copy", LIB, "util.py", "uno", "l0", 0),
)
_EDGES = (
    ("one1", "one0", "modified_from", 0.5),
    ("uno2", "one1", "renamed_from", 1.0),
    ("uno3", "uno2", "moved_from", 1.0),
    ("uno4", "uno2", "modified_from", 0.75),
    ("uno5", "uno3", "modified_from", 0.875),
    ("uno5", "uno4", "merged_from", 0.75),
    ("helper", "uno5", "extracted_from", 0.25),
    ("copy", "uno3", "copied_from", 1.0),
    ("elder", "one0", "replaced_by", None),
)
_EVENTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("elder", "introduced", "c0", {}),
    ("one0", "introduced", "c0", {}),
    ("one1", "body_changed", "c1", {"similarity": 0.5}),
    ("one1", "signature_changed", "c1", {"parts": ["parameters"], "from": ["(a)"], "to": ["(a, b=1)"]}),
    ("uno2", "renamed", "c2", {"from": "one", "to": "uno", "scope": "own"}),
    ("uno2", "documentation_changed", "c2", {"parts": ["documentation"]}),
    ("uno3", "moved_across_files", "c3", {"from": PATH_A, "to": PATH_B}),
    ("uno4", "body_changed", "c4", {"similarity": 0.75}),
    ("uno5", "body_changed", "c5", {"similarity": 0.875}),
    ("helper", "introduced", "c6", {}),
    ("helper", "extracted", "c6", {}),
    ("copy", "introduced", "l0", {}),
    ("copy", "copied", "l0", {}),
    ("copy", "removed", "l1", {}),
)
# repository, parents, day, place on the chain, author
_COMMITS = {
    "c0": (APP, [], 0, 0, "Ada"),
    "c1": (APP, ["c0"], 1, 1, "Ada"),
    "c2": (APP, ["c1"], 2, 2, "Bob <b>"),
    "c3": (APP, ["c2"], 10, 3, "Ada"),
    "c4": (APP, ["c2"], 8, None, "Bob <b>"),
    "c5": (APP, ["c3", "c4"], 12, 4, "Ada"),
    "c6": (APP, ["c5"], 400, 5, "Ada"),
    "l0": (LIB, [], 11, 0, "Eve"),
    "l1": (LIB, ["l0"], 500, 1, "Eve"),
}


def sha(commit: str) -> str:
    return content_id("commit", commit) + "0" * 8


def day(commit: str) -> datetime:
    return DAY + timedelta(days=_COMMITS[commit][2])


def plant(database: Database) -> None:
    """Write all of it; origins for two versions, and the text of `helper` at the head in lines 10 to 14 of its file."""
    with database.transaction() as transaction:
        _plant_repositories(transaction)
        _plant_versions(transaction)
        _plant_head(transaction)


def _insert(transaction: Transaction, table: Any, rows: list[dict[str, Any]]) -> None:
    schema = {name: kind for name, kind in polars_schema(table).items() if name in rows[0]}
    transaction.insert(table, pl.DataFrame(rows, schema=schema))


def _plant_repositories(transaction: Transaction) -> None:
    _insert(
        transaction,
        repositories,
        [
            {"repo_id": id_, "name": name, "kind": "git", "location": location, "tags": [], "added_at": DAY,
             "is_shallow": False, "head_sha": sha(head), "ingested_at": DAY}
            for id_, name, location, head in ((APP, "app", "/srv/secret place/app", "c6"), (LIB, "lib", LIB_URL, "l1"))
        ],
    )  # fmt: skip
    _insert(
        transaction,
        commits,
        [
            {"repo_id": repo, "sha": sha(name), "kind": "commit", "parents": [sha(parent) for parent in parents],
             "first_parent_index": index, "author_name": author, "author_email": f"{author}@example.org",
             "authored_at": day(name) - timedelta(hours=1), "committed_at": day(name),
             "subject": f"{name} {HOSTILE}", "is_shallow_boundary": False, "position": place, "trailers": []}
            for place, (name, (repo, parents, _, index, author)) in enumerate(_COMMITS.items())
        ],
    )  # fmt: skip


def _plant_versions(transaction: Transaction) -> None:
    _insert(
        transaction,
        lineage_nodes,
        [
            {"node_id": node_id(name), "repo_id": repo, "path": path, "kind": "function", "qualified_name": qualified,
             "duplicate_index": 0, "language": "python", "exact_hash": content_id("text", name),
             "pattern_id": content_id("pattern", name), "blob_oid": f"blob of {commit}", "ordinal": 0,
             "sha": sha(commit), "first_parent_index": index, "occurred_at": day(commit),
             "authored_at": day(commit) - timedelta(hours=1)}
            for name, repo, path, qualified, commit, index in _VERSIONS
        ],
    )  # fmt: skip
    repo_of = {name: repo for name, repo, *_ in _VERSIONS}
    _insert(
        transaction,
        lineage_edges,
        [
            {"edge_id": content_id(child, parent, kind), "repo_id": repo_of[child], "child_id": node_id(child),
             "parent_id": node_id(parent), "edge_type": kind, "weight": weight, "confidence": 1.0, "evidence": "{}"}
            for child, parent, kind, weight in _EDGES
        ],
    )  # fmt: skip
    ensure_months(transaction, lineage_events, pl.DataFrame({"occurred_at": [day(name) for name in _COMMITS]}))
    _insert(
        transaction,
        lineage_events,
        [
            {"event_id": content_id(name, kind, commit), "occurred_at": day(commit), "repo_id": repo_of[name],
             "node_id": node_id(name), "event_type": kind, "sha": sha(commit), "detail": json.dumps(detail)}
            for name, kind, commit, detail in _EVENTS
        ],
    )  # fmt: skip
    _insert(
        transaction,
        origins,
        [
            {"node_id": node_id(name), "repo_id": APP, "origin": origin, "n_agent": 1, "n_human": 0, "agent": agent,
             "session_id": session, "evidence": "{}", "decided_by": "test"}
            for name, origin, agent, session in (
                ("uno2", "agent", "claude-code", "session 1"), ("uno3", "agent", "claude-code", "session 1"),
                ("one0", "unknown", None, None),
            )
        ],
    )  # fmt: skip


def _plant_head(transaction: Transaction) -> None:
    """What stands at the head: `uno` in lines 1 to 30 of b.py, and inside of it `helper` in lines 10 to 14."""
    for name, ordinal, first, last, parent in (("uno", 0, 1, 30, None), ("helper", 1, 10, 14, 0)):
        _insert(
            transaction,
            snippets,
            [{"blob_oid": "head", "extractor_version": EXTRACTOR_VERSION, "ordinal": ordinal, "parent_ordinal": parent,
              "kind": "function", "name": name, "qualified_name": name, "duplicate_index": 0, "start_line": first,
              "end_line": last, "start_byte": 0, "end_byte": 1, "signature": "", "is_deprecated": False,
              "is_test": False, "exact_hash": "x", "pattern_id": "y", "n_lines": 1, "n_tokens": 1}],
        )  # fmt: skip
    _insert(transaction, files, [{"repo_id": APP, "path": PATH_B, "blob_oid": "head", "category": "source"}])
    _insert(
        transaction,
        occurrences,
        [
            {"repo_id": APP, "path": PATH_B, "qualified_name": name, "kind": "function", "duplicate_index": 0,
             "valid_from": index, "valid_to": None, "valid_from_sha": sha(commit), "valid_to_sha": None,
             "language": "python", "category": "source", "blob_oid": "head", "ordinal": ordinal, "exact_hash": "x",
             "pattern_id": "y"}
            for name, index, commit, ordinal in (("uno", 4, "c5", 0), ("helper", 5, "c6", 1))
        ],
    )  # fmt: skip
