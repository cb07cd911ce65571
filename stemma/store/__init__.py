"""The stores: Postgres, vectors (Qdrant), marts (DuckDB). This file opens the Postgres that the settings name.

How each is spoken to lives in its module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stemma.config import Settings
from stemma.errors import StoreError
from stemma.store import embedded
from stemma.store.migrations import migrate
from stemma.store.postgres import Database

OLDEST_POSTGRES = 15


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The Postgres of the settings, embedded unless `database_url` is set, its tables brought to head.

    Raises:
        StoreError: it cannot be made, started or reached, is older than 15, or refuses the migrations.
    """
    if settings.database_url is not None:
        with Database(settings.database_url.get_secret_value()) as database:
            _prepare(database)
            yield database
        return
    with embedded.serve(settings) as url, Database(url) as database:
        try:
            _prepare(database)
        except StoreError as error:
            if "password authentication failed" not in error.problem:
                raise
            path = settings.data_dir / embedded.PASSWORD_FILE
            raise StoreError(
                f"The password in {path} is not that of the embedded Postgres.",
                "Bring the right one back, or remove the data folder to begin with an empty one.",
            ) from error
        yield database


def _prepare(database: Database) -> None:
    found = database.read("SELECT current_setting('server_version') AS version")["version"].item()
    if int(found.split(".")[0]) < OLDEST_POSTGRES:
        raise StoreError(
            f"{database!r} is Postgres {found}, and Stemma needs {OLDEST_POSTGRES} or newer.",
            "Update it, or leave STEMMA_DATABASE_URL unset to use the embedded one.",
        )
    migrate(database)


__all__ = ["Database", "open_database"]
