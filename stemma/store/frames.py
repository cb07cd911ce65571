"""A result of DuckDB as a Polars frame: every column under a name of its own, as text where Polars has no such type.

What is asked, and of which file, is told in `marts`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta

import duckdb
import polars as pl
import pyarrow as pa

_SCALARS = frozenset(
    {
        *("sqlnull", "null", "boolean", "varchar", "blob", "uuid", "enum", "decimal", "float", "double"),
        *("tinyint", "smallint", "integer", "bigint", "hugeint"),
        *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
        *("date", "time", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"),
    }
)
_NESTED = frozenset({"list", "array", "struct", "map"})
_EPOCH = date(1970, 1, 1)
_DAYS = (date.min - _EPOCH, date.max - _EPOCH)
_UNITS = {"ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}


def to_frame(connection: duckdb.DuckDBPyConnection, result: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """The rows of a result, in its order.

    Of columns with one name the second becomes `name_2`. Intervals, bits, unions and the like become text, and so do
    dates and times of a column that holds one beyond the years 1 to 9999, such as infinity. Decimals become integers
    where all fit, else doubles.
    """
    foreign = [index for index, kind in enumerate(result.types) if not _travels(kind)]
    if foreign:
        result = _as_text(result, foreign)
    table = result.to_arrow_table()
    table = table.rename_columns(_distinct(table.column_names))
    beyond = [index for index in range(table.num_columns) if _is_beyond(table[index])]
    if beyond:  # its values tell, so this is known only now
        names = table.column_names
        table = _as_text(connection.from_arrow(table), beyond).to_arrow_table().rename_columns(names)
    return _plain_numbers(pl.DataFrame(table))


def _as_text(result: duckdb.DuckDBPyRelation, columns: Collection[int]) -> duckdb.DuckDBPyRelation:
    """By position: two columns may have one name."""
    expressions = [
        f"CAST(#{index + 1} AS VARCHAR) AS {_quoted(name)}" if index in columns else f"#{index + 1} AS {_quoted(name)}"
        for index, name in enumerate(result.columns)
    ]
    return result.project(", ".join(expressions))


def _distinct(names: Sequence[str]) -> list[str]:
    """DuckDB knows `a` and `A` for one name, and so does this."""
    taken: set[str] = set()
    found = []
    reserved = {name.lower() for name in names}
    for name in names:
        new, number = name, 1
        while new.lower() in taken or (number > 1 and new.lower() in reserved):
            number += 1
            new = f"{name}_{number}"
        taken.add(new.lower())
        found.append(new)
    return found


def _travels(kind: duckdb.sqltypes.DuckDBPyType) -> bool:
    if kind.id in _NESTED:
        parts = (part for _, part in kind.children)  # beside its type, an array has a size
        return all(_travels(part) for part in parts if isinstance(part, duckdb.sqltypes.DuckDBPyType))
    return kind.id in _SCALARS


def _is_beyond(column: pa.ChunkedArray) -> bool:
    """Whether it holds dates or times that Python has not: Polars panics when it hands one over."""
    if not (pa.types.is_date32(column.type) or pa.types.is_timestamp(column.type)) or column.type == pa.timestamp("ns"):
        return False
    values = pl.Series(column)
    unit = _UNITS[values.dtype.time_unit] if isinstance(values.dtype, pl.Datetime) else timedelta(days=1)
    least, most = (bound // unit for bound in (_DAYS[0], _DAYS[1] + timedelta(days=1) - unit))
    return not values.to_physical().drop_nulls().is_between(least, most).all()


def _plain_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Decimals as integers or doubles: DuckDB's sum() of integers is 128 bits wide, which JSON has no word for."""
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Decimal):
            whole = pl.col(name).cast(pl.Int64, strict=False)
            fits = kind.scale == 0 and frame.filter(pl.col(name).is_not_null() & whole.is_null()).is_empty()
            frame = frame.with_columns(whole if fits else pl.col(name).cast(pl.Float64))
    return frame


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
