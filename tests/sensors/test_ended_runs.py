"""How a run ended and what its gates said is written down, from what Dagster itself noted of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from assets.checks.gates import invariant_checks
from sensors.ended_runs import ended_runs_sensors
from stemma.config import Settings
from stemma.errors import BusyError, StemmaError
from stemma.git import registry
from stemma.store.postgres import Database
from tests.repositories import GitRepository

SUCCEEDED, FAILED = ended_runs_sensors()
EDGES = {"no_orphan_edges", "children_come_after_parents"}
GATES = [check for check in invariant_checks() if {key.name for key in check.check_keys} <= EDGES]
RUN = "SELECT status, error, ended_at, inputs::text FROM stemma.runs"
RESULTS = "SELECT * FROM stemma.gate_results ORDER BY gate"
SUCCESS, FAILURE = dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE
ORPHAN = """
    ALTER TABLE stemma.lineage_edges DROP CONSTRAINT lineage_edges_parent_id_fkey;
    ALTER TABLE stemma.lineage_edges DROP CONSTRAINT lineage_edges_child_id_fkey;
    INSERT INTO stemma.lineage_edges
    SELECT 'edge', repo_id, 'child', 'parent', 'modified_from', 1, 1, '{}' FROM stemma.repositories
"""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as instance:
        yield instance


@pytest.fixture
def watched(database: Database, settings: Settings, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "watched")
    registry.register(database, settings, str(repository.path), name="watched")


def execute(instance: dg.DagsterInstance, database: Database) -> dg.ExecuteInProcessResult:
    """A real run of two of the real gates, and of a step that reads a repository by its name."""

    @dg.asset(key="repositories")
    def repositories() -> None:
        try:
            registry.find(database, "watched", Settings())
        except StemmaError as error:
            raise dg.Failure(str(error)) from error

    job = dg.define_asset_job("gated", dg.AssetSelection.all() | dg.AssetSelection.checks(*GATES))
    defs = dg.Definitions([repositories], asset_checks=GATES, jobs=[job], resources={"database": database})
    return defs.resolve_job_def("gated").execute_in_process(instance=instance, raise_on_error=False)


def tell(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, database: Database, run: dg.ExecuteInProcessResult
) -> None:
    """What the daemon does once it sees that a run has ended."""
    ended = next(e for e in run.all_events if e.is_job_event and e.event_type in (SUCCESS, FAILURE))
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=ended,
        dagster_instance=instance,
        dagster_run=run.dagster_run,
        resources={"database": database},
    )
    sensor(context if ended.event_type == SUCCESS else context.for_run_failure())


def test_a_run_that_succeeded_is_noted_with_its_gates_once(
    instance: dg.DagsterInstance, database: Database, watched: None
) -> None:
    run = execute(instance, database)
    assert run.success
    tell(SUCCEEDED, instance, database, run)
    noted, results = database.read(RUN), database.read(RESULTS)
    assert noted.select("status", "error").rows() == [("succeeded", None)]
    assert results.select("run_id", "asset", "gate", "is_passed", "is_blocking").rows() == [
        (run.run_id, "lineage_edges", gate, True, True) for gate in sorted(EDGES)
    ]
    tell(SUCCEEDED, instance, database, run)
    assert database.read(RUN).equals(noted)
    assert database.read(RESULTS).equals(results)


def test_a_run_that_a_gate_stopped_is_noted_with_what_the_gate_found(
    instance: dg.DagsterInstance, database: Database, watched: None
) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(ORPHAN)
    run = execute(instance, database)
    assert not run.success
    tell(FAILED, instance, database, run)
    noted, results = database.read(RUN), database.read(RESULTS)
    assert noted["status"].to_list() == ["failed"]
    assert "no_orphan_edges" in noted["error"].item()
    assert results.select("gate", "is_passed").rows() == [
        ("children_come_after_parents", True),
        ("no_orphan_edges", False),
    ]
    assert "Broken by 1 rows" in results.filter(~results["is_passed"])["description"].item()
    tell(FAILED, instance, database, run)
    assert database.read(RUN).equals(noted)
    assert database.read(RESULTS).equals(results)


def test_a_run_that_failed_is_noted_with_what_the_step_said(instance: dg.DagsterInstance, database: Database) -> None:
    run = execute(instance, database)
    tell(FAILED, instance, database, run)
    noted = database.read(RUN)
    assert noted["status"].to_list() == ["failed"]
    assert "No repository is called 'watched'." in noted["error"].item()
    assert "Execution of run" not in noted["error"].item()


def test_a_run_that_found_the_lock_taken_is_noted_with_that(instance: dg.DagsterInstance, database: Database) -> None:
    @dg.resource
    def busy(context: dg.InitResourceContext) -> None:
        raise BusyError("Another run is at work on these stores.", "Wait.")

    @dg.asset
    def needs(database: dg.ResourceParam[Database]) -> None: ...

    defs = dg.Definitions([needs], resources={"database": busy})
    job = defs.resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(instance=instance, raise_on_error=False)
    tell(FAILED, instance, database, run)
    noted = database.read(RUN)
    assert noted["status"].to_list() == ["failed"]
    assert "Another run is at work on these stores." in noted["error"].item()
    assert database.read(RESULTS).is_empty()
