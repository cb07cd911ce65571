"""Fixtures every room's tests share: a migrated Postgres database of one's own, settings, and real git repositories."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from stemma.config import Settings
from stemma.store import embedded
from stemma.store.migrations import migrate
from stemma.store.postgres import Database
from tests.repositories import GitRepository


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running Postgres: that of STEMMA_DATABASE_URL, or the embedded one, started once for all tests."""
    if url := os.environ.get("STEMMA_DATABASE_URL"):
        yield url
        return
    with open_folder() as folder, embedded.serve(Settings(data_dir=folder)) as url:
        with psycopg.connect(url, autocommit=True) as admin:  # what the tests store need not survive a power cut
            admin.execute("ALTER SYSTEM SET fsync = off")
            admin.execute("SELECT pg_reload_conf()")
        yield url


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that any user may enter: pytest's own are closed to the one Postgres runs as under root.

    In memory where there is enough of it: a cluster is a thousand files, each synced to disk when it is made.
    """
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30
    with tempfile.TemporaryDirectory(prefix="stemma-tests-", dir=memory if has_room else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def fresh_database(server_url: str, template: str = "template1") -> Iterator[Database]:
    """A database of one's own, dropped at the end."""
    name = f"stemma_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        with Database(sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)) as database:
            yield database
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_database(server_url: str) -> Iterator[Database]:
    """A database that was never migrated, dropped after the test."""
    with fresh_database(server_url) as database:
        yield database


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> Iterator[str]:
    """Name of a migrated database to copy: 20 times faster than migrating one for every test."""
    with fresh_database(server_url) as database:
        migrate(database)
        database.close()  # a database in use cannot be copied
        yield str(database.sqlalchemy_url.database)


@pytest.fixture
def database(server_url: str, migrated_template: str) -> Iterator[Database]:
    """An empty Stemma database, dropped after the test."""
    with fresh_database(server_url, migrated_template) as database:
        yield database


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """Settings with a data folder of the test's own and its database."""
    return Settings(data_dir=tmp_path / "data", database_url=database.url, workers=1)


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[[str], GitRepository]:
    """Makes an empty git repository of a given name in the test's folder."""
    return lambda name="project": GitRepository(tmp_path / name)
