"""Schedules: the nightly run over every repository, for what no sensor saw."""

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from assets.partitions import REPOSITORIES


def nightly_schedule(job_name: str) -> ScheduleDefinition:
    @schedule(
        name="nightly",
        job_name=job_name,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description="Every night at three (UTC): the main job over all repositories, in one run.",
    )
    def nightly(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        names = context.instance.get_dynamic_partitions(str(REPOSITORIES.name))
        if not names:
            return SkipReason("No repository is registered.")
        return RunRequest(run_key=None, tags=partition_range(names))

    return nightly


def partition_range(names: list[str]) -> dict[str, str]:
    """Tags that make one run cover all the given partitions, which are in Dagster's order."""
    return {"dagster/asset_partition_range_start": names[0], "dagster/asset_partition_range_end": names[-1]}
