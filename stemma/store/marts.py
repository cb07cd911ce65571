"""The analysts' file: every mart of Postgres in one read-only DuckDB file, built aside, swapped whole, asked in SQL.

What a mart holds is said in `dbt_project`; the words for a Postgres that refuses are in `refusals`.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import polars as pl
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_manager import Error as AdbcError

from stemma.config import Settings
from stemma.errors import ConfigError, NotFoundError, StoreError
from stemma.progress import phase
from stemma.store.frames import to_frame
from stemma.store.postgres import Database
from stemma.store.refusals import refused

SCHEMA = "stemma_marts"
FILE = "marts.duckdb"
ABOUT = "_stemma"

_BUILDING = ".building"
_TRIES = 5
_UNDEFINED_TABLE = "42P01"

# What a person types: statements that only read. The file is attached read-only and the file system is shut all the
# same; this list is there so that `create table` gets a sentence in place of a table that is gone a moment later.
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}

_ELEMENTS = ("boolean", "integer", "bigint", "real", "double precision", "text")
_SAME_IN_DUCKDB = {
    *_ELEMENTS,
    *(f"{element}[]" for element in _ELEMENTS),
    *("smallint", "date", "timestamp with time zone", "timestamp without time zone"),
}

_COLUMNS = f"""
SELECT t.relname::text AS table_name, c.attname::text AS column_name, format_type(c.atttypid, NULL) AS type,
       obj_description(t.oid, 'pg_class') AS table_comment, col_description(t.oid, c.attnum) AS column_comment
FROM pg_class t
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
WHERE n.nspname = '{SCHEMA}' AND t.relkind IN ('r', 'p', 'm') AND t.relname !~ '__dbt_(tmp|backup)$'
ORDER BY t.relname, c.attnum
"""


@dataclass(frozen=True)
class _Column:
    table_name: str
    column_name: str
    type: str
    table_comment: str | None
    column_comment: str | None

    @property
    def expression(self) -> str:
        name = _quoted(self.column_name)
        if self.type in _SAME_IN_DUCKDB:
            return name
        # ADBC hands out numeric as text and types it does not know as bytes
        return f"{name}::{'double precision' if self.type == 'numeric' else 'text'} AS {name}"


def path(settings: Settings) -> Path:
    """Where the file is."""
    return settings.data_dir / FILE


def build_marts(db: Database, settings: Settings) -> dict[str, int]:
    """Copy every table of schema stemma_marts, as of one moment, into a new file; it then takes the old one's place.

    Readers keep what they have open. Returns `n_tables`, `n_rows` and `n_bytes`.

    Raises:
        NotFoundError: there are no marts in Postgres.
        StoreError: Postgres refuses, or the file cannot be written; the former file stays.
    """
    target = path(settings)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(target), _built_aside(target) as building:
            with _snapshot(db) as (source, columns), duckdb.connect(building) as marts:
                counts = _copy(source, marts, columns)
            n_bytes = building.stat().st_size
    except AdbcError as error:
        raise refused(error, sa.make_url(db.url)) from error
    except (OSError, duckdb.Error) as error:
        raise StoreError(
            f"The marts cannot be written to {target}: {_first_line(error)}.",
            "Free some space or mend the folder's permissions, then run the command again; the former file stays.",
        ) from error
    return {**counts, "n_bytes": n_bytes}


@contextmanager
def _only_builder(target: Path) -> Iterator[None]:
    """Wait for another build of the same file to end; what a killed one left behind is then nobody's, and goes."""
    with target.with_name(f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file is closed, or its holder dies
        for leftover in target.parent.glob(f"{FILE}.*{_BUILDING}*"):
            leftover.unlink(missing_ok=True)
        yield


@contextmanager
def _built_aside(target: Path) -> Iterator[Path]:
    """A new name in the same folder, put in the target's place when all went well, removed when not."""
    building = target.with_name(f"{FILE}.{uuid.uuid4().hex}{_BUILDING}")
    try:
        yield building
        _sync(building)
        building.replace(target)
        _sync(target.parent)
    except BaseException:
        for remnant in (building, building.with_name(building.name + ".wal")):
            with suppress(OSError):
                remnant.unlink(missing_ok=True)
        raise


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _snapshot(db: Database) -> Iterator[tuple[adbc.Connection, list[_Column]]]:
    """A transaction that sees all marts as of one moment, and their columns.

    The tables are locked (against being swapped, not against reading or writing) before the first query fixes that
    moment: to a snapshot older than itself, a table that dbt swapped in meanwhile would look empty.
    """
    for _ in range(_TRIES):
        seen = _columns_of(db.read(_COLUMNS))
        if not seen:
            raise NotFoundError(f"Postgres has no table in the schema {SCHEMA}.", "Run: stemma run")
        with adbc.connect(db.url) as source:
            with source.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                try:
                    cursor.execute(f"LOCK TABLE {', '.join(_names(seen))} IN ACCESS SHARE MODE")
                except AdbcError as error:
                    if error.sqlstate == _UNDEFINED_TABLE:
                        continue
                    raise
                cursor.execute(_COLUMNS)
                columns = _columns_of(pl.DataFrame(cursor.fetch_arrow_table()))
            if columns == seen:
                yield source, columns
                return
    raise StoreError(f"The tables of {SCHEMA} keep changing.", "Wait until the dbt build has ended, then run it again.")


def _columns_of(frame: pl.DataFrame) -> list[_Column]:
    return [_Column(**row) for row in frame.iter_rows(named=True)]


def _names(columns: Sequence[_Column]) -> dict[str, list[_Column]]:
    """The columns by qualified table name, in order."""
    tables: dict[str, list[_Column]] = {}
    for column in columns:
        tables.setdefault(f"{_quoted(SCHEMA)}.{_quoted(column.table_name)}", []).append(column)
    return tables


def _copy(source: adbc.Connection, marts: duckdb.DuckDBPyConnection, columns: Sequence[_Column]) -> dict[str, int]:
    """Stream one table after the other, in record batches: memory holds a batch, never a table."""
    tables = _names(columns)
    n_rows = 0
    with phase("marts", total=len(tables), unit="tables") as progress:
        for relation, its_columns in tables.items():
            n_rows += _copy_table(source, marts, relation, its_columns)
            progress.advance()
    _sign(source, marts, n_tables=len(tables), n_rows=n_rows)
    return {"n_tables": len(tables), "n_rows": n_rows}


def _copy_table(
    source: adbc.Connection, marts: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[_Column]
) -> int:
    name = _quoted(columns[0].table_name)
    _run(marts, "BEGIN")  # one commit a table: each is a sync of the disk, and there is a comment a column
    with source.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(column.expression for column in columns)} FROM {relation}")
        marts.register("incoming", cursor.fetch_record_batch())
        ((n_rows,),) = _run(marts, f"CREATE TABLE {name} AS SELECT * FROM incoming")
        marts.unregister("incoming")
    _run(marts, f"COMMENT ON TABLE {name} IS {_literal(columns[0].table_comment)}")
    for column in columns:
        _run(marts, f"COMMENT ON COLUMN {name}.{_quoted(column.column_name)} IS {_literal(column.column_comment)}")
    _run(marts, "COMMIT")
    return int(n_rows)


def _sign(source: adbc.Connection, marts: duckdb.DuckDBPyConnection, *, n_tables: int, n_rows: int) -> None:
    """Write into the file what it was made of: the newest run on record is the one that is building it."""
    with source.cursor() as cursor:
        cursor.execute("SELECT run_id FROM stemma.runs ORDER BY started_at DESC LIMIT 1")
        run = cursor.fetchone()
    row = (dt.datetime.now(dt.UTC), run[0] if run else None, version("codestemma"), n_tables, n_rows)
    types = "built_at TIMESTAMPTZ, run_id VARCHAR, stemma_version VARCHAR, n_tables BIGINT, n_rows BIGINT"
    _run(marts, f"CREATE TABLE {ABOUT} ({types})")
    _run(marts, f"INSERT INTO {ABOUT} VALUES (?, ?, ?, ?, ?)", row)
    comment = "One row: when this file was built and by which run; run_id is null when no run is on record."
    _run(marts, f"COMMENT ON TABLE {ABOUT} IS {_literal(comment)}")


def open_marts(settings: Settings) -> duckdb.DuckDBPyConnection:
    """The file as it is now, read-only, on a connection that can reach no other file and no extension.

    Raises:
        NotFoundError: it was never built.
        StoreError: it cannot be read.
    """
    target = path(settings)
    if not target.is_file():
        raise NotFoundError(f"There are no marts at {target} yet.", "Run: stemma run")
    # Attached to an instance of its own: DuckDB shares instances by path inside a process, and one that was opened
    # before a rebuild would go on answering from the file that is gone.
    marts = duckdb.connect(
        ":memory:",
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "temp_directory": ""},
    )
    try:
        _run(marts, f"ATTACH {_literal(str(target))} AS marts (READ_ONLY)")
    except duckdb.Error as error:
        marts.close()
        problem = f"The marts at {target} cannot be read: {_first_line(error)}."
        raise StoreError(problem, "Build them anew: stemma run --full") from error
    for statement in (
        "USE marts",
        "SET TimeZone = 'UTC'",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        _run(marts, statement)
    return marts


def query(settings: Settings, sql: str) -> pl.DataFrame:
    """The rows of one statement that reads.

    Raises:
        ConfigError: it is not one, or DuckDB cannot run it; the sentence is DuckDB's, the hint names the tables.
    """
    with open_marts(settings) as marts:
        try:
            statements = marts.extract_statements(sql)
            if len(statements) != 1:
                problem = f"Those are {len(statements)} SQL statements." if statements else "That is no SQL statement."
                raise ConfigError(problem, "Give one query at a time.")
            if statements[0].type not in _READING:
                kind = statements[0].type.name
                raise ConfigError(f"The marts are read-only: {kind} cannot be run on them.", "Ask with SELECT.")
            return to_frame(marts, marts.sql(sql))
        except duckdb.Error as error:
            names = [name for (name,) in _run(marts, "SELECT table_name FROM duckdb_tables() ORDER BY 1")]
            raise ConfigError(f"{_first_line(error)}.", f"The tables are: {', '.join(names)}.") from error
        except (pl.exceptions.PolarsError, pa.ArrowException) as error:
            problem = f"The result cannot be shown: {_first_line(error)}."
            raise ConfigError(problem, "Cast the column in question to text: column::varchar.") from error


def tables(settings: Settings) -> pl.DataFrame:
    """One row per mart: its name, number of rows and columns, and what one row of it is."""
    return query(
        settings,
        "SELECT table_name AS mart, estimated_size AS n_rows, column_count AS n_columns, comment AS description "
        "FROM duckdb_tables() ORDER BY table_name",
    )


def _run(marts: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """One statement to its end: until its result is fetched, DuckDB refuses the next."""
    return marts.execute(statement, parameters).fetchall()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".!")
