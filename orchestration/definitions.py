"""The code location: everything Dagster knows of Stemma, put together.

Loading it opens nothing and reads no manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import (
    AssetSelection,
    AutomationConditionSensorDefinition,
    DefaultSensorStatus,
    Definitions,
    in_process_executor,
    load_assets_from_modules,
)

from assets import attribution, dbt, embedding, feedback, ingestion, lineage, marts, matching, validation
from assets.checks import all_checks
from orchestration.jobs import EVENTS, INGEST, JOBS, MAIN
from orchestration.resources import resources
from orchestration.schedules import nightly_schedule
from sensors.ended_runs import ended_runs_sensors
from sensors.new_commits import new_commits_sensor
from sensors.new_events import new_events_sensor

ROOMS = [ingestion, embedding, matching, validation, lineage, attribution, feedback, dbt, marts]


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> Definitions:
    """All definitions; tests put plain objects in the place of resources by name."""
    return Definitions(
        assets=load_assets_from_modules(ROOMS),
        asset_checks=all_checks(),
        jobs=JOBS,
        schedules=[nightly_schedule(MAIN)],
        sensors=[
            new_commits_sensor(INGEST),
            new_events_sensor(EVENTS),
            *ended_runs_sensors(),
            AutomationConditionSensorDefinition(
                "automation", target=AssetSelection.all(), default_status=DefaultSensorStatus.RUNNING
            ),
        ],
        resources={**resources(), **(resource_overrides or {})},
        # A spawned step costs 3-4 CPU seconds before it does anything; parallelism belongs inside an asset.
        executor=in_process_executor,
    )


defs = build_defs()
