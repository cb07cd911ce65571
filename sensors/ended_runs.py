"""Writes down how every run ended and what its gates said, also of runs started in the UI."""

import datetime as dt

import polars as pl
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunStatusSensorContext,
    SensorDefinition,
    run_failure_sensor,
    run_status_sensor,
)

from stemma import runs
from stemma.store.postgres import Database
from stemma.tables import gate_results


def record_gates(instance: DagsterInstance, database: Database, run_id: str) -> pl.DataFrame:
    """Store what the asset checks of a run said; returns those rows."""
    evaluations = [
        record.event_log_entry.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
        for record in instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    ]
    rows = [
        {
            "run_id": run_id,
            "asset": evaluation.asset_key.to_user_string(),
            "gate": evaluation.check_name,
            "is_passed": evaluation.passed,
            "is_blocking": evaluation.blocking or False,
            "description": evaluation.description,
            "evaluated_at": dt.datetime.now(dt.UTC),
        }
        for evaluation in evaluations
    ]
    frame = pl.DataFrame(rows)
    if rows:
        runs.begin(database, run_id)
        database.insert(gate_results, frame, on_conflict="update")
    return frame


def ended_runs_sensors() -> list[SensorDefinition]:
    @run_status_sensor(
        run_status=DagsterRunStatus.SUCCESS,
        name="succeeded_runs",
        default_status=DefaultSensorStatus.RUNNING,
        description="Records that a run succeeded, and its gates.",
    )
    def succeeded_runs(context: RunStatusSensorContext, database: ResourceParam[Database]) -> None:
        record_gates(context.instance, database, context.dagster_run.run_id)
        runs.end(database, context.dagster_run.run_id, status="succeeded")

    @run_failure_sensor(
        name="failed_runs",
        default_status=DefaultSensorStatus.RUNNING,
        description="Records that a run failed, why, and its gates.",
    )
    def failed_runs(context: RunStatusSensorContext, database: ResourceParam[Database]) -> None:
        record_gates(context.instance, database, context.dagster_run.run_id)
        runs.end(
            database, context.dagster_run.run_id, status="failed", error=(context.dagster_event.message or "")[:2000]
        )

    return [succeeded_runs, failed_runs]
