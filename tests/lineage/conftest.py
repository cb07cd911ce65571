"""A git repository brought all the way up to lineage by one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.extract.ingest import extract_blobs
from stemma.git import fetch, registry
from stemma.git.ingest import ingest_history
from stemma.lineage.history import update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database
from tests.repositories import GitRepository


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "project")


@pytest.fixture
def ingest(database: Database, settings: Settings) -> Callable[[Path], str]:
    """Register a repository or folder, read its history and its files; returns its id."""

    def run(path: Path) -> str:
        repo_id = registry.register(database, settings, str(path))
        repo = registry.find(database, repo_id, settings)
        fetch.refresh(database, settings, repo)
        ingest_history(database, settings, repo)
        extract_blobs(database, settings, repo)
        return repo_id

    return run


@pytest.fixture
def bring_up(database: Database, ingest: Callable[[Path], str]) -> Callable[[Path], str]:
    """Ingest, then occurrences and lineage; returns the repository's id."""

    def run(path: Path) -> str:
        repo_id = ingest(path)
        update_occurrences(database, repo_id)
        update_lineage(database, repo_id)
        return repo_id

    return run
