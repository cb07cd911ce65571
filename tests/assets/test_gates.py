"""Each blocking gate stops a bad table: in the run it fails in, and in an automation tick after it."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import psycopg
import pytest

from assets.checks.invariants import INVARIANTS
from orchestration.definitions import build_defs
from stemma.store.postgres import Database

# What a human would break: one bad row for each gate. Where Postgres itself refuses the row, its refusal is taken
# away first, as a restore or a hand-made table would.
BAD_ROWS: dict[str, str] = {
    "every_file_is_accounted_for": """
        INSERT INTO stemma.files SELECT repo_id, 'ghost.py', repeat('0', 40), 1, 'python', 'source' FROM stemma.repositories
    """,
    "every_occurrence_has_its_snippet": "UPDATE stemma.occurrences SET ordinal = 999 WHERE valid_to IS NULL",
    "occurrences_end_after_they_begin": "UPDATE stemma.occurrences SET valid_to = valid_from WHERE valid_to IS NULL",
    "live_counts_are_true": "UPDATE stemma.patterns SET n_live = n_live + 1",
    "no_pattern_matches_itself": """
        ALTER TABLE stemma.matches DROP CONSTRAINT matches_ordered_check;
        INSERT INTO stemma.matches SELECT pattern_id, pattern_id, 'type-3', 1, 1, 1, 1, 'both', 'x', now()
        FROM stemma.patterns LIMIT 1
    """,
    "matches_keep_to_one_language": """
        INSERT INTO stemma.matches SELECT min(pattern_id), max(pattern_id), 'type-3', 1, 1, 1, 1, 'both', 'x', now()
        FROM stemma.patterns ON CONFLICT DO NOTHING;
        UPDATE stemma.patterns SET language = 'klingon' WHERE pattern_id = (SELECT min(pattern_a) FROM stemma.matches)
    """,
    "families_are_as_large_as_they_say": """
        INSERT INTO stemma.families SELECT repeat('f', 32), 'python', pattern_id, 'x', 7, 7, 1, NULL, now(), now()
        FROM stemma.patterns LIMIT 1
    """,
    "every_live_pattern_was_voted_on": "DELETE FROM stemma.votes",
    "every_verdict_has_votes": "DELETE FROM stemma.votes",
    "no_orphan_edges": """
        ALTER TABLE stemma.lineage_edges DROP CONSTRAINT lineage_edges_parent_id_fkey;
        UPDATE stemma.lineage_edges SET parent_id = repeat('0', 32)
    """,
    "children_come_after_parents": "UPDATE stemma.lineage_nodes SET first_parent_index = 0",
    "every_live_occurrence_has_a_node": "UPDATE stemma.lineage_nodes SET first_parent_index = first_parent_index + 1000",
    "every_event_has_its_version": "UPDATE stemma.lineage_events SET node_id = repeat('0', 32)",
}


@dataclass(frozen=True)
class Gate:
    name: str
    asset: str
    bad_row: str


GATES = [Gate(i.name, i.asset, BAD_ROWS[i.name]) for i in INVARIANTS if i.blocking]


def downstream_of(defs: dg.Definitions, asset: str) -> dg.AssetKey:
    """One asset that reads the gated one directly and is made by another step."""
    graph = defs.resolve_asset_graph()
    node = graph.get(dg.AssetKey(asset))
    own_step = graph.get(dg.AssetKey(asset)).assets_def.keys
    return sorted(key for key in node.child_keys if key not in own_step and graph.get(key).is_materializable)[0]


def test_every_blocking_gate_has_a_bad_row() -> None:
    assert set(BAD_ROWS) == {invariant.name for invariant in INVARIANTS if invariant.blocking}


@pytest.mark.parametrize("gate", GATES, ids=[gate.name for gate in GATES])
def test_a_gate_stops_a_bad_row_now_and_later(gate: Gate, ingested: Database, resources: dict[str, object]) -> None:
    defs = build_defs(resources)
    key, downstream = dg.AssetKey(gate.asset), downstream_of(defs, gate.asset)
    check = dg.AssetCheckKey(key, gate.name)
    gated = dg.Definitions.merge(
        defs,
        dg.Definitions(
            jobs=[dg.define_asset_job("gated", dg.AssetSelection.checks(check) | dg.AssetSelection.assets(downstream))]
        ),
    )
    with dg.DagsterInstance.local_temp() as instance:
        names = ["copies"]
        instance.add_dynamic_partitions("repository", names)
        for ready in defs.resolve_asset_graph().materializable_asset_keys - {downstream}:
            instance.report_runless_asset_event(dg.AssetMaterialization(ready))
        instance.report_runless_asset_event(dg.AssetMaterialization(downstream))
        tick = dg.evaluate_automation_conditions(defs, instance)

        with psycopg.connect(ingested.url) as connection:
            connection.execute(gate.bad_row)
        run = gated.resolve_job_def("gated").execute_in_process(instance=instance, raise_on_error=False, tags=RANGE)
        assert [e.passed for e in run.get_asset_check_evaluations() if e.check_name == gate.name] == [False]
        assert downstream not in {e.asset_key for e in run.get_asset_materialization_events()}

        instance.report_runless_asset_event(dg.AssetMaterialization(key))
        tick = dg.evaluate_automation_conditions(defs, instance, cursor=tick.cursor)
        assert tick.get_num_requested(downstream) == 0


RANGE = {"dagster/asset_partition_range_start": "copies", "dagster/asset_partition_range_end": "copies"}
