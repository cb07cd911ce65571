"""`stemma archive` says what it would do, does it once, and tells where the events are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database
from stemma.tables import lineage_events, polars_schema
from tests.cli.conftest import Stemma


def test_what_a_dry_run_names_is_archived_and_then_there_is_nothing_left(database: Database, stemma: Stemma) -> None:
    dates = [datetime(2021, 4, 5, tzinfo=UTC), datetime(2021, 9, 1, tzinfo=UTC), datetime.now(UTC) - timedelta(days=1)]
    row = {"repo_id": "r", "node_id": "n", "event_type": "introduced", "sha": "s", "detail": "{}"}
    rows = [{**row, "event_id": str(date), "occurred_at": date} for date in dates]
    frame = pl.DataFrame(rows, schema=polars_schema(lineage_events))
    with database.transaction() as transaction:
        ensure_months(transaction, lineage_events, frame)
        transaction.insert(lineage_events, frame)

    planned = stemma("archive", "--dry-run", "--json").json
    assert [(part["partition"], part["n_events"]) for part in planned] == [
        ("lineage_events_y2021m04", 1),
        ("lineage_events_y2021m09", 1),
    ]

    done = stemma("archive", "--json").json
    assert (done["n_months"], done["n_archives"]) == (2, 1)
    assert sum(part["n_events"] for part in done["partitions"]) == 3
    assert [part["n_events"] for part in done["partitions"] if part["is_archive"]] == [2]

    assert "No month is old enough." in stemma("archive", "--dry-run").out
    assert "0 months archived" in stemma("archive").out
    assert stemma("archive", "--after-days", "-1").code == 2
