"""Repositories brought up to what a run makes of them, step by step, for tests of what comes after.

The repositories themselves are made in `tests.repositories`.
"""

from __future__ import annotations

from pathlib import Path

from stemma.config import Settings
from stemma.extract.ingest import extract_blobs
from stemma.git import fetch, registry
from stemma.git.ingest import ingest_history
from stemma.lineage.history import update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database


def ingest(database: Database, settings: Settings, path: Path) -> str:
    """Register a repository or folder if it is new, read its history and its files; returns its id."""
    repo_id = registry.register(database, settings, str(path))
    repo = registry.find(database, repo_id, settings)
    fetch.refresh(database, settings, repo)
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    return repo_id


def bring_up(database: Database, settings: Settings, path: Path) -> str:
    """Ingest, then occurrences and lineage, in a run's order; returns the repository's id."""
    repo_id = ingest(database, settings, path)
    update_occurrences(database, repo_id)
    update_lineage(database, repo_id)
    return repo_id
