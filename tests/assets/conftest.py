"""A small repository taken the whole way from git to verdicts, once; every test gets a copy of that database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.embed.patterns import embed_patterns, refresh_patterns
from stemma.extract.ingest import extract_blobs
from stemma.feedback.outcomes import update_outcomes
from stemma.git import registry
from stemma.git.fetch import refresh
from stemma.git.ingest import ingest_history
from stemma.lineage.history import update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.match.families import update_families
from stemma.match.matches import update_matches
from stemma.quorum.sitting import update_verdicts
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors
from tests.conftest import fresh_database
from tests.repositories import GitRepository

MEAN = '''
def mean_of_positives(values, default=0.0):
    """The mean of the values above zero."""
    total = 0.0
    count = 0
    for value in values:
        if value > 0:
            total += value
            count += 1
    if count == 0:
        return default
    return total / count
'''
REPOSITORY = "copies"


def make_copies(folder: Path) -> GitRepository:
    """Two near copies, and a later change to each."""
    repository = GitRepository(folder)
    repository.commit(
        "Two copies", {"a.py": MEAN, "b.py": MEAN.replace("> 0", ">= 0").replace("mean_of", "average_of")}
    )
    repository.commit("Change both", {"a.py": MEAN.replace("0.0", "1.0"), "b.py": MEAN.replace("> 0", ">= 1")})
    return repository


def take_the_whole_way(database: Database, settings: Settings) -> None:
    """Every room's step, as the assets call them, without Dagster and dbt."""
    repository = registry.find(database, REPOSITORY, settings)
    embedder = open_embedder(settings)
    refresh(database, settings, repository)
    ingest_history(database, settings, repository)
    extract_blobs(database, settings, repository)
    update_occurrences(database, repository.repo_id)
    update_lineage(database, repository.repo_id)
    update_outcomes(database, repository.repo_id)
    refresh_patterns(database)
    with open_vectors(settings, embedder) as vectors:
        embed_patterns(database, vectors, embedder)
        update_matches(database, vectors, settings)
    update_families(database)
    update_votes(database, settings)
    update_verdicts(database, settings)


@pytest.fixture(scope="session")
def ingested_template(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Name of a database that went the whole way, and the data folder beside it."""
    folder = tmp_path_factory.mktemp("ingested")
    repository = make_copies(folder / REPOSITORY)
    with fresh_database(server_url, migrated_template) as database:
        settings = Settings(data_dir=folder / "data", database_url=database.url, workers=1)
        registry.register(database, settings, str(repository.path), name=REPOSITORY)
        take_the_whole_way(database, settings)
        database.close()  # a database in use cannot be copied
        yield str(database.sqlalchemy_url.database), settings.data_dir


@pytest.fixture
def ingested(server_url: str, ingested_template: tuple[str, Path]) -> Iterator[Database]:
    with fresh_database(server_url, ingested_template[0]) as database:
        yield database


@pytest.fixture
def resources(ingested: Database, ingested_template: tuple[str, Path]) -> Iterator[dict[str, object]]:
    """Plain objects in the place of the resources."""
    settings = Settings(data_dir=ingested_template[1], database_url=ingested.url, workers=1)
    embedder = open_embedder(settings)
    with open_vectors(settings, embedder) as vectors:
        yield {"database": ingested, "settings": settings, "embedder": embedder, "vectors": vectors}
