"""Writes down how every run ended and what its gates said, also of runs started in the UI."""

import datetime as dt

import polars as pl
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunFailureSensorContext,
    RunStatusSensorContext,
    SensorDefinition,
    run_failure_sensor,
    run_status_sensor,
)
from dagster._core.execution.plan.objects import UserFailureData
from dagster_shared.error import SerializableErrorInfo

from stemma import runs
from stemma.store.postgres import Database
from stemma.tables import gate_results


def record_gates(instance: DagsterInstance, database: Database, run_id: str) -> pl.DataFrame:
    """Store what the asset checks of a run said, and when; returns those rows."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [
        (record.event_log_entry.timestamp, record.event_log_entry.dagster_event.asset_check_evaluation_data)  # type: ignore[union-attr]
        for record in records
    ]
    rows = [
        {
            "run_id": run_id,
            "asset": evaluation.asset_key.to_user_string(),
            "gate": evaluation.check_name,
            "is_passed": evaluation.passed,
            "is_blocking": evaluation.blocking or False,
            "description": evaluation.description,
            "evaluated_at": dt.datetime.fromtimestamp(timestamp, dt.UTC),
        }
        for timestamp, evaluation in evaluations
    ]
    frame = pl.DataFrame(rows)
    runs.begin(database, run_id)
    if rows:
        database.insert(gate_results, frame, on_conflict="update")
    return frame


def _reason(context: RunFailureSensorContext) -> str:
    """What each failed step said, or what stopped the run before its first."""
    failures = [event.step_failure_data for event in context.get_step_failure_events()]
    problems = [_problem(failure.user_failure_data, failure.error) for failure in failures]
    stop = context.failure_event.job_failure_data.error
    return "; ".join(problems) or _problem(None, stop) or context.failure_event.message or "no reason was given"


def _problem(explained: UserFailureData | None, error: SerializableErrorInfo | None) -> str:
    if explained and explained.description:
        return str(explained.description)
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else ""


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
    def failed_runs(context: RunFailureSensorContext, database: ResourceParam[Database]) -> None:
        record_gates(context.instance, database, context.dagster_run.run_id)
        runs.end(database, context.dagster_run.run_id, status="failed", error=_reason(context)[:2000])

    return [succeeded_runs, failed_runs]
