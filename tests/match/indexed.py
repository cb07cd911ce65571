"""A function that tests copy, and a repository taken into Postgres as far as `stemma similar` needs, without a run."""

from __future__ import annotations

from pathlib import Path

from stemma.config import Settings
from stemma.embed.patterns import refresh_patterns
from stemma.extract.ingest import extract_blobs
from stemma.git import registry
from stemma.git.ingest import ingest_history
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database

PARSE = """
def parse_header(line, separator):
    name, found, value = line.partition(separator)
    if not found:
        raise ValueError("no separator in " + line)
    values = [part.strip() for part in value.split(",") if part.strip()]
    return name.strip().lower(), values
"""


def ingest(database: Database, settings: Settings, path: Path, name: str = "project") -> None:
    repo_id = registry.register(database, settings, str(path), name=name)
    repo = registry.find(database, repo_id)
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    update_occurrences(database, repo_id)
    refresh_patterns(database)
