"""A git repository brought all the way up to lineage by one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.store.postgres import Database
from tests import ingested
from tests.repositories import GitRepository


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "project")


@pytest.fixture
def ingest(database: Database, settings: Settings) -> Callable[[Path], str]:
    """Register a repository or folder, read its history and its files; returns its id."""
    return lambda path: ingested.ingest(database, settings, path)


@pytest.fixture
def bring_up(database: Database, settings: Settings) -> Callable[[Path], str]:
    """Ingest, then occurrences and lineage; returns the repository's id."""
    return lambda path: ingested.bring_up(database, settings, path)
