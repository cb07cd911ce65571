"""Monthly partitions of the event tables, made before rows come. The tables are in `stemma.tables`.

The work itself is the SQL function `stemma.ensure_months`, of the first migration: one round trip for any span.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import sqlalchemy as sa

from stemma.store.postgres import Transaction

COLUMN = "occurred_at"
# Dates come from commits and spools, so anyone may write any date into them. Only months of this window get a
# partition (git's first commit is of April 2005); every other row lies, just as queryable, in the default one.
FIRST_MONTH = datetime(2005, 4, 1, tzinfo=UTC)
AHEAD = timedelta(days=62)


def ensure_months(transaction: Transaction, table: sa.Table, rows: pl.DataFrame) -> int:
    """Make the partitions of `table` that the months of `rows` (column `occurred_at`) need; returns how many were made.

    Call it before the first insert of the transaction: a transaction that holds rows in the default partition
    and one that wants to attach a month would otherwise wait for each other.
    """
    months = months_of(rows)
    if not months:
        return 0
    dates = ",".join(months)
    found = transaction.read(
        "SELECT stemma.ensure_months($1, string_to_array($2, ',')::date[]) AS n_made", [table.name, dates]
    )
    return int(found["n_made"].item())


def months_of(rows: pl.DataFrame) -> list[str]:
    """First days of the months inside the window that the rows fall into, sorted, as ISO dates."""
    inside = rows.lazy().select(COLUMN).filter(pl.col(COLUMN).is_between(FIRST_MONTH, datetime.now(UTC) + AHEAD))
    months = inside.select(pl.col(COLUMN).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-01")).unique().collect()
    return sorted(months[COLUMN].to_list())
