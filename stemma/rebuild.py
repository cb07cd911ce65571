"""Forgetting what was derived, so that `stemma run --full` or `--re-embed` derives it again.

Removing a repository lives in `git.registry`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.embed.base import Remembering
from stemma.git.registry import Repository
from stemma.store.postgres import Database
from stemma.store.vectors import drop_vectors

# In this order: a blob is named by file_changes and files, which go first for the chosen repositories.
_OF_REPOSITORIES = (
    *("lives", "outcomes", "origin_spans", "origins", "origin_progress", "attributions"),
    *("lineage_edges", "lineage_events", "lineage_nodes", "lineage_progress", "occurrences"),
)


def forget_vectors(db: Database, settings: Settings) -> None:
    """Drop all that the embedder of the settings made, so that the next run embeds and matches everything anew.

    The vectors go first: rows that tell of vectors which are gone are found and mended by any run, also by one after
    this was killed. What its vectors were compared by goes with them, or old scores would stand beside new ones.
    """
    embedder = open_embedder(settings)
    drop_vectors(settings, embedder.name)
    if isinstance(embedder, Remembering):
        embedder.forget()
    with db.transaction() as transaction:
        transaction.execute("DELETE FROM stemma.embeddings WHERE embedder = $1", [embedder.name])
        for table in ("matched_patterns", "matches"):
            transaction.execute(f"DELETE FROM stemma.{table}")
        transaction.execute("UPDATE stemma.runs SET inputs = NULL WHERE inputs IS NOT NULL")


def forget_derived(db: Database, repositories: Sequence[Repository]) -> None:
    """Delete what was derived from the repositories' history, in one transaction.

    What people or time gave stays: registrations, agent events, verdicts as history, family ids. Commits are read
    again from git; contents that another repository also holds are parsed again too, to the same rows.
    """
    chosen = pl.DataFrame({"repo_id": [repository.repo_id for repository in repositories]})
    with db.transaction() as transaction, transaction.staged("chosen", chosen) as staged:
        mine = f"SELECT repo_id FROM {staged}"
        contents = (
            f"SELECT new_blob FROM stemma.file_changes WHERE repo_id IN ({mine}) AND new_blob IS NOT NULL "
            f"UNION SELECT blob_oid FROM stemma.files WHERE repo_id IN ({mine})"
        )
        patterns = f"SELECT pattern_id FROM stemma.snippets WHERE blob_oid IN ({contents})"
        for table in ("embeddings", "pattern_semantics", "matched_patterns", "votes"):
            transaction.execute(f"DELETE FROM stemma.{table} WHERE pattern_id IN ({patterns})")
        transaction.execute(f"DELETE FROM stemma.matches WHERE pattern_a IN ({patterns}) OR pattern_b IN ({patterns})")
        for table in _OF_REPOSITORIES:
            transaction.execute(f"DELETE FROM stemma.{table} WHERE repo_id IN ({mine})")
        # Made of agent events, which stay: where one was made is seen in what is left of it, so all are read again.
        transaction.execute("DELETE FROM stemma.agent_edits")
        transaction.execute(f"CREATE TEMPORARY TABLE old_contents ON COMMIT DROP AS {contents}")
        for table in ("snippets", "blobs"):
            transaction.execute(f"DELETE FROM stemma.{table} WHERE blob_oid IN (SELECT * FROM old_contents)")
        for table in ("file_changes", "files", "commits"):
            transaction.execute(f"DELETE FROM stemma.{table} WHERE repo_id IN ({mine})")
        # Until a run has ended well, nothing is up to date.
        transaction.execute("UPDATE stemma.runs SET inputs = NULL WHERE inputs IS NOT NULL")
        transaction.execute(
            f"UPDATE stemma.repositories SET head_sha = NULL, ingested_at = NULL WHERE repo_id IN ({mine})"
        )
