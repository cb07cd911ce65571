"""Each blocking gate stops a bad table: in the run it fails in, and in an automation tick after it."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import psycopg
import pytest

from assets.checks.contracts import ASSETS, CONTRACTS
from assets.checks.invariants import INVARIANTS
from assets.partitions import REPOSITORIES
from orchestration.definitions import build_defs
from stemma.store.postgres import Database
from tests.assets.conftest import REPOSITORY

# What a human would break: one bad row for each gate. Where Postgres itself refuses the row, its refusal is taken
# away first, as a restore or a hand-made table would.
BAD_ROWS: dict[str, str] = {
    "every_file_is_accounted_for": """
        INSERT INTO stemma.files
        SELECT repo_id, 'ghost.py', repeat('0', 40), 1, 'python', 'source' FROM stemma.repositories
    """,
    "every_occurrence_has_its_snippet": "UPDATE stemma.occurrences SET ordinal = 999 WHERE valid_to IS NULL",
    "occurrences_end_after_they_begin": "UPDATE stemma.occurrences SET valid_to = valid_from WHERE valid_to IS NULL",
    "live_counts_are_true": "UPDATE stemma.patterns SET n_live = n_live + 1",
    "no_pattern_matches_itself": """
        ALTER TABLE stemma.matches DROP CONSTRAINT matches_ordered_check;
        INSERT INTO stemma.matches SELECT pattern_id, pattern_id, 'type-3', 1, 1, 1, 1, 'both', 'x', now(),
            1, 1, 1
        FROM stemma.patterns LIMIT 1
    """,
    "matches_keep_to_one_language": """
        INSERT INTO stemma.matches SELECT min(pattern_id), max(pattern_id), 'type-3', 1, 1, 1, 1, 'both', 'x', now(),
            1, 1, 1
        FROM stemma.patterns ON CONFLICT DO NOTHING;
        UPDATE stemma.patterns SET language = 'klingon' WHERE pattern_id = (SELECT min(pattern_a) FROM stemma.matches)
    """,
    "families_are_as_large_as_they_say": """
        INSERT INTO stemma.families SELECT repeat('f', 32), 'python', pattern_id, 'x', 7, 7, 1, NULL, now(), now(), NULL
        FROM stemma.patterns LIMIT 1
    """,
    "members_stand_somewhere": """
        UPDATE stemma.patterns SET is_trivial = true, trivial_reason = 'tiny'
        WHERE pattern_id = (SELECT min(pattern_id) FROM stemma.family_members)
    """,
    "members_are_compared_with_their_medoid": "UPDATE stemma.family_members SET similarity = 1",
    "every_text_in_scope_was_voted_on": "DELETE FROM stemma.votes",
    "every_text_in_scope_has_a_verdict": "DELETE FROM stemma.verdicts",
    "every_verdict_has_votes": "DELETE FROM stemma.votes",
    "no_orphan_edges": """
        ALTER TABLE stemma.lineage_edges DROP CONSTRAINT lineage_edges_parent_id_fkey;
        UPDATE stemma.lineage_edges SET parent_id = repeat('0', 32)
    """,
    "children_come_after_parents": "UPDATE stemma.commits SET position = 0",
    "derivation_has_no_cycle": """
        INSERT INTO stemma.lineage_edges
        SELECT repeat('f', 32), repo_id, parent_id, child_id, 'copied_from', 1, 1, '{}'
        FROM stemma.lineage_edges LIMIT 1
    """,
    "every_head_snippet_has_its_version": "UPDATE stemma.lineage_nodes SET first_parent_index = 1000",
    "every_element_is_born_once": """
        UPDATE stemma.lineage_events SET event_type = 'introduced' WHERE event_type = 'body_changed'
    """,
    "archives_keep_every_event": """
        INSERT INTO stemma.event_archives
        SELECT 'lineage_events_default', now(), now(), now(), 1, 2, 1
    """,
    "every_event_has_its_version": "UPDATE stemma.lineage_events SET node_id = repeat('0', 32)",
}
# For each contract a value it does not allow.
BAD_VALUES: dict[str, str] = {
    "commits": "UPDATE stemma.commits SET kind = 'rumour'",
    "snippets": "UPDATE stemma.snippets SET end_line = start_line - 1",
    "occurrences": "UPDATE stemma.occurrences SET category = 'unheard of'",
    "patterns": "UPDATE stemma.patterns SET n_tokens = -1",
    "matches": "UPDATE stemma.matches SET score = 1.5",
    "families": "UPDATE stemma.families SET cohesion = 1.5",
    "votes": "UPDATE stemma.votes SET member_version = ''",
    "verdicts": "UPDATE stemma.verdicts SET outcome = 'perhaps'",
    "labels": """
        INSERT INTO stemma.labels SELECT repeat('a', 32), pattern_id, exact_hash, true, 'hearsay', 'Ada', NULL, now()
        FROM stemma.verdicts LIMIT 1
    """,
    "judge_requests": """
        INSERT INTO stemma.judge_requests
        SELECT repeat('a', 32), now(), 'one', pattern_id, exact_hash, 1, -1, NULL, NULL, NULL, NULL
        FROM stemma.verdicts LIMIT 1
    """,
    "sittings": "UPDATE stemma.sittings SET alpha = 2",
    "sitting_members": "UPDATE stemma.sitting_members SET n_no_answer = n_abstain + 1",
    "lineage_nodes": "UPDATE stemma.lineage_nodes SET language = 'klingon'",
    "lineage_edges": "UPDATE stemma.lineage_edges SET weight = 2",
    "lineage_events": "UPDATE stemma.lineage_events SET event_type = 'lost'",
    "agent_edits": """
        INSERT INTO stemma.agent_edits
        SELECT repeat('a', 32), 'event', now(), now(), 'claude-code', NULL, NULL, NULL, NULL, 'a.py', 'python',
            NULL, NULL, NULL, NULL, NULL, 3, 4, '{1,2,3}', '{0,3}', '1', now()
    """,
    "origins": """
        INSERT INTO stemma.origins (node_id, repo_id, origin, n_tokens, n_agent, n_human, evidence, decided_by)
        SELECT node_id, repo_id, 'agent', 9, 0, 0, '[]', '1' FROM stemma.lineage_nodes
    """,
    "lives": """
        INSERT INTO stemma.lives
        SELECT repeat('a', 32), repo_id, 'snippet', node_id, 'unknown', NULL, NULL, NULL, 1, now(), now(), NULL,
            false, NULL
        FROM stemma.lineage_nodes LIMIT 1
    """,
}


@dataclass(frozen=True)
class Gate:
    name: str
    asset: str
    bad_row: str


GATES = [Gate(i.name, i.asset, BAD_ROWS[i.name]) for i in INVARIANTS if i.blocking] + [
    Gate(f"{table}_keep_their_contract", ASSETS.get(table, table), BAD_VALUES[table]) for table in CONTRACTS
]


def downstream_of(defs: dg.Definitions, asset: str) -> dg.AssetKey:
    """One asset that reads the gated one directly and is made by another step."""
    graph = defs.resolve_asset_graph()
    made_together = graph.get(dg.AssetKey(asset)).assets_def.keys
    return min(key for key in graph.get(dg.AssetKey(asset)).child_keys if key not in made_together)


def test_every_blocking_gate_has_a_bad_row() -> None:
    assert set(BAD_ROWS) == {invariant.name for invariant in INVARIANTS if invariant.blocking}
    assert set(BAD_VALUES) == set(CONTRACTS)


@pytest.mark.parametrize("gate", GATES, ids=[gate.name for gate in GATES])
def test_a_gate_stops_a_bad_row_now_and_later(gate: Gate, ingested: Database, resources: dict[str, object]) -> None:
    defs = build_defs(resources)
    check, downstream = dg.AssetCheckKey(dg.AssetKey(gate.asset), gate.name), downstream_of(defs, gate.asset)
    made = dg.AssetSelection.assets(downstream).required_multi_asset_neighbors()
    selection = dg.AssetSelection.checks(check) | made
    gated = dg.Definitions.merge(defs, dg.Definitions(jobs=[dg.define_asset_job("gated", selection)]))
    only = dg.AssetSelection.assets(downstream)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("repository", [REPOSITORY])
        report_sound(instance, defs, downstream)
        report_made(instance, defs, downstream)
        tick = dg.evaluate_automation_conditions(defs, instance, only)

        # Without the bad row the gate is passed, and what comes after is asked for.
        report_sound(instance, defs, downstream)
        assert passed(gated, instance, [check]) == [True]
        tick = dg.evaluate_automation_conditions(defs, instance, only, cursor=tick.cursor)
        assert tick.get_num_requested(downstream) > 0
        report_made(instance, defs, downstream)

        with psycopg.connect(ingested.url) as connection:
            connection.execute(gate.bad_row)
        report_sound(instance, defs, downstream)
        run = gated.resolve_job_def("gated").execute_in_process(instance=instance, raise_on_error=False, tags=RANGE)
        assert [evaluation.passed for evaluation in run.get_asset_check_evaluations()] == [False]
        assert run.get_asset_materialization_events() == []
        tick = dg.evaluate_automation_conditions(defs, instance, only, cursor=tick.cursor)
        assert tick.get_num_requested(downstream) == 0


def passed(defs: dg.Definitions, instance: dg.DagsterInstance, checks: list[dg.AssetCheckKey]) -> list[bool]:
    """What the real checks say of the tables as they are."""
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_check_selection=set(checks))
    run = job.execute_in_process(instance=instance)
    return [evaluation.passed for evaluation in run.get_asset_check_evaluations()]


def report_made(instance: dg.DagsterInstance, defs: dg.Definitions, key: dg.AssetKey) -> None:
    """Tell Dagster that an asset was made, in the one partition of those that have some."""
    by = defs.resolve_asset_graph().get(key).partitions_def
    partition = None if by is None else REPOSITORY if by == REPOSITORIES else by.get_last_partition_key()
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))


def report_sound(instance: dg.DagsterInstance, defs: dg.Definitions, downstream: dg.AssetKey) -> None:
    """Tell Dagster that everything the asset reads was just made and passed every gate: then only one gate decides."""
    graph = defs.resolve_asset_graph()
    for parent in graph.get(downstream).parent_keys:
        report_made(instance, defs, parent)
        for check in graph.get_check_keys_for_assets({parent}):
            evaluation = dg.AssetCheckEvaluation(asset_key=parent, check_name=check.name, passed=True, metadata={})
            instance.report_runless_asset_event(evaluation)


RANGE = {"dagster/asset_partition_range_start": REPOSITORY, "dagster/asset_partition_range_end": REPOSITORY}
