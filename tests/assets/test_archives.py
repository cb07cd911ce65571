"""The asset of archives folds what is cold, conserves the counts, and lets a run go on where somebody is in the way."""

from __future__ import annotations

import dagster as dg
import pytest

from assets.lineage import archives
from stemma.config import Settings
from stemma.lineage import archive
from stemma.store.postgres import Database


def materialise(database: Database, settings: Settings) -> dg.ExecuteInProcessResult:
    return dg.materialize([archives], resources={"database": database, "settings": settings}, raise_on_error=False)


def test_the_asset_archives_cold_months_and_says_how_many(ingested: Database, settings: Settings) -> None:
    before = ingested.read("SELECT * FROM stemma.lineage_events ORDER BY event_id")
    assert before.height > 0  # of January 2024

    result = materialise(ingested, settings)

    (made,) = result.get_asset_materialization_events()
    told = {key: value.value for key, value in made.materialization.metadata.items()}
    assert result.success and (told["n_months"], told["n_archives"]) == (1, 1)
    assert archive.partitions(ingested).filter("is_archive")["n_events"].to_list() == [before.height]
    assert ingested.read("SELECT * FROM stemma.lineage_events ORDER BY event_id").equals(before)
    assert archive.uneven(ingested).is_empty()


def test_a_run_goes_on_where_somebody_reads_the_events(
    ingested: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "WAIT", "100ms")
    with ingested.transaction() as transaction:
        transaction.read("SELECT count(*) AS n FROM stemma.lineage_events")
        assert materialise(ingested, settings).success
    assert archive.partitions(ingested).filter("is_archive").is_empty()
