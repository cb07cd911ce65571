"""What an asset says of its table, and when it has the planner look at that anew."""

from __future__ import annotations

import polars as pl

from assets.declare import materialised
from stemma.store.postgres import Database
from stemma.tables import runs

N_ANALYSED = "SELECT pg_stat_get_analyze_count('stemma.runs'::regclass) AS n"


def add(database: Database, first: int, last: int) -> int:
    """Rows into `runs`; how often the table had been analysed once that was made known."""
    ids = [f"r{number}" for number in range(first, last)]
    row = pl.DataFrame({"run_id": ids}).with_columns(
        started_at=pl.datetime(2026, 1, 1, time_zone="UTC"), status=pl.lit("succeeded")
    )
    database.insert(runs, row)
    result = materialised(database, runs, {"n": len(ids)})
    assert result.metadata is not None and result.metadata["dagster/row_count"] == last
    return int(database.read(N_ANALYSED).item())


def test_a_table_is_analysed_when_a_tenth_of_it_is_new(database: Database) -> None:
    assert add(database, 0, 100) == 1
    assert add(database, 100, 105) == 1
    assert add(database, 105, 130) == 2


def test_a_run_that_wrote_nothing_analyses_nothing(database: Database) -> None:
    assert add(database, 0, 100) == 1
    materialised(database, runs, {"n": 0})
    assert int(database.read(N_ANALYSED).item()) == 1
