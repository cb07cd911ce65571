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
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from stemma import runs
from stemma.errors import StemmaError
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


def cause_of(error: SerializableErrorInfo | None) -> tuple[str, int]:
    """What stopped a step, in one sentence, and its exit code.

    It is the error of Stemma's in the chain of causes, for that one says what to do; without one, the innermost.
    """
    known = {kind.__name__: kind.exit_code for kind in (StemmaError, *StemmaError.__subclasses__())}
    while error is not None and error.cause is not None and error.cls_name not in known:
        error = error.cause
    if error is None:
        return "no reason was given", StemmaError.exit_code
    sentence = error.message.strip().removeprefix(f"stemma.errors.{error.cls_name}: ")
    return sentence, known.get(error.cls_name or "", StemmaError.exit_code)


def _reason(context: RunFailureSensorContext) -> str:
    """What each failed step said, or what stopped the run before its first."""
    problems = [_problem(event.step_failure_data) for event in context.get_step_failure_events()]
    stop = context.failure_event.job_failure_data.error
    return "; ".join(problems) or (cause_of(stop)[0] if stop else context.failure_event.message) or cause_of(None)[0]


def _problem(failure: StepFailureData) -> str:
    explained = failure.user_failure_data
    return str(explained.description) if explained and explained.description else cause_of(failure.error)[0]


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
