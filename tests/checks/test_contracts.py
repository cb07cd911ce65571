"""Contracts that can fail: a sound table meets its own, and every expectation was seen to refuse a bad row."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from assets.checks.breaches import has_breach
from assets.checks.contracts import CONTRACTS, ContractResult, validate_contract
from assets.checks.expectations import Expectation
from stemma.store.postgres import Database
from tests.checks import lineage_rows
from tests.checks.sound import plant
from tests.conftest import fresh_database

SHA = "a" * 40
OTHER = "b" * 40
ID = "c" * 32


@pytest.fixture(scope="module")
def sound(server_url: str, migrated_template: str) -> Iterator[Database]:
    """One database for all: each test undoes what it did, and databases cost more than the checks."""
    with fresh_database(server_url, migrated_template) as database:
        plant(database)
        yield database


@pytest.mark.parametrize("table", CONTRACTS)
def test_a_sound_table_meets_its_contract(sound: Database, table: str) -> None:
    result = validate_contract(sound.url, table)
    assert result == ContractResult(table, success=True, evaluated=len(CONTRACTS[table]), failures=())
    assert not has_breach(sound, table, CONTRACTS[table], written="true")


def test_an_empty_store_breaks_no_contract(database: Database) -> None:
    assert [table for table in CONTRACTS if not validate_contract(database.url, table).success] == []


# table, statement that spoils it, the expectation (type or claim) and the columns that must say so
BAD = [
    ("commits", "sha = 'HEAD' WHERE sha = '{SHA}'", "expect_column_values_to_match_regex", "sha"),
    ("commits", "kind = 'tag'", "expect_column_values_to_be_in_set", "kind"),
    (
        "commits",
        "first_parent_index = -1 WHERE sha = '{SHA}'",
        "expect_column_values_to_be_between",
        "first_parent_index",
    ),
    ("commits", "first_parent_index = 1", "expect_compound_columns_to_be_unique", "repo_id, first_parent_index"),
    (
        "commits",
        "first_parent_index = 7 WHERE sha = '{OTHER}'",
        "positions on the first-parent chain leave no gap",
        "table",
    ),
    ("commits", "position = -1 WHERE sha = '{SHA}'", "expect_column_values_to_be_between", "position"),
    ("commits", "position = 1", "expect_compound_columns_to_be_unique", "repo_id, position"),
    ("commits", "position = 7 WHERE sha = '{SHA}'", "a commit stands after its parents", "table"),
    ("commits", "subject = repeat('x', 501)", "expect_column_value_lengths_to_be_between", "subject"),
    ("commits", "author_name = NULL", "a commit names its author, a snapshot has none", "table"),
    ("commits", "parents = ARRAY[sha]", "no commit is its own parent", "table"),
    (
        "commits",
        "sha = repeat('d', 40) WHERE sha = '{OTHER}'",
        "a repository that was ingested whole has its head",
        "table",
    ),
    ("snippets", "blob_oid = 'x'", "expect_column_values_to_match_regex", "blob_oid"),
    ("snippets", "exact_hash = 'x'", "expect_column_values_to_match_regex", "exact_hash"),
    ("snippets", "pattern_id = 'x'", "expect_column_values_to_match_regex", "pattern_id"),
    ("snippets", "kind = 'Function'", "expect_column_values_to_match_regex", "kind"),
    ("snippets", "name = ''", "expect_column_value_lengths_to_be_between", "name"),
    ("snippets", "signature = repeat('x', 1001)", "expect_column_value_lengths_to_be_between", "signature"),
    ("snippets", "docstring = repeat('x', 4001)", "expect_column_value_lengths_to_be_between", "docstring"),
    ("snippets", "start_line = 0", "expect_column_values_to_be_between", "start_line"),
    ("snippets", "end_line = 0", "expect_column_pair_values_a_to_be_greater_than_b", "end_line, start_line"),
    ("snippets", "start_byte = -1", "expect_column_values_to_be_between", "start_byte"),
    ("snippets", "end_byte = start_byte", "expect_column_pair_values_a_to_be_greater_than_b", "end_byte, start_byte"),
    ("snippets", "n_tokens = 0", "expect_column_values_to_be_between", "n_tokens"),
    ("snippets", "duplicate_index = -1 WHERE ordinal = 0", "expect_column_values_to_be_between", "duplicate_index"),
    (
        "snippets",
        "parent_ordinal = ordinal",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "ordinal, parent_ordinal",
    ),
    (
        "snippets",
        "qualified_name = 'f'",
        "expect_compound_columns_to_be_unique",
        "blob_oid, extractor_version, kind, qualified_name, duplicate_index",
    ),
    ("snippets", "n_lines = 99", "lines are counted from first to last", "table"),
    ("snippets", None, "a content has the definitions that were counted in it", "table"),
    ("occurrences", "language = 'latin'", "expect_column_values_to_be_in_set", "language"),
    ("occurrences", "category = 'other'", "expect_column_values_to_be_in_set", "category"),
    ("occurrences", "exact_hash = 'x'", "expect_column_values_to_match_regex", "exact_hash"),
    ("occurrences", "pattern_id = 'x'", "expect_column_values_to_match_regex", "pattern_id"),
    ("occurrences", "valid_from_sha = 'HEAD'", "expect_column_values_to_match_regex", "valid_from_sha"),
    ("occurrences", "valid_from = -1 WHERE valid_from = 0", "expect_column_values_to_be_between", "valid_from"),
    (
        "occurrences",
        "valid_to = valid_from WHERE valid_to IS NOT NULL",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "valid_to, valid_from",
    ),
    ("occurrences", "valid_to_sha = NULL", "an end has a position and a commit, or neither", "table"),
    ("occurrences", "valid_to = NULL, valid_to_sha = NULL", "one place holds one text at a time", "table"),
    ("occurrences", None, "a head with definitions has live occurrences", "table"),
    ("patterns", "pattern_id = 'x' WHERE pattern_id = '{ID}'", "expect_column_values_to_match_regex", "pattern_id"),
    ("patterns", "language = 'latin'", "expect_column_values_to_be_in_set", "language"),
    ("patterns", "kind = ''", "expect_column_values_to_match_regex", "kind"),
    ("patterns", "name = ''", "expect_column_value_lengths_to_be_between", "name"),
    ("patterns", "code = ''", "expect_column_value_lengths_to_be_between", "code"),
    ("patterns", "n_lines = 0", "expect_column_values_to_be_between", "n_lines"),
    ("patterns", "n_tokens = 0", "expect_column_values_to_be_between", "n_tokens"),
    ("patterns", "n_live = -1", "expect_column_values_to_be_between", "n_live"),
    ("patterns", "n_repositories = 99", "expect_column_pair_values_a_to_be_greater_than_b", "n_live, n_repositories"),
    ("patterns", "n_repositories = 0", "live places stand in a repository", "table"),
    ("patterns", "pattern_id = repeat('9', 32) WHERE pattern_id = '{ID}'", "every definition has its pattern", "table"),
    ("matches", "clone_type = 'type-2'", "expect_column_values_to_be_in_set", "clone_type"),
    ("matches", "candidate_source = 'guess'", "expect_column_values_to_be_in_set", "candidate_source"),
    ("matches", "score = 1.5", "expect_column_values_to_be_between", "score"),
    ("matches", "structural = -0.1", "expect_column_values_to_be_between", "structural"),
    ("matches", "lexical = 1.1", "expect_column_values_to_be_between", "lexical"),
    ("matches", "semantic = 1.1", "expect_column_values_to_be_between", "semantic"),
    ("matches", "matcher_version = ''", "expect_column_value_lengths_to_be_between", "matcher_version"),
    ("matches", "fingerprint = -0.1", "expect_column_values_to_be_between", "fingerprint"),
    ("matches", "probability = 1.1", "expect_column_values_to_be_between", "probability"),
    ("matches", "confidence = 1.1", "expect_column_values_to_be_between", "confidence"),
    ("matches", "note = ''", "expect_column_value_lengths_to_be_between", "note"),
    (
        "matches",
        "clone_type = 'semantic', structural = NULL, fingerprint = NULL, lexical = NULL",
        "a match rests on evidence",
        "table",
    ),
    ("matches", "note = NULL", "a match without structure or vectors says so", "table"),
    ("matches", "probability = NULL", "a probability is absent under weights of one's own alone", "table"),
    ("matches", "structural = NULL", "a copy with edits has structure", "table"),
    ("matches", "score = 0.2", "a score lies between its components", "table"),
    ("families", "family_id = 'x'", "expect_column_values_to_match_regex", "family_id"),
    ("families", "language = 'latin'", "expect_column_values_to_be_in_set", "language"),
    ("families", "n_patterns = 0", "expect_column_values_to_be_between", "n_patterns"),
    ("families", "n_occurrences = 1", "expect_column_values_to_be_between", "n_occurrences"),
    ("families", "n_repositories = 0", "expect_column_values_to_be_between", "n_repositories"),
    (
        "families",
        "n_repositories = 9",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "n_occurrences, n_repositories",
    ),
    ("families", "n_patterns = 9", "expect_column_pair_values_a_to_be_greater_than_b", "n_occurrences, n_patterns"),
    ("families", "mean_score = 2", "expect_column_values_to_be_between", "mean_score"),
    ("families", "cohesion = 0.2", "expect_column_values_to_be_between", "cohesion"),
    ("families", "cohesion = NULL", "several patterns have a cohesion, one has none", "table"),
    ("families", "cohesion = 0.8", "pairs that do not match make no family closer", "table"),
    ("families", "mean_score = NULL", "several patterns have a score, one has none", "table"),
    (
        "families",
        "updated_at = created_at - interval '1 day'",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "updated_at, created_at",
    ),
    ("families", "medoid_pattern_id = repeat('0', 32)", "the medoid is a member", "table"),
    ("families", None, "a pattern in two live places has a family", "table"),
    ("votes", "pattern_id = 'x'", "expect_column_values_to_match_regex", "pattern_id"),
    ("votes", "exact_hash = 'x'", "expect_column_values_to_match_regex", "exact_hash"),
    ("votes", "member = '' WHERE member = 'm'", "expect_column_value_lengths_to_be_between", "member"),
    ("votes", "member_version = ''", "expect_column_value_lengths_to_be_between", "member_version"),
    ("votes", "vote = 'perhaps'", "expect_column_values_to_be_in_set", "vote"),
    ("votes", "probability = 1.1", "expect_column_values_to_be_between", "probability"),
    ("votes", "seconds = -1", "expect_column_values_to_be_between", "seconds"),
    ("votes", "cost = -1", "expect_column_values_to_be_between", "cost"),
    ("votes", "reason = ''", "expect_column_value_lengths_to_be_between", "reason"),
    ("votes", "reason = NULL", "an abstention says why, and nothing else needs to", "table"),
    ("votes", "findings = '{{}}'", "findings are a list", "table"),
    ("verdicts", "pattern_id = 'x'", "expect_column_values_to_match_regex", "pattern_id"),
    ("verdicts", "exact_hash = 'x'", "expect_column_values_to_match_regex", "exact_hash"),
    ("verdicts", "outcome = 'perhaps'", "expect_column_values_to_be_in_set", "outcome"),
    ("verdicts", "decision = 'merge'", "expect_column_values_to_be_in_set", "decision"),
    ("verdicts", "probability = 2", "expect_column_values_to_be_between", "probability"),
    ("verdicts", "agreement = 0.4", "expect_column_values_to_be_between", "agreement"),
    ("verdicts", "n_pass = -1", "expect_column_values_to_be_between", "n_pass"),
    ("verdicts", "n_fail = -1", "expect_column_values_to_be_between", "n_fail"),
    ("verdicts", "n_abstain = -1", "expect_column_values_to_be_between", "n_abstain"),
    ("verdicts", "n_families = -1", "expect_column_values_to_be_between", "n_families"),
    ("verdicts", "reason = ''", "expect_column_value_lengths_to_be_between", "reason"),
    ("verdicts", "changed = ''", "expect_column_value_lengths_to_be_between", "changed"),
    ("verdicts", "rule_version = ''", "expect_column_value_lengths_to_be_between", "rule_version"),
    ("verdicts", "votes_digest = ''", "what was voted has a digest", "table"),
    ("verdicts", "n_pass = 0, n_fail = 0", "agreement is of votes that were cast", "table"),
    ("verdicts", "n_families = 3", "families are of votes that were cast", "table"),
    ("verdicts", "n_families = 0", "no probability without a vote", "table"),
    (
        "verdicts",
        "outcome = 'accept', decision = 'suggest', n_pass = 0",
        "nothing is accepted without a vote for it",
        "table",
    ),
    (
        "verdicts",
        "outcome = 'accept', decision = 'suggest', probability = NULL",
        "nothing is accepted without a probability",
        "table",
    ),
    ("verdicts", "outcome = 'reject'", "what was rejected is refused, and nothing else", "table"),
    ("verdicts", "decision = 'suggest'", "what is open is for a person", "table"),
    ("labels", "label_id = 'x'", "expect_column_values_to_match_regex", "label_id"),
    ("labels", "pattern_id = 'x'", "expect_column_values_to_match_regex", "pattern_id"),
    ("labels", "exact_hash = 'x'", "expect_column_values_to_match_regex", "exact_hash"),
    ("labels", "source = 'hearsay'", "expect_column_values_to_be_in_set", "source"),
    ("labels", "labelled_by = ''", "expect_column_value_lengths_to_be_between", "labelled_by"),
    ("judge_requests", "request_id = 'x'", "expect_column_values_to_match_regex", "request_id"),
    ("judge_requests", "judge = ''", "expect_column_value_lengths_to_be_between", "judge"),
    ("judge_requests", "n_characters = -1", "expect_column_values_to_be_between", "n_characters"),
    ("judge_requests", "reserved_tokens = -1", "expect_column_values_to_be_between", "reserved_tokens"),
    ("judge_requests", "reserved_cost = -1", "expect_column_values_to_be_between", "reserved_cost"),
    ("judge_requests", "input_tokens = -1", "expect_column_values_to_be_between", "input_tokens"),
    ("judge_requests", "output_tokens = -1", "expect_column_values_to_be_between", "output_tokens"),
    ("judge_requests", "cost = -1", "expect_column_values_to_be_between", "cost"),
    ("judge_requests", "input_tokens = NULL", "tokens are told both or not at all", "table"),
    ("judge_requests", "input_tokens = NULL", "no cost of what was not told", "table"),
    ("sittings", "sitting_id = 'x'", "expect_column_values_to_match_regex", "sitting_id"),
    ("sittings", "rule_version = ''", "expect_column_value_lengths_to_be_between", "rule_version"),
    ("sittings", "n_texts = -1", "expect_column_values_to_be_between", "n_texts"),
    ("sittings", "n_accept = -1", "expect_column_values_to_be_between", "n_accept"),
    ("sittings", "n_reject = -1", "expect_column_values_to_be_between", "n_reject"),
    ("sittings", "n_needs_review = -1", "expect_column_values_to_be_between", "n_needs_review"),
    ("sittings", "n_changed = -1", "expect_column_values_to_be_between", "n_changed"),
    ("sittings", "n_labelled = -1", "expect_column_values_to_be_between", "n_labelled"),
    ("sittings", "n_decided = 0", "expect_column_values_to_be_between", "n_decided"),
    ("sittings", "alpha = 1.1", "expect_column_values_to_be_between", "alpha"),
    ("sittings", "calibration_error = 1.1", "expect_column_values_to_be_between", "calibration_error"),
    ("sittings", "n_accept = 5", "no more texts have a verdict than are in scope", "table"),
    ("sittings", "n_labelled = 0", "no error of calibration without labels", "table"),
    ("sitting_members", "family = 'friends'", "expect_column_values_to_be_in_set", "family"),
    ("sitting_members", "member = ''", "expect_column_value_lengths_to_be_between", "member"),
    ("sitting_members", "member_version = ''", "expect_column_value_lengths_to_be_between", "member_version"),
    ("sitting_members", "n_pass = -1", "expect_column_values_to_be_between", "n_pass"),
    ("sitting_members", "n_fail = -1", "expect_column_values_to_be_between", "n_fail"),
    ("sitting_members", "n_abstain = -1", "expect_column_values_to_be_between", "n_abstain"),
    ("sitting_members", "n_no_answer = -1", "expect_column_values_to_be_between", "n_no_answer"),
    ("sitting_members", "n_true_pass = -1", "expect_column_values_to_be_between", "n_true_pass"),
    ("sitting_members", "n_false_pass = -1", "expect_column_values_to_be_between", "n_false_pass"),
    ("sitting_members", "n_true_fail = -1", "expect_column_values_to_be_between", "n_true_fail"),
    ("sitting_members", "n_false_fail = -1", "expect_column_values_to_be_between", "n_false_fail"),
    ("sitting_members", "n_decisive = -1", "expect_column_values_to_be_between", "n_decisive"),
    ("sitting_members", "seconds = -1", "expect_column_values_to_be_between", "seconds"),
    ("sitting_members", "cost = -1", "expect_column_values_to_be_between", "cost"),
    ("sitting_members", "sensitivity = 1.1", "expect_column_values_to_be_between", "sensitivity"),
    ("sitting_members", "specificity = 1.1", "expect_column_values_to_be_between", "specificity"),
    ("sitting_members", "calibration_error = 1.1", "expect_column_values_to_be_between", "calibration_error"),
    (
        "sitting_members",
        "n_no_answer = 1",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "n_abstain, n_no_answer",
    ),
    ("sitting_members", "n_true_pass = 9", "labelled votes for it are among those for it", "table"),
    ("sitting_members", "n_true_fail = 9", "labelled votes against it are among those against it", "table"),
    (
        "lineage_edges",
        "edge_id = 'x' WHERE edge_type = 'renamed_from'",
        "expect_column_values_to_match_regex",
        "edge_id",
    ),
    ("lineage_edges", "edge_type = 'lent_from'", "expect_column_values_to_be_in_set", "edge_type"),
    ("lineage_edges", "weight = 1.5", "expect_column_values_to_be_between", "weight"),
    ("lineage_edges", "confidence = -1", "expect_column_values_to_be_between", "confidence"),
    ("lineage_edges", "evidence = '[]'", "evidence is an object", "table"),
    (
        "lineage_edges",
        "edge_type = 'modified_from'",
        "expect_compound_columns_to_be_unique",
        "child_id, parent_id, edge_type",
    ),
    (
        "lineage_edges",
        "parent_id = child_id",
        "a rename changes the name",
        "table",
    ),
    *lineage_rows.BAD,
]


@pytest.mark.parametrize(("table", "change", "expectation", "column"), BAD)
def test_a_bad_row_breaks_its_expectation(
    sound: Database, table: str, change: str | None, expectation: str, column: str
) -> None:
    """Constraints are off meanwhile: the contract must hold for whatever gets past them. `None` empties the table."""
    statement = f"DELETE FROM stemma.{table}" if change is None else f"UPDATE stemma.{table} SET {change}"
    statement = statement.format(SHA=SHA, OTHER=OTHER, ID=ID)
    try:
        with sound.transaction() as transaction:
            transaction.execute(f"CREATE TABLE stemma.kept AS SELECT * FROM stemma.{table}")
            transaction.execute("SET LOCAL session_replication_role = replica")  # foreign keys
            for name in transaction.read(
                "SELECT conname::text AS name FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'c'",
                [f"stemma.{table}"],
            )["name"]:
                transaction.execute(f'ALTER TABLE stemma.{table} DROP CONSTRAINT "{name}"')
            transaction.execute(statement)
        result = validate_contract(sound.url, table)
        breached = {_told(rule) for rule in CONTRACTS[table] if has_breach(sound, table, [rule], written="true")}
    finally:
        with sound.transaction() as transaction:
            transaction.execute("SET LOCAL session_replication_role = replica")
            transaction.execute(f"DELETE FROM stemma.{table}")
            transaction.execute(f"INSERT INTO stemma.{table} SELECT * FROM stemma.kept")
            transaction.execute("DROP TABLE stemma.kept")
    assert not result.success
    assert result.evaluated == len(CONTRACTS[table])
    broken = {(failure.expectation, failure.column): failure for failure in result.failures}
    assert (expectation, column) in broken, [str(failure) for failure in result.failures]
    assert (broken[expectation, column].unexpected_count or 0) >= 1
    assert breached == set(broken)


def _told(rule: Expectation) -> tuple[str, str]:
    """The expectation and the columns that a failure of the rule names."""
    arguments = rule.arguments
    names = arguments.get("column_list") or [arguments.get("column_A"), arguments.get("column_B")]
    column = arguments.get("column") or ", ".join(name for name in names if name) or "table"
    return arguments.get("description", rule.type), column


def test_a_person_may_accept_what_the_quorum_could_not_judge(sound: Database) -> None:
    accepted = """
        outcome = 'accept', decision = 'suggest', n_pass = 0, n_fail = 0, n_families = 0, probability = NULL,
        agreement = NULL, votes_digest = 'o=silent; review=pass/Ada/1f2e3d4c'
    """
    with sound.transaction() as transaction:
        transaction.execute("CREATE TABLE stemma.kept AS SELECT * FROM stemma.verdicts")
        transaction.execute(f"UPDATE stemma.verdicts SET {accepted}")
    try:
        assert validate_contract(sound.url, "verdicts").failures == ()
    finally:
        with sound.transaction() as transaction:
            transaction.execute("DELETE FROM stemma.verdicts")
            transaction.execute("INSERT INTO stemma.verdicts SELECT * FROM stemma.kept")
            transaction.execute("DROP TABLE stemma.kept")


def test_every_expectation_was_seen_to_fail() -> None:
    seen = {(table, expectation, column) for table, _, expectation, column in BAD}
    assert {(table, *_told(rule)) for table, rules in CONTRACTS.items() for rule in rules} == seen


def test_an_expectation_that_cannot_be_evaluated_was_not_met(database: Database) -> None:
    database.execute("ALTER TABLE stemma.verdicts DROP COLUMN agreement")
    result = validate_contract(database.url, "verdicts")
    assert not result.success
    assert any("agreement" in str(failure) for failure in result.failures)


def test_the_contracts_are_read_without_great_expectations() -> None:
    program = "import sys, assets.checks.contracts; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
