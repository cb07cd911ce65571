"""Wakes the reading of the spool when agents have written to it. How it is read lives in `stemma.track`."""

import datetime as dt
import time

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from sensors import asked
from stemma.config import Settings
from stemma.ids import content_id
from stemma.store.postgres import Database
from stemma.track import spool, spool_files


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
        waiting = _waiting(database, settings)
        if not waiting:
            return SkipReason("The spool holds nothing new.")
        if asked.unfinished(context.instance, job_name):
            return SkipReason("A run that reads the spool, or one over everything, is queued or at work.")
        state = content_id(*(part for name, seen in waiting.items() for part in (name, seen)))
        last = asked.last_runs(context.instance, job_name)
        if asked.has_succeeded(last, state):
            return SkipReason(f"The last run could not read {', '.join(waiting)}: mend the mode or owner.")
        if not asked.may_ask_again(last, state, time.time()):
            return SkipReason("The last run failed; it is tried again after a pause.")
        today = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")
        return RunRequest(partition_key=today, tags={asked.STATE: state})

    return new_events


def _waiting(database: Database, settings: Settings) -> dict[str, str]:
    """Files with something unread, and a state of each that changes with its content, its mode and its owner."""
    columns = ", ".join(spool_files.Position.__dataclass_fields__)
    noted = database.read(f"SELECT {columns} FROM stemma.spool_files").iter_rows(named=True)
    positions = {row["name"]: spool_files.Position(**row) for row in noted}
    return {
        name: f"{status.st_ino} {status.st_size} {status.st_ctime_ns}"
        for name, status in spool_files.stat_files(spool.folder(settings)).items()
        if spool_files.unread_bytes(status, positions.get(name))
    }
