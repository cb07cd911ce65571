"""The main job's steps up to families, in this process and on a database of one's own, for benchmarks that look inside.

The job itself, with its gates and marts, is timed by `python -m bench`.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stemma.config import Settings, load_settings
from stemma.embed import open_embedder
from stemma.embed.patterns import embed_patterns, refresh_patterns
from stemma.extract.ingest import extract_blobs
from stemma.git import registry
from stemma.git.fetch import refresh
from stemma.git.ingest import ingest_history
from stemma.lineage.occurrences import update_occurrences
from stemma.match.families import update_families
from stemma.match.matches import update_matches
from stemma.store import open_database
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors


@contextmanager
def open_empty() -> Iterator[tuple[Database, Settings, Path]]:
    """An empty database in a temporary data folder, its settings, and a folder beside it; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="stemma-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # under root, Postgres runs as another user
        settings = load_settings(data_dir=folder / "data")
        with open_database(settings) as database:
            yield database, settings, folder


def read_history(database: Database, settings: Settings, source: Path) -> str:
    """Register a repository or folder and read it as far as the places where its definitions stand; returns its id."""
    repo_id = registry.register(database, settings, str(source))
    repository = registry.find(database, repo_id, settings)
    refresh(database, settings, repository)
    ingest_history(database, settings, repository)
    extract_blobs(database, settings, repository)
    update_occurrences(database, repo_id)
    return repo_id


def derive(database: Database, settings: Settings, sources: Sequence[Path], *, with_vectors: bool = True) -> None:
    """Bring patterns, matches and families up to date with the repositories or folders.

    Args:
        with_vectors: as the main job does; else pairs are found and scored by structure and words alone.
    """
    for source in sources:
        read_history(database, settings, source)
    refresh_patterns(database)
    if with_vectors:
        embedder = open_embedder(settings)
        with open_vectors(settings, embedder) as vectors:
            embed_patterns(database, vectors, embedder)
            update_matches(database, vectors, settings)
    else:
        update_matches(database, None, settings)
    update_families(database)


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
