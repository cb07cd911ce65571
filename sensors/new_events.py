"""Wakes the reading of the spool when agents have written to it. How it is read lives in `stemma.track`."""

import datetime as dt

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from stemma.config import Settings
from stemma.store.postgres import Database
from stemma.track import spool


def new_events_sensor(job_name: str) -> SensorDefinition:
    @sensor(
        name="new_events",
        job_name=job_name,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="One run, for today's partition, when the spool holds lines that were not read.",
    )
    def new_events(
        context: SensorEvaluationContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
    ) -> RunRequest | SkipReason:
        n_bytes = spool.pending(settings, database)
        if not n_bytes:
            return SkipReason("The spool holds nothing new.")
        return RunRequest(partition_key=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"))

    return new_events
