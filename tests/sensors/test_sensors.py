"""What is watched wakes what it should, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.schedules import nightly_schedule
from sensors.new_commits import new_commits_sensor
from sensors.new_events import new_events_sensor
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from stemma.track import spool
from tests.repositories import GitRepository

COMMITS, EVENTS = new_commits_sensor("ingest_repository"), new_events_sensor("ingest_events")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


def look(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    database: Database,
    settings: Settings,
    cursor: str | None = None,
) -> Any:
    """What a sensor answers, with the real stores behind it."""
    resources = {"database": database, "settings": settings}
    return sensor(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources))


def test_a_new_commit_wakes_its_repository_once(
    instance: dg.DagsterInstance, database: Database, settings: Settings, tmp_path: Path
) -> None:
    repository = GitRepository(tmp_path / "watched")
    repository.commit("First", {"a.py": "x = 1\n"})
    registry.register(database, settings, str(repository.path), name="watched")

    first = look(COMMITS, instance, database, settings)
    assert [request.partition_key for request in first.run_requests] == ["watched"]
    assert [list(change.partition_keys) for change in first.dynamic_partitions_requests] == [["watched"]]
    again = look(COMMITS, instance, database, settings, first.cursor)
    assert again.run_requests == []

    repository.commit("Second", {"a.py": "x = 2\n"})
    moved = look(COMMITS, instance, database, settings, first.cursor)
    assert [request.partition_key for request in moved.run_requests] == ["watched"]


def test_a_repository_that_is_gone_loses_its_partition(
    instance: dg.DagsterInstance, database: Database, settings: Settings
) -> None:
    instance.add_dynamic_partitions("repository", ["gone"])
    answer = look(COMMITS, instance, database, settings)
    assert [list(change.partition_keys) for change in answer.dynamic_partitions_requests] == [["gone"]]
    assert answer.run_requests == []


def test_a_repository_that_cannot_be_read_stops_no_other(
    instance: dg.DagsterInstance, database: Database, settings: Settings, tmp_path: Path
) -> None:
    repositories = [GitRepository(tmp_path / name) for name in ("fine", "lost")]
    for repository in repositories:
        repository.commit("First", {"a.py": "x = 1\n"})
        registry.register(database, settings, str(repository.path))
    (tmp_path / "lost").rename(tmp_path / "elsewhere")
    answer = look(COMMITS, instance, database, settings)
    assert [request.partition_key for request in answer.run_requests] == ["fine"]


def test_new_events_wake_the_reading_of_the_spool_until_they_are_read(
    instance: dg.DagsterInstance, database: Database, settings: Settings
) -> None:
    assert isinstance(look(EVENTS, instance, database, settings), dg.SkipReason)
    spool.append(settings, {"agent": "tester", "event_type": "wrote", "payload": {"line": 1}})
    assert isinstance(look(EVENTS, instance, database, settings), dg.RunRequest)
    spool.ingest_spool(database, settings)
    assert isinstance(look(EVENTS, instance, database, settings), dg.SkipReason)


def test_the_nightly_run_covers_every_repository_in_one_run(instance: dg.DagsterInstance) -> None:
    nightly = nightly_schedule("stemma")
    assert isinstance(nightly(dg.build_schedule_context(instance)), dg.SkipReason)
    instance.add_dynamic_partitions("repository", ["a", "b", "c"])
    request = nightly(dg.build_schedule_context(instance))
    assert request.tags["dagster/asset_partition_range_start"] == "a"
    assert request.tags["dagster/asset_partition_range_end"] == "c"
