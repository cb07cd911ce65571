"""Postgres spoken in columns: Arrow record batches in by COPY, Polars frames out, both through ADBC.

What the tables are lives in `stemma.tables`; how the server is started, in `embedded`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_manager import Error as AdbcError
from sqlalchemy.dialects import postgresql

from stemma.errors import BusyError
from stemma.store.refusals import check_url, place_of, refused, unreachable
from stemma.tables import metadata, polars_schema

OnConflict = Literal["error", "nothing", "update"]

_KEPT = 4
_OPTIONS = {"connect_timeout": "10"}
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('stemma'), hashtext($1)) AS is_held"
_HOLDER = """
SELECT concat(
    coalesce(nullif(regexp_replace(application_name, '^stemma/', 'process '), ''), 'another process'),
    ', since ', to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), ' UTC'
) AS holder
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 2
  AND classid = (hashtext('stemma')::bigint & 4294967295)::oid AND objid = (hashtext($1)::bigint & 4294967295)::oid
  AND backend_start IS NOT NULL
"""


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
        """The rows of a query. `numeric` and `jsonb` arrive as text: cast what should not."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, tuple(parameters) or None)
            frame = pl.from_arrow(_without_extensions(cursor.fetch_arrow_table()))
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

    def stage(self, name: str, query: str, parameters: Sequence[Any] = ()) -> None:
        """The rows of a query as the temporary table `pg_temp.name`, until the transaction ends."""
        self.execute(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}", parameters)
        self.execute(f"ANALYZE pg_temp.{name}")  # autovacuum never sees a temporary table

    @contextmanager
    def staged(self, name: str, frame: pl.DataFrame) -> Iterator[str]:
        """The frame as a temporary table, for joins and deletes by many keys; yields the name to use in queries."""
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(name, frame.to_arrow(), mode="create", temporary=True)
            cursor.execute(f'ANALYZE pg_temp."{name}"')  # autovacuum never sees a temporary table
            yield f'pg_temp."{name}"'
            # Not after an error: the statement would fail too and hide it, and the rollback drops the table.
            cursor.execute(f'DROP TABLE IF EXISTS pg_temp."{name}"')


def _without_extensions(table: pa.Table) -> pa.Table:
    """The same with Arrow extension types (jsonb is arrow.json, numeric arrow.opaque) as what they are stored as."""
    for position, field in enumerate(table.schema):
        if isinstance(field.type, pa.BaseExtensionType):
            chunks = [chunk.storage for chunk in table.column(position).chunks]
            column = pa.chunked_array(chunks, type=field.type.storage_type)
            table = table.set_column(position, field.name, column)
    return table


def _is_alive(connection: adbc.Connection) -> bool:
    """Whether a kept connection still works: Postgres may have been stopped since."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        connection.rollback()
    except AdbcError:
        return False
    return True


def _insert_from(staging: str, table: sa.Table, columns: Sequence[str], on_conflict: OnConflict) -> str:
    target = f'{table.schema}."{table.name}"'
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f'"{name}"::{table.c[name].type.compile(dialect=_DIALECT)}' for name in columns)
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
    """A Postgres database by URL (`postgresql://user:password@host:port/name`). Use it from any thread.

    Opening a connection costs 35 ms, so a few are kept and used again; `close` (or `with`) gives them back.
    """

    def __init__(self, url: str) -> None:
        parts = check_url(url)
        known = dict(parts.query)
        parts = parts.update_query_dict({name: value for name, value in _OPTIONS.items() if name not in known})
        self.url = parts.render_as_string(hide_password=False)
        self._parts = parts
        self._guard = threading.Lock()
        # By process: a forked child must neither use nor close the connections of its parent.
        self._idle: dict[int, list[adbc.Connection]] = {}

    def __repr__(self) -> str:
        return f"Database({place_of(self._parts)})"

    def __reduce__(self) -> tuple[type[Database], tuple[str]]:
        return Database, (self.url,)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections kept for later; the database can still be used, and opens new ones."""
        with self._guard:
            idle = self._idle.pop(os.getpid(), [])
        for connection in idle:
            connection.close()

    @property
    def sqlalchemy_url(self) -> sa.URL:
        return self._parts.set(drivername="postgresql+psycopg")

    def _connect(self, *, autocommit: bool = False) -> adbc.Connection:
        parts = self._parts
        if "application_name" not in parts.query:  # shown to whoever is told that this process holds a lock
            parts = parts.update_query_dict({"application_name": f"stemma/{os.getpid()}"})
        try:
            return adbc.connect(parts.render_as_string(hide_password=False), autocommit=autocommit)
        except AdbcError as error:
            raise unreachable(error, parts) from error

    @contextmanager
    def _connection(self) -> Iterator[adbc.Connection]:
        """A connection: kept for later when all went well, closed on any error."""
        with self._guard:
            idle = self._idle.setdefault(os.getpid(), [])
            connection = idle.pop() if idle else None
        if connection is not None and not _is_alive(connection):
            connection.close()
            connection = None
        connection = connection or self._connect()
        try:
            yield connection
        except BaseException:
            with suppress(AdbcError):  # closing an open transaction rolls it back
                connection.close()
            raise
        with self._guard:
            if len(idle) < _KEPT:
                idle.append(connection)
                return
        connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on a connection of its own: committed at the end, rolled back on any error.

        Raises:
            StoreError: Postgres cannot be reached or refuses a statement.
        """
        try:
            with self._connection() as connection:
                transaction = Transaction(connection)
                yield transaction
                transaction.execute("DISCARD TEMP")
                connection.commit()
        except AdbcError as error:
            raise refused(error, self._parts) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a name against every other holder, in any process, until the end or until this process dies.

        Raises:
            BusyError: it is held already; says by whom, as far as Postgres lets this role see.
        """
        connection = self._connect(autocommit=True)
        try:
            session = Transaction(connection)
            if not session.read(_TRY_LOCK, [name])["is_held"].item():
                holder = session.read(_HOLDER, [name])
                who = holder["holder"].item() if holder.height == 1 else "another process"
                raise BusyError(f"{name} is held by {who}.", "Wait until it has ended, then run the command again.")
            yield
        except AdbcError as error:
            raise refused(error, self._parts) from error
        finally:
            with suppress(AdbcError):
                connection.close()  # which lets go of the name

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
