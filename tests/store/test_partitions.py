"""Monthly partitions come before their rows, take in rows that came earlier, and cannot be made without end."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database
from stemma.tables import lineage_events

PLACES = """
SELECT tableoid::regclass::text AS place, event_id FROM stemma.lineage_events ORDER BY event_id
"""


def events(**dates: datetime) -> pl.DataFrame:
    """One lineage event for each id and date."""
    frame = pl.DataFrame({"event_id": list(dates), "occurred_at": list(dates.values())})
    constants = {"repo_id": "r", "node_id": "n", "event_type": "introduced", "sha": "s"}
    return frame.with_columns(**{name: pl.lit(value) for name, value in constants.items()}, detail=pl.lit("{}"))


def ensure(database: Database, frame: pl.DataFrame) -> int:
    with database.transaction() as transaction:
        return ensure_months(transaction, lineage_events, frame)


def places(database: Database) -> dict[str, str]:
    found = database.read(PLACES).with_columns(pl.col("place").str.strip_prefix("stemma."))
    return dict(zip(found["event_id"], found["place"], strict=True))


def test_rows_go_to_the_month_they_happened_in(database: Database) -> None:
    frame = events(
        a=datetime(2024, 1, 31, 23, 59, 59, 999999, UTC),
        b=datetime(2024, 2, 1, tzinfo=UTC),
        c=datetime(2024, 2, 9, tzinfo=UTC),
    )
    assert ensure(database, frame) == 2
    database.insert(lineage_events, frame)
    assert places(database) == {
        "a": "lineage_events_y2024m01",
        "b": "lineage_events_y2024m02",
        "c": "lineage_events_y2024m02",
    }


def test_months_that_are_there_are_not_made_again(database: Database) -> None:
    frame = events(a=datetime(2024, 1, 5, tzinfo=UTC))
    assert [ensure(database, frame), ensure(database, frame)] == [1, 0]


def test_rows_that_came_before_their_month_move_into_it(database: Database) -> None:
    early = events(a=datetime(2024, 1, 5, tzinfo=UTC), b=datetime(2024, 2, 5, tzinfo=UTC))
    database.insert(lineage_events, early)
    assert set(places(database).values()) == {"lineage_events_default"}
    assert ensure(database, early.filter(pl.col("event_id") == "a")) == 1
    assert places(database) == {"a": "lineage_events_y2024m01", "b": "lineage_events_default"}


def test_dates_nobody_can_mean_stay_in_the_default_partition(database: Database) -> None:
    frame = events(a=datetime(1970, 1, 1, tzinfo=UTC), b=datetime(2105, 1, 1, tzinfo=UTC))
    assert ensure(database, frame) == 0
    database.insert(lineage_events, frame)
    assert set(places(database).values()) == {"lineage_events_default"}


def test_a_made_month_is_indexed_as_its_table_is(database: Database) -> None:
    ensure(database, events(a=datetime(2024, 1, 5, tzinfo=UTC)))
    query = "SELECT count(*) AS n FROM pg_indexes WHERE tablename = $1"
    counts = [database.read(query, [f"lineage_events_{part}"])["n"].item() for part in ("default", "y2024m01")]
    assert counts[0] == counts[1] > 2
