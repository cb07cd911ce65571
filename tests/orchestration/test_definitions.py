"""The code location as Dagster sees it: what is in it, and what loading it costs and touches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.definitions import defs

ROOT = Path(__file__).parents[2]
FILES = ("duckdb_marts", "charts", "similar_index")  # without columns of their own
LOAD = """
import json, resource, sys
touched = []
def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith(("manifest.json", "marts.duckdb")):
        touched.append(str(arguments[0]))
    # Dagster's croniter asks `file` whether Python is of 32 bits.
    if event in ("socket.connect", "subprocess.Popen", "os.posix_spawn") and arguments[0] != "file":
        touched.append(f"{event} {arguments[0]}")
sys.addaudithook(watch)
import orchestration.definitions
orchestration.definitions.defs.get_repository_def()
usage = resource.getrusage(resource.RUSAGE_SELF)
heavy = [name for name in ("great_expectations", "dbt", "qdrant_edge", "duckdb") if name in sys.modules]
print(json.dumps({"touched": touched, "cpu_seconds": usage.ru_utime + usage.ru_stime, "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def loading() -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_loading_reads_no_manifest_opens_no_database_and_starts_nothing(loading: dict[str, object]) -> None:
    assert loading["touched"] == []


def test_loading_imports_nothing_that_costs_seconds(loading: dict[str, object]) -> None:
    # The time itself decides no test on a shared machine; the modules that would cost it do.
    assert not set(loading["heavy"]) & {"great_expectations", "dbt"}


def test_every_asset_says_what_it_is() -> None:
    graph = defs.resolve_asset_graph()
    assert graph.get_all_asset_keys()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, f"{key} has no description"
        assert node.owners, f"{key} has no owner"
        assert node.group_name != "default", f"{key} has no group"
        assert node.kinds, f"{key} has no kind"
        if key.to_user_string() not in FILES:
            assert "dagster/column_schema" in node.metadata, f"{key} has no column schema"


def test_the_groups_are_those_of_the_plan() -> None:
    graph = defs.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.materializable_asset_keys}
    assert groups == {"ingestion", "embedding", "matching", "validation", "lineage", "feedback", "transform", "marts"}


def test_jobs_schedules_and_sensors_are_all_there() -> None:
    repository = defs.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {"stemma", "ingest_repository", "ingest_events"}
    assert {schedule.name for schedule in repository.schedule_defs} == {"nightly"}
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "new_commits",
        "new_events",
        "succeeded_runs",
        "failed_runs",
        "automation",
    }
