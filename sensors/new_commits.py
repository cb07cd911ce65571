"""Wakes the ingestion of a repository when its head is not the one read last.

How a head is read lives in `stemma.git`; what was asked for before, in `asked`.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRecord,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from assets.partitions import REPOSITORIES
from sensors import asked
from stemma.config import Settings
from stemma.errors import StemmaError
from stemma.freshness import repository_key
from stemma.git import registry
from stemma.git.fetch import head_state
from stemma.git.repository import UNREACHABLE
from stemma.ids import content_id
from stemma.store.postgres import Database


def new_commits_sensor(job_name: str) -> SensorDefinition:
    @sensor(
        name="new_commits",
        job_name=job_name,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="One run per registered repository whose head no run has read yet.",
    )
    def new_commits(
        context: SensorEvaluationContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
    ) -> SensorResult:
        registered = registry.list_repositories(database)
        names = registered["name"].to_list()
        busy = asked.unfinished(context.instance, job_name)
        busy_names = names if any(map(asked.covers_all, busy)) else [run.tags.get(asked.PARTITION) for run in busy]
        whole = _last_whole_run(database)
        requests = []
        for row in registered.iter_rows(named=True):
            if row["name"] in busy_names:
                continue
            try:
                head = head_state(database, settings, registry.find(database, row["name"], settings))
            except StemmaError as error:  # a run would say the same; the row of the repository will name it
                context.log.warning(f"{row['name']}: {error}")
                continue
            # A repository that was removed and added again is another one.
            state = content_id(head, row["added_at"].isoformat())
            last = asked.last_runs(context.instance, job_name, row["name"])
            if not _was_read(row, head, whole, state, last) and asked.may_ask_again(last, state, time.time()):
                requests.append(RunRequest(partition_key=row["name"], tags={asked.STATE: state}))
        return SensorResult(requests, dynamic_partitions_requests=_changes(context, names))

    return new_commits


def _was_read(row: dict[str, Any], head: str, whole: dict[str, Any], state: str, last: Sequence[RunRecord]) -> bool:
    """Whether the newest run that read the repository read this head."""
    ended_at = (last[0].end_time or 0) if last else 0
    if whole and whole["started_at"] > row["added_at"] and whole["started_at"].timestamp() > ended_at:
        noted = json.loads(whole["inputs"]).get(repository_key(row["name"]), "")
        return bool(noted.partition(" ")[0] == head)  # the head comes first, then what read it
    # A URL that did not answer that run answers now, or there were no head.
    return asked.has_succeeded(last, state) and row["status"] != UNREACHABLE


def _last_whole_run(database: Database) -> dict[str, Any]:
    """Start and inputs of the last `stemma run` that succeeded; empty before the first."""
    frame = database.read(
        "SELECT started_at, inputs::text FROM stemma.runs WHERE status = 'succeeded' AND inputs IS NOT NULL "
        "ORDER BY started_at DESC LIMIT 1"
    )
    return {} if frame.is_empty() else frame.row(0, named=True)


def _changes(context: SensorEvaluationContext, names: list[str]) -> list[Any]:
    """What makes Dagster's partitions the registered repositories."""
    known = context.instance.get_dynamic_partitions(str(REPOSITORIES.name))
    added, gone = [name for name in names if name not in known], [name for name in known if name not in names]
    changes: list[Any] = [REPOSITORIES.build_add_request(added)] if added else []
    return changes + ([REPOSITORIES.build_delete_request(gone)] if gone else [])
