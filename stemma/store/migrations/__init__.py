"""Bringing a database's tables to the form this version of Stemma needs. What that form is lives in `stemma.tables`.

Alembic runs the steps in `versions`; they travel in the wheel, so an installed Stemma migrates without its sources.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from stemma.errors import StoreError
from stemma.store.postgres import Database
from stemma.tables import PARTITIONED, SCHEMA, metadata

FOLDER = Path(__file__).parent
LOCK = "stemma.migrate"
VERSION_TABLE = f"{SCHEMA}.alembic_version"
VIEWS_SCHEMA = "stemma_staging"
_PARTITION = re.compile(rf"({'|'.join(table.name for table in PARTITIONED)})_(default|y\d{{4}}m\d{{2}})")


def head() -> str:
    """The newest revision: by the habit of `versions`, the number its last file begins with.

    Read from the names alone, because importing Alembic costs 150 ms and a database is at head nearly always.
    """
    return max(path.name for path in (FOLDER / "versions").glob("[0-9]*.py")).split("_")[0]


def current(database: Database) -> str | None:
    """The revision a database is at; None when it was never migrated."""
    with database.transaction() as transaction:
        found = transaction.read(f"SELECT to_regclass('{VERSION_TABLE}') IS NOT NULL AS is_there")
        if not found["is_there"].item():
            return None
        versions = transaction.read(f"SELECT version_num FROM {VERSION_TABLE}")["version_num"].to_list()
    return str(versions[0]) if versions else None


def migrate(database: Database) -> None:
    """Bring a database to head, all steps or none; a few milliseconds when it is there, and safe with two at once.

    Raises:
        StoreError: the database was migrated by a newer Stemma, or Postgres refuses a step.
    """
    at = current(database)
    if at == head():
        return
    if at is not None and at > head():
        raise StoreError(
            f"The database is at migration {at}, and this Stemma knows only those up to {head()}.",
            "Update Stemma (`pip install -U codestemma`), or set STEMMA_DATABASE_URL to another database.",
        )
    _run_alembic(database, "upgrade", "head")


def downgrade(database: Database, revision: str = "base") -> None:
    """Take a database back to `revision`; `base` drops every table of Stemma, and what is in them."""
    _run_alembic(database, "downgrade", revision)


def _run_alembic(database: Database, direction: Literal["upgrade", "downgrade"], revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(database.sqlalchemy_url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            # Held to the end of the transaction: of two at once, the second finds the work of the first done.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(LOCK))))
            _ensure_schema(connection)
            # What dbt reads the tables by holds on to their columns; the next run builds it anew.
            connection.execute(sa.schema.DropSchema(VIEWS_SCHEMA, cascade=True, if_exists=True))
            config.attributes["connection"] = connection
            getattr(command, direction)(config, revision)
    except sa.exc.DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        raise StoreError(f"Postgres refused to migrate the database: {reason}.", "Run `stemma doctor`.") from error


def _ensure_schema(connection: sa.Connection) -> None:
    # Asked first: CREATE SCHEMA IF NOT EXISTS wants the right to create even where the schema is there already.
    exists = connection.execute(sa.text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": SCHEMA}).scalar()
    if not exists:
        connection.execute(sa.schema.CreateSchema(SCHEMA))


def compare_options() -> dict[str, Any]:
    """What Alembic compares: Stemma's own schema, without the partitions that are made as months come."""

    def include_name(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name == SCHEMA
        return kind != "table" or _PARTITION.fullmatch(name or "") is None

    return {
        "target_metadata": metadata,
        "version_table_schema": SCHEMA,
        "include_schemas": True,
        "include_name": include_name,
        "compare_type": True,
        "compare_server_default": True,
    }
