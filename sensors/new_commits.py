"""Wakes the ingestion of a repository when its head has moved. How a head is read lives in `stemma.git`."""

import json

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.partitions import REPOSITORIES
from stemma.config import Settings
from stemma.errors import StemmaError
from stemma.git import registry
from stemma.git.fetch import head_state
from stemma.store.postgres import Database


def new_commits_sensor(job_name: str) -> SensorDefinition:
    @sensor(
        name="new_commits",
        job_name=job_name,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="One run per registered repository whose head has moved since the last look.",
    )
    def new_commits(
        context: SensorEvaluationContext, database: ResourceParam[Database], settings: ResourceParam[Settings]
    ) -> SensorResult | SkipReason:
        registered = registry.list_repositories(database)["name"].to_list()
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        heads: dict[str, str] = {}
        for name in registered:
            try:
                heads[name] = head_state(database, settings, registry.find(database, name, settings))
            except StemmaError as error:  # a run would say the same; the row of the repository will name it
                context.log.warning(f"{name}: {error}")
                heads[name] = seen.get(name, "")
        moved = [name for name, head in heads.items() if head and head != seen.get(name)]
        known = context.instance.get_dynamic_partitions(str(REPOSITORIES.name))
        added = [name for name in registered if name not in known]
        gone = [name for name in known if name not in registered]
        changes = [REPOSITORIES.build_add_request(added)] if added else []
        changes += [REPOSITORIES.build_delete_request(gone)] if gone else []
        return SensorResult(
            run_requests=[RunRequest(run_key=f"{name}:{heads[name]}", partition_key=name) for name in moved],
            dynamic_partitions_requests=changes,
            cursor=json.dumps(heads),
        )

    return new_commits
