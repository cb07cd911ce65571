"""The marts of the planted world, worked out by hand; and the questions, asked of the file that analysts read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stemma.config import Settings
from stemma.store import marts
from tests.dbt.conftest import PROJECT, Built

Row = dict[str, Any]


@pytest.fixture(scope="session")
def file_of(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(data_dir=tmp_path_factory.mktemp("marts"))
    marts.build_marts(built.database, settings)
    return settings


def ask(settings: Settings, sql: str) -> list[Row]:
    return marts.query(settings, sql).to_dicts()


def question(settings: Settings, number: int) -> list[Row]:
    (path,) = (PROJECT / "analyses").glob(f"question_{number}_*.sql")
    return ask(settings, Path(path).read_text())


def test_question_3_families_across_three_repositories(file_of: Settings) -> None:
    assert question(file_of, 3) == [
        {
            "family": "parse",
            "language": "python",
            "clone_type": "type-2",
            "n_repositories": 3,
            "n_places": 3,
            "repositories": "alpha, beta, gamma",
        }
    ]


def test_question_5_where_a_snippet_came_from_and_who_derives_from_it(file_of: Settings) -> None:
    rows = question(file_of, 5)
    assert [(row["steps"], row["qualified_name"], row["how"], row["is_live"]) for row in rows] == [
        (-1, "load", "introduced", False),
        (0, "load", "modified_from", False),
        (1, "parse", "modified_from, renamed_from", True),
    ]


def test_question_6_repositories_that_carry_a_rejected_pattern(file_of: Settings) -> None:
    (row,) = question(file_of, 6)
    assert (row["repository"], row["name"], row["n_places"], row["first_place"]) == ("alpha", "run", 2, "r1.py:run")
    assert row["reason"] == "2 against"


def test_every_question_is_one_statement_over_marts_alone(file_of: Settings) -> None:
    for path in (PROJECT / "analyses").glob("*.sql"):
        assert re.match(r"-- .+\?\n", path.read_text()), "it begins with the question it answers"
        assert marts.query(file_of, path.read_text()).height > 0


def test_families_stand_where_they_live(file_of: Settings) -> None:
    rows = ask(
        file_of,
        "select family, clone_type, n_places, n_patterns, n_texts, repositories, lowest_score, n_rejected_patterns, "
        "n_unjudged_patterns from families order by family",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("parse", "type-2", 3, 1, 2, ["alpha", "beta", "gamma"], None, 0, 0),
        ("run", "type-1", 2, 1, 1, ["alpha"], None, 1, 0),
        ("save", "type-3", 2, 2, 2, ["alpha", "beta"], 0.75, 0, 1),
    ]


def test_history_and_vendored_code_do_not_count(file_of: Settings) -> None:
    names = {row["name"] for row in ask(file_of, "select name from patterns")}
    assert names == {"parse", "save", "store", "run", "tiny"}
    assert {row["name"] for row in ask(file_of, "select name from verdicts")} == {"parse", "save", "run"}
    assert {row["name"] for row in ask(file_of, "select name from verdict_history")} == {
        "parse",
        "save",
        "run",
        "gone",
        "lent",
    }


def test_a_pattern_without_a_verdict_says_why(file_of: Settings) -> None:
    sql = "select name, verdict, verdict_unknown_reason from patterns where verdict is null order by name"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [
        ("store", None, "not judged yet"),
        ("tiny", None, "trivial: tiny"),
    ]


def test_a_repository_that_was_never_read_has_unknown_counts(file_of: Settings) -> None:
    sql = (
        "select repository, n_commits, n_definitions, n_families, unknown_reason from repositories order by repository"
    )
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [
        ("alpha", 3, 4, 3, None),
        ("beta", 2, 2, 2, None),
        ("delta", None, None, None, "not ingested yet: no such host"),
        ("gamma", 1, 2, 1, None),
    ]


def test_freshness_adds_up(file_of: Settings) -> None:
    """alpha: a.py, s.py and r1.py parsed, r2.py in part, large.py skipped, README.md in no known language."""
    sql = (
        "select n_files, n_parsed, n_partial, n_skipped, n_not_read, n_unknown_language, n_set_aside, share_parsed, "
        "hours_commit_to_ingest from freshness where repository = 'alpha'"
    )
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(6, 3, 1, 1, 0, 1, 0, 0.5, 24.0)]


def test_a_place_has_the_lines_of_the_head(file_of: Settings) -> None:
    sql = "select start_line, end_line, since_sha from family_places where path = 'a.py'"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(4, 6, "a2")]


def test_agreement_of_a_member_that_only_abstained_is_unknown(file_of: Settings) -> None:
    sql = "select member, n_votes, agreement, agreement_unknown_reason from quorum_members order by member"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [
        ("bandit", 1, None, "none of its votes met a verdict of accept or reject"),
        ("ruff", 2, 1.0, None),
    ]


def test_a_session_knows_what_it_does_not_know(file_of: Settings) -> None:
    sql = "select n_tool_events, n_succeeded, n_failed, n_outcome_unknown, seconds from sessions"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(3, 1, 1, 1, 120.0)]
