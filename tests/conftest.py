"""Fixtures every room's tests share: a real Postgres database of one's own, and real git repositories."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from stemma import tables
from stemma.store.postgres import Database


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty Stemma database, dropped after the test."""
    server = os.environ["STEMMA_DATABASE_URL"]
    name = f"stemma_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    database = Database(sa.make_url(server).set(database=name).render_as_string(hide_password=False))
    engine = sa.create_engine(database.sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA stemma"))
        tables.metadata.create_all(connection)
        for table in tables.PARTITIONED:
            connection.execute(
                sa.text(f"CREATE TABLE {table.schema}.{table.name}_default PARTITION OF {table.fullname} DEFAULT")
            )
    engine.dispose()
    yield database
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
