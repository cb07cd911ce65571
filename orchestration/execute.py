"""Runs one job in this process and tells its reader how it went: `python -m orchestration.execute '<request>'`.

`stemma run` starts it. The request is JSON, `{"job", "partitions", "until"}`; the answer is the last line written to
the progress descriptor, `{"result": {...}}`. How progress is drawn lives in `stemma.cli`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from dagster import AssetKey, AssetSelection, DagsterEvent, DagsterInstance, ExecuteInProcessResult
from dagster_shared.error import SerializableErrorInfo

from assets.partitions import REPOSITORIES
from orchestration.definitions import defs
from orchestration.jobs import EVENTS, MAIN
from orchestration.schedules import partition_range
from orchestration.tidy import end_killed_runs
from sensors.ended_runs import cause_of, record_gates
from stemma import progress
from stemma.config import load_settings
from stemma.git import registry
from stemma.processes import die_with_parent
from stemma.store import open_database


def main() -> None:
    # A run whose `stemma run` was killed must not go on unseen, without the lock.
    die_with_parent()
    request = json.loads(sys.argv[1])
    with DagsterInstance.get() as instance:
        # Keep one connection a storage: by default each of a run's thousand events opens its own, in ten files changed
        # of 5,343 an eighth of all the time.
        instance.optimize_for_webserver(statement_timeout=0, pool_recycle=600, max_overflow=10)
        end_killed_runs(instance)
        sync_partitions(instance)
        result = defs.resolve_job_def(request["job"]).execute_in_process(
            instance=instance,
            tags=_tags(instance, request),
            asset_selection=_selected(request["until"]) if request["job"] == MAIN and request["until"] else None,
            partition_key=request["partitions"][0] if request["job"] == EVENTS else None,
            raise_on_error=False,
        )
        progress.tell_reader({"result": _answer(instance, result)})


def sync_partitions(instance: DagsterInstance) -> None:
    """Make Dagster's repository partitions the registered repositories."""
    name = str(REPOSITORIES.name)
    with open_database(load_settings()) as database:
        registered = registry.list_repositories(database)["name"].to_list()
    for gone in set(instance.get_dynamic_partitions(name)) - set(registered):
        instance.delete_dynamic_partition(name, gone)
    instance.add_dynamic_partitions(name, registered)


def _selected(assets: list[str]) -> list[AssetKey]:
    """Some assets, what they are made from, and what is made together with these."""
    chosen = AssetSelection.assets(*assets).upstream().required_multi_asset_neighbors()
    return sorted(chosen.resolve(defs.resolve_asset_graph()))


def _tags(instance: DagsterInstance, request: dict[str, Any]) -> dict[str, str]:
    if request["job"] == EVENTS:
        return {}
    wanted = set(request["partitions"])
    return partition_range([key for key in instance.get_dynamic_partitions(str(REPOSITORIES.name)) if key in wanted])


def _answer(instance: DagsterInstance, result: ExecuteInProcessResult) -> dict[str, Any]:
    with open_database(load_settings()) as database:
        record_gates(instance, database, result.run_id)
    failures = [_failure(event) for event in result.all_events if event.is_step_failure]
    if not result.success and not failures:  # it did not come to a step: a resource could not be opened
        errors = [getattr(event.event_specific_data, "error", None) for event in result.all_events]
        failures = [_explained("resources", error) for error in errors if error is not None][:1]
    return {"run_id": result.run_id, "is_success": result.success, "failures": failures}


def _failure(event: DagsterEvent) -> dict[str, Any]:
    """What stopped a step: an error that Stemma explains, or one that it did not foresee."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.metadata:
        explained = {key: value.value for key, value in data.user_failure_data.metadata.items()}
        return {"step": event.step_key, **explained}
    return _explained(str(event.step_key), data.error)


def _explained(step: str, error: SerializableErrorInfo | None) -> dict[str, Any]:
    sentence, exit_code = cause_of(error)
    return {"step": step, "problem": sentence, "hint": "", "exit_code": exit_code}


if __name__ == "__main__":
    main()
