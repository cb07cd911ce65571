"""What the tests of reading repositories share: a repository, and one call from a path to its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.git import fetch, ingest, registry
from stemma.git.repository import Repository
from stemma.store.postgres import Database
from tests.repositories import GitRepository


@dataclass
class Ingestion:
    """Runs the ingestion of one place, and reads back what it wrote."""

    db: Database
    settings: Settings

    def __call__(self, place: Path | str) -> dict[str, int]:
        repo_id = registry.register(self.db, self.settings, str(place))
        fetch.refresh(self.db, self.settings, self.find(repo_id))
        return ingest.ingest_history(self.db, self.settings, self.find(repo_id))

    def find(self, place: Path | str) -> Repository:
        return registry.find(self.db, str(place), self.settings)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.db.read(query).rows()

    def chain(self) -> list[str]:
        return [str(sha) for (sha,) in self.rows(
            "SELECT sha FROM stemma.commits WHERE first_parent_index IS NOT NULL ORDER BY first_parent_index"
        )]  # fmt: skip

    def changes(self) -> list[tuple[object, ...]]:
        """(first_parent_index, path, old_blob, new_blob) of every change."""
        return self.rows(
            'SELECT first_parent_index, path, old_blob, new_blob FROM stemma.file_changes ORDER BY 1, path COLLATE "C"'
        )

    def files(self) -> dict[str, tuple[object, ...]]:
        """path -> (blob_oid, n_bytes, language, category)"""
        frame: pl.DataFrame = self.db.read("SELECT path, blob_oid, n_bytes, language, category FROM stemma.files")
        return {row[0]: row[1:] for row in frame.rows()}

    def state(self) -> list[tuple[object, ...]]:
        """Every row of the room's tables with its version (xmin): equal before and after means nothing was written."""
        queries = (
            f"SELECT '{table}' AS t, xmin::text AS version, {key} AS key FROM stemma.{table}"
            for table, key in (
                ("repositories", "repo_id"),
                ("commits", "sha"),
                ("file_changes", "sha || path"),
                ("files", "path"),
            )
        )
        return sorted(self.rows(" UNION ALL ".join(queries)))


@pytest.fixture
def ingestion(database: Database, settings: Settings) -> Ingestion:
    return Ingestion(database, settings)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "sample")


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[[str], GitRepository]:
    return lambda name: GitRepository(tmp_path / name)
