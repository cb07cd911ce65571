"""What is watched wakes what it should, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from assets.dbt import PROJECT_DIR
from orchestration.schedules import nightly_schedule, partition_range
from sensors import asked
from sensors.new_commits import new_commits_sensor
from sensors.new_events import new_events_sensor
from stemma import freshness, runs
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from stemma.track import spool
from tests.repositories import GitRepository

INGEST, READ_SPOOL = "ingest_repository", "ingest_events"
UNDER_WAY = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED]
COMMITS, EVENTS = new_commits_sensor(INGEST), new_events_sensor(READ_SPOOL)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


@pytest.fixture
def watched(database: Database, settings: Settings, tmp_path: Path) -> GitRepository:
    """A repository with one commit, registered and never read."""
    repository = GitRepository(tmp_path / "watched")
    repository.commit("First", {"a.py": "x = 1\n"})
    registry.register(database, settings, str(repository.path), name="watched")
    return repository


def look(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, database: Database, settings: Settings) -> Any:
    """What a sensor answers, with the real stores behind it."""
    resources = {"database": database, "settings": settings}
    return sensor(dg.build_sensor_context(instance=instance, resources=resources))


def woken(instance: dg.DagsterInstance, database: Database, settings: Settings) -> list[dg.RunRequest]:
    return list(look(COMMITS, instance, database, settings).run_requests)


def job(name: str, *, fails: bool = False) -> dg.JobDefinition:
    """A job of one of the real names, which only ends well or badly."""

    @dg.op
    def end() -> None:
        assert not fails

    @dg.graph
    def whole() -> None:
        end()

    return whole.to_job(name=name)


def execute(instance: dg.DagsterInstance, name: str, request: dg.RunRequest, *, fails: bool = False) -> None:
    """Let what was asked for run, as the daemon would."""
    tags = {**request.tags, asked.PARTITION: str(request.partition_key)}
    job(name, fails=fails).execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def put_under_way(
    instance: dg.DagsterInstance, name: str, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None
) -> dg.DagsterRun:
    """A run of a job as the daemon or another process has it: queued, or at work."""
    place = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("stemma"), "stemma"), name)
    return instance.create_run_for_job(job(name), tags=tags, status=status, remote_job_origin=place)


def note_whole_run(database: Database, settings: Settings) -> None:
    """What `stemma run` notes when it has read everything."""
    inputs = freshness.current_inputs(database, settings, [registry.find(database, "watched", settings)], PROJECT_DIR)
    runs.begin(database, "whole")
    runs.end(database, "whole", status="succeeded", inputs=inputs)


def test_a_new_commit_wakes_its_repository_until_it_was_read(
    instance: dg.DagsterInstance, database: Database, settings: Settings, watched: GitRepository
) -> None:
    first = look(COMMITS, instance, database, settings)
    assert [request.partition_key for request in first.run_requests] == ["watched"]
    assert [list(change.partition_keys) for change in first.dynamic_partitions_requests] == [["watched"]]
    execute(instance, INGEST, first.run_requests[0])
    assert woken(instance, database, settings) == []

    watched.commit("Second", {"a.py": "x = 2\n"})
    assert [request.partition_key for request in woken(instance, database, settings)] == ["watched"]


def test_a_head_whose_run_failed_is_asked_for_again_after_a_pause(
    instance: dg.DagsterInstance,
    database: Database,
    settings: Settings,
    watched: GitRepository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute(instance, INGEST, woken(instance, database, settings)[0], fails=True)
    assert woken(instance, database, settings) == []
    monkeypatch.setattr(asked, "FIRST_PAUSE_S", 0)
    again = woken(instance, database, settings)
    assert [request.partition_key for request in again] == ["watched"]
    assert again[0].run_key is None
    execute(instance, INGEST, again[0])
    assert woken(instance, database, settings) == []


def test_the_pause_doubles_with_every_try_up_to_the_longest(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "LONGEST_PAUSE_S", 200)
    pauses = []
    for _ in range(4):
        execute(instance, INGEST, dg.RunRequest(partition_key="a", tags={asked.STATE: "head"}), fails=True)
        records = asked.last_runs(instance, INGEST, "a")
        ended_at = records[0].end_time or 0.0
        pauses.append(next(s for s in range(300) if asked.may_ask_again(records, "head", ended_at + s)))
    assert pauses == [60, 120, 200, 200]
    assert asked.may_ask_again(records, "another head", ended_at)


def test_a_head_that_returns_is_read_again(
    instance: dg.DagsterInstance, database: Database, settings: Settings, watched: GitRepository
) -> None:
    execute(instance, INGEST, woken(instance, database, settings)[0])
    watched.commit("Second", {"a.py": "x = 2\n"})
    execute(instance, INGEST, woken(instance, database, settings)[0])
    watched.git("reset", "-q", "--hard", "HEAD~1")
    back = woken(instance, database, settings)
    assert [request.partition_key for request in back] == ["watched"]
    execute(instance, INGEST, back[0])
    assert woken(instance, database, settings) == []


def test_a_repository_removed_and_added_again_is_read_again(
    instance: dg.DagsterInstance, database: Database, settings: Settings, watched: GitRepository
) -> None:
    execute(instance, INGEST, woken(instance, database, settings)[0])
    note_whole_run(database, settings)
    registry.remove(database, settings, "watched")
    registry.register(database, settings, str(watched.path), name="watched")
    assert [request.partition_key for request in woken(instance, database, settings)] == ["watched"]


@pytest.mark.parametrize("status", UNDER_WAY, ids=lambda status: status.value)
def test_a_repository_with_a_run_on_its_way_is_left_alone(
    instance: dg.DagsterInstance,
    database: Database,
    settings: Settings,
    watched: GitRepository,
    status: dg.DagsterRunStatus,
) -> None:
    put_under_way(instance, INGEST, status, {asked.PARTITION: "another"})
    assert len(woken(instance, database, settings)) == 1
    run = put_under_way(instance, INGEST, status, {asked.PARTITION: "watched"})
    assert woken(instance, database, settings) == []
    instance.report_run_canceled(run)
    assert len(woken(instance, database, settings)) == 1


def test_nothing_is_asked_for_during_a_run_over_everything(
    instance: dg.DagsterInstance, database: Database, settings: Settings, watched: GitRepository
) -> None:
    spool.append(settings, {"agent": "tester", "event_type": "wrote", "payload": {}})
    run = put_under_way(instance, "stemma", dg.DagsterRunStatus.STARTED, partition_range(["watched"]))
    assert woken(instance, database, settings) == []
    assert isinstance(look(EVENTS, instance, database, settings), dg.SkipReason)
    instance.report_run_canceled(run)
    assert len(woken(instance, database, settings)) == 1
    assert isinstance(look(EVENTS, instance, database, settings), dg.RunRequest)


def test_what_stemma_run_has_read_wakes_nothing(
    instance: dg.DagsterInstance, database: Database, settings: Settings, watched: GitRepository
) -> None:
    note_whole_run(database, settings)
    assert woken(instance, database, settings) == []
    watched.commit("Second", {"a.py": "x = 2\n"})
    second = woken(instance, database, settings)
    assert len(second) == 1
    execute(instance, INGEST, second[0])
    assert woken(instance, database, settings) == []
    watched.git("reset", "-q", "--hard", "HEAD~1")  # where `stemma run` was, and the tables no longer are
    assert len(woken(instance, database, settings)) == 1


def test_a_url_that_answers_again_is_read_again(
    instance: dg.DagsterInstance,
    database: Database,
    settings: Settings,
    watched: GitRepository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute(instance, INGEST, woken(instance, database, settings)[0])
    registry.mark(database, "watched", "unreachable", "It did not answer.")
    assert woken(instance, database, settings) == []
    monkeypatch.setattr(asked, "FIRST_PAUSE_S", 0)
    assert len(woken(instance, database, settings)) == 1


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


@pytest.mark.parametrize("status", UNDER_WAY, ids=lambda status: status.value)
def test_one_run_at_a_time_reads_the_spool(
    instance: dg.DagsterInstance, database: Database, settings: Settings, status: dg.DagsterRunStatus
) -> None:
    spool.append(settings, {"agent": "tester", "event_type": "wrote", "payload": {"line": 1}})
    run = put_under_way(instance, READ_SPOOL, status)
    assert isinstance(look(EVENTS, instance, database, settings), dg.SkipReason)
    instance.report_run_canceled(run)
    assert isinstance(look(EVENTS, instance, database, settings), dg.RunRequest)


def test_a_spool_file_that_cannot_be_read_is_asked_for_once_and_named(
    instance: dg.DagsterInstance, database: Database, settings: Settings
) -> None:
    path = spool.append(settings, {"agent": "tester", "event_type": "wrote", "payload": {"line": 1}})
    execute(instance, READ_SPOOL, look(EVENTS, instance, database, settings))  # reads nothing, as if it could not
    answer = look(EVENTS, instance, database, settings)
    assert isinstance(answer, dg.SkipReason)
    assert path.name in str(answer.skip_message)
    path.chmod(0o640)
    assert isinstance(look(EVENTS, instance, database, settings), dg.RunRequest)


def test_events_whose_run_failed_are_asked_for_again_after_a_pause(
    instance: dg.DagsterInstance, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(settings, {"agent": "tester", "event_type": "wrote", "payload": {"line": 1}})
    execute(instance, READ_SPOOL, look(EVENTS, instance, database, settings), fails=True)
    assert isinstance(look(EVENTS, instance, database, settings), dg.SkipReason)
    monkeypatch.setattr(asked, "FIRST_PAUSE_S", 0)
    assert isinstance(look(EVENTS, instance, database, settings), dg.RunRequest)


def test_the_nightly_run_covers_every_repository_in_one_run(instance: dg.DagsterInstance) -> None:
    nightly = nightly_schedule("stemma")
    assert isinstance(nightly(dg.build_schedule_context(instance)), dg.SkipReason)
    instance.add_dynamic_partitions("repository", ["a", "b", "c"])
    request = nightly(dg.build_schedule_context(instance))
    assert request.tags["dagster/asset_partition_range_start"] == "a"
    assert request.tags["dagster/asset_partition_range_end"] == "c"
