"""The history of a plain folder: each ingestion that finds it changed appends a snapshot, and what changed since.

How the folder is read lives in `folders`; the history of a git repository, in `ingest`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from stemma.config import Settings
from stemma.git import folders
from stemma.git.head_files import COLUMNS, classified, known_files, rule_texts, write_files
from stemma.git.ignore import GIT_ATTRIBUTES
from stemma.git.repository import BROKEN, EMPTY, NO_FILE, OK, Repository
from stemma.git.selection import read_rules
from stemma.git.standing import Standing, note
from stemma.ids import content_id
from stemma.store.postgres import Transaction
from stemma.tables import commits, file_changes, polars_schema


def append_snapshot(transaction: Transaction, settings: Settings, repo: Repository, before: Standing) -> dict[str, int]:
    """Read the folder and, where it differs from the last snapshot, add one; returns rows written by table."""
    known = known_files(transaction, repo.repo_id)
    listed, found = folders.manifest(repo, settings.max_file_bytes)
    # Ignore lists were applied where the folder was walked; attributes are left.
    attributes = listed.filter(pl.col("path").str.ends_with(GIT_ATTRIBUTES))
    chosen = read_rules(before.language_of, rule_texts(repo, attributes))
    wanted = _with_unreadable(classified(repo, listed, chosen, known), known, found.unreadable)
    status, reason = (BROKEN, found.reason) if found.reason else (OK, None)
    if wanted.is_empty() and not found.reason:
        status, reason = EMPTY, NO_FILE
    head = before.head_sha
    counts = {"n_commits": 0, "n_file_changes": 0, "n_files": 0, "n_retired": 0}
    is_same = wanted.sort("path").equals(known.sort("path"))
    if not is_same or (head is None and not wanted.is_empty()):
        parent = before.chain[-1] if before.chain else None
        head = _snapshot_id(parent, wanted)
        index = len(before.chain)
        changed = _differences(known, wanted).with_columns(
            repo_id=pl.lit(repo.repo_id), sha=pl.lit(head), first_parent_index=pl.lit(index)
        )
        counts["n_commits"] = transaction.insert(commits, _commit(repo, head, parent, index, wanted.height))
        counts["n_file_changes"] = transaction.insert(file_changes, changed)
        counts["n_files"] = write_files(transaction, repo.repo_id, wanted, known)
    note(transaction, repo, replace(before, head_sha=head, status=status, status_reason=reason))
    return counts


def _with_unreadable(wanted: pl.DataFrame, known: pl.DataFrame, unreadable: list[str]) -> pl.DataFrame:
    """What cannot be read today is not thereby gone: it stays as it was last seen."""
    if not unreadable:
        return wanted
    folder_prefixes = [f"{path}/" for path in unreadable]
    path = pl.col("path")
    below = pl.any_horizontal(path.is_in(unreadable), *(path.str.starts_with(prefix) for prefix in folder_prefixes))
    return pl.concat([wanted, known.filter(below).join(wanted, on="path", how="anti").select(COLUMNS)])


def _differences(known: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """path, language, category, old_blob, new_blob of every file of a known language that differs."""
    columns = ["path", "language", "category", "blob_oid"]
    old = known.filter(pl.col("language").is_not_null()).select(columns)
    new = wanted.filter(pl.col("language").is_not_null()).select(columns)
    both = new.join(old, on="path", how="full", coalesce=True, suffix="_before")
    return both.select(
        "path",
        pl.coalesce("language", "language_before"),
        pl.coalesce("category", "category_before"),
        old_blob="blob_oid_before",
        new_blob="blob_oid",
    ).filter(pl.col("old_blob").ne_missing(pl.col("new_blob")))


def _snapshot_id(parent: str | None, wanted: pl.DataFrame) -> str:
    """Hash of the manifest and of the snapshot before: a folder that returns to an old state is a new snapshot."""
    rows = wanted.sort("path").select("path", "blob_oid")
    return content_id("snapshot", parent or "", *("\n".join(column.to_list()) for column in rows.get_columns()))


def _commit(repo: Repository, sha: str, parent: str | None, index: int, n_files: int) -> pl.DataFrame:
    taken_at = datetime.now(UTC)
    row = {
        "repo_id": repo.repo_id,
        "sha": sha,
        "kind": "snapshot",
        "parents": [parent] if parent else [],
        "first_parent_index": index,
        "author_name": None,
        "author_email": None,
        "authored_at": taken_at,
        "committed_at": taken_at,
        "subject": f"Snapshot of {n_files} files",
        "is_shallow_boundary": False,
        "position": index,
        "trailers": [],
    }
    return pl.DataFrame([row], schema=polars_schema(commits))
