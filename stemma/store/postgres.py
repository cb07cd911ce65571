"""Postgres spoken in columns: Arrow record batches in by COPY, Polars frames out, both through ADBC.

What the tables are lives in `stemma.tables`; how the server is started, in `embedded`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
import sqlalchemy as sa
from adbc_driver_manager import Error as AdbcError

from stemma.errors import StoreError
from stemma.tables import metadata, polars_schema

OnConflict = Literal["error", "nothing", "update"]


class Transaction:
    """Statements that take effect together, or not at all."""

    def __init__(self, connection: adbc.Connection) -> None:
        self._connection = connection

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement ($1, $2, ... for parameters); returns rows affected, -1 where unknown."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, tuple(parameters) or None)
            return int(cursor.rowcount)

    def read(self, query: str, parameters: Sequence[Any] = (), schema: pl.Schema | None = None) -> pl.DataFrame:
        """The rows of a query. `numeric` arrives as text: cast it in the query."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, tuple(parameters) or None)
            frame = pl.from_arrow(cursor.fetch_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame.cast(dict(schema)) if schema else frame  # type: ignore[arg-type]

    def insert(self, table: sa.Table, frame: pl.DataFrame, on_conflict: OnConflict = "error") -> int:
        """COPY a frame holding all or some of the table's columns into it; returns rows inserted or updated.

        `nothing` leaves a row whose key exists; `update` overwrites it where a value differs, and counts only those.
        """
        if frame.is_empty():
            return 0
        schema = polars_schema(table)
        frame = frame.select([pl.col(name).cast(schema[name]) for name in frame.columns])
        staging = f"staging_{table.name}"
        with self._connection.cursor() as cursor:
            cursor.execute(f'DROP TABLE IF EXISTS pg_temp."{staging}"')
            cursor.adbc_ingest(staging, frame.to_arrow(), mode="create", temporary=True)
            cursor.execute(_insert_from(staging, table, frame.columns, on_conflict))
            n_rows = int(cursor.rowcount)
            cursor.execute(f'DROP TABLE pg_temp."{staging}"')
        return n_rows

    @contextmanager
    def staged(self, name: str, frame: pl.DataFrame) -> Iterator[str]:
        """The frame as a temporary table, for joins and deletes by many keys; yields the name to use in queries."""
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(name, frame.to_arrow(), mode="create", temporary=True)
            try:
                yield f'pg_temp."{name}"'
            finally:
                cursor.execute(f'DROP TABLE IF EXISTS pg_temp."{name}"')


def _insert_from(staging: str, table: sa.Table, columns: Sequence[str], on_conflict: OnConflict) -> str:
    target = f'{table.schema}."{table.name}"'
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(
        f'"{name}"::{table.c[name].type.compile(dialect=sa.dialects.postgresql.dialect())}' for name in columns
    )
    key = [column.name for column in table.primary_key]
    keys = ", ".join(f'"{name}"' for name in key)
    statement = f'INSERT INTO {target} AS target ({names}) SELECT {values} FROM pg_temp."{staging}"'
    if on_conflict == "error":
        return statement
    changing = [name for name in columns if name not in key]
    if on_conflict == "nothing" or not changing:
        return f"{statement} ON CONFLICT DO NOTHING"
    assignments = ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
    old = ", ".join(f'target."{name}"' for name in changing)
    new = ", ".join(f'excluded."{name}"' for name in changing)
    return f"{statement} ON CONFLICT ({keys}) DO UPDATE SET {assignments} WHERE ({old}) IS DISTINCT FROM ({new})"


class Database:
    """A Postgres database by URL (`postgresql://user:password@host:port/name`). Connections are opened as needed."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def sqlalchemy_url(self) -> sa.URL:
        return sa.make_url(self.url).set(drivername="postgresql+psycopg")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on a connection of its own: committed at the end, rolled back on any error.

        Raises:
            StoreError: Postgres cannot be reached or refuses a statement.
        """
        try:
            with adbc.connect(self.url) as connection:
                try:
                    yield Transaction(connection)
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        except AdbcError as error:
            raise StoreError(f"Postgres refused: {error}", "Run `stemma doctor`.") from error

    def read(self, query: str, parameters: Sequence[Any] = (), schema: pl.Schema | None = None) -> pl.DataFrame:
        """The rows of one query, as `Transaction.read`."""
        with self.transaction() as transaction:
            return transaction.read(query, parameters, schema)

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> int:
        """One statement in a transaction of its own, as `Transaction.execute`."""
        with self.transaction() as transaction:
            return transaction.execute(query, parameters)

    def insert(self, table: sa.Table, frame: pl.DataFrame, on_conflict: OnConflict = "error") -> int:
        """One frame in a transaction of its own, as `Transaction.insert`."""
        with self.transaction() as transaction:
            return transaction.insert(table, frame, on_conflict)


__all__ = ["Database", "Transaction", "metadata"]
