"""A dbt test that fails stops what reads the model: in its run, and in an automation tick after it."""

from __future__ import annotations

import dagster as dg
import psycopg

from assets.dbt import CHECK, MODELS
from orchestration.definitions import build_defs
from stemma.config import Settings
from stemma.store import marts
from stemma.store.postgres import Database
from tests.assets.test_gates import report_made, report_sound

BAD_ROW = "INSERT INTO stemma.runs (run_id, started_at, status) VALUES ('bad', now(), 'unheard of')"
MENDED = "DELETE FROM stemma.runs WHERE run_id = 'bad'"
# The mart that is cheapest to build, with all it reads.
MADE = [MODELS[name].key for name in ("stg_runs", "stg_run_phases", "runs")]
FILE = dg.AssetKey("duckdb_marts")


def test_a_failed_dbt_test_keeps_the_marts_from_analysts_now_and_later(
    ingested: Database, resources: dict[str, object]
) -> None:
    defs = build_defs(resources)
    with dg.DagsterInstance.ephemeral() as instance:
        report_sound(instance, defs, FILE)
        report_made(instance, defs, FILE)
        only = dg.AssetSelection.assets(FILE)
        tick = dg.evaluate_automation_conditions(defs, instance, only)

        change(ingested, BAD_ROW)
        report_sound(instance, defs, FILE)
        failed = execute(defs, instance, [*MADE, FILE])
        assert passed(failed) == {"stg_runs": False, "stg_run_phases": True, "runs": False}
        assert {event.asset_key for event in failed.get_asset_materialization_events()} == set(MADE[:2])
        tick = dg.evaluate_automation_conditions(defs, instance, only, cursor=tick.cursor)
        assert tick.get_num_requested(FILE) == 0

        change(ingested, MENDED)
        assert passed(execute(defs, instance, MADE)) == {"stg_runs": True, "stg_run_phases": True, "runs": True}
        tick = dg.evaluate_automation_conditions(defs, instance, only, cursor=tick.cursor)
        assert tick.get_num_requested(FILE) == 1
        assert execute(defs, instance, [FILE]).success
    settings = resources["settings"]
    assert isinstance(settings, Settings)
    assert marts.path(settings).exists()


def change(database: Database, statement: str) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(statement)


def execute(defs: dg.Definitions, instance: dg.DagsterInstance, keys: list[dg.AssetKey]) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(keys))
    return job.execute_in_process(instance=instance, raise_on_error=False)


def passed(run: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """What the dbt tests of each model said."""
    evaluations = run.get_asset_check_evaluations()
    assert {evaluation.check_name for evaluation in evaluations} == {CHECK}
    return {evaluation.asset_key.path[-1]: evaluation.passed for evaluation in evaluations}
