"""The marts of the planted world, worked out by hand; and the questions, asked of the file that analysts read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stemma.config import Settings
from stemma.store import marts
from tests.dbt.conftest import PROJECT

Row = dict[str, Any]


def ask(settings: Settings, sql: str) -> list[Row]:
    return marts.query(settings, sql).to_dicts()


def question(settings: Settings, number: int) -> list[Row]:
    (path,) = (PROJECT / "analyses").glob(f"question_{number}_*.sql")
    return ask(settings, Path(path).read_text())


def test_question_1_survival_of_agents_and_of_people(file_of: Settings) -> None:
    """Of two agent snippets one ended on day 32 (31.5 days begun): all live past 30, half past 90. Of the two of people
    one ended on day 10, and nobody saw the other for 90 days. Of four lines three ended on day 20."""
    rows = question(file_of, 1)
    everywhere = [row for row in rows if row["repository"] == "all"]
    assert [tuple(row.values()) for row in everywhere] == [
        ("line", "agent", "all", "all", 4, 0.25, 1, 0.25, 1),
        ("line", "agent", "m", "all", 4, 0.25, 1, 0.25, 1),
        ("snippet", "agent", "all", "all", 2, 1.0, 2, 0.5, 1),
        ("snippet", "agent", "m", "all", 2, 1.0, 2, 0.5, 1),
        ("snippet", "human", "all", "all", 2, 0.5, 1, None, 0),
    ]
    in_alpha = [row | {"repository": "all"} for row in rows if row["repository"] == "alpha"]
    assert in_alpha == everywhere


def test_question_2_new_clones_per_thousand_added_lines(file_of: Settings) -> None:
    """Three definitions of three lines came: load by a person, the copy of fetch by an agent, fetch itself by nobody
    known. Their later versions are no longer than they were."""
    assert [tuple(row.values()) for row in question(file_of, 2)] == [
        ("agent", 1, 3, 333.33),
        ("human", 0, 3, 0.0),
        ("unknown", 0, 3, 0.0),
    ]


def test_question_4_a_copy_that_missed_the_fix_of_its_source(file_of: Settings) -> None:
    """Fixed on the second of January at noon; the newest commit anywhere is of the third."""
    assert question(file_of, 4) == [
        {
            "days_behind": 1,
            "copy": "alpha/net.py:fetch",
            "source": "beta/lib.py:fetch",
            "fix": "b1",
            "subject": "Fix a crash in fetch",
            "status": "open",
            "direction": "dates",
        }
    ]


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
    assert names == {"parse", "save", "store", "run", "tiny", "fetch", "fetch fixed"}
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
        ("fetch", None, "not judged yet"),
        ("fetch fixed", None, "not judged yet"),
        ("store", None, "not judged yet"),
        ("tiny", None, "trivial: tiny"),
    ]


def test_a_repository_that_was_never_read_has_unknown_counts(file_of: Settings) -> None:
    sql = (
        "select repository, n_commits, n_definitions, n_families, unknown_reason from repositories order by repository"
    )
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [
        ("alpha", 3, 5, 3, None),
        ("beta", 2, 3, 2, None),
        ("delta", None, None, None, "not ingested yet: no such host"),
        ("gamma", 1, 2, 1, None),
    ]


def test_freshness_adds_up(file_of: Settings) -> None:
    """alpha: a.py, s.py, net.py and r1.py parsed, r2.py in part, large.py skipped, README.md in no known language."""
    sql = (
        "select n_files, n_parsed, n_partial, n_skipped, n_not_read, n_unknown_language, n_set_aside, share_parsed, "
        "hours_commit_to_ingest from freshness where repository = 'alpha'"
    )
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(7, 4, 1, 1, 0, 1, 0, 4 / 7, 24.0)]


def test_a_place_has_the_lines_of_the_head(file_of: Settings) -> None:
    sql = "select start_line, end_line, since_sha from family_places where path = 'a.py'"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(4, 6, "a2")]


def test_agreement_of_a_member_that_only_abstained_is_unknown(file_of: Settings) -> None:
    sql = "select member, n_votes, agreement, agreement_unknown_reason from quorum_members order by member"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [
        ("bandit", 1, None, "none of its votes met a verdict of accept or reject"),
        ("mypy", 2, 0.5, None),
        ("ruff", 3, 1.0, None),
    ]


def test_a_pattern_is_rejected_only_where_its_rejected_text_stands(file_of: Settings) -> None:
    """parse: x is accepted, y has no verdict, and w, rejected, is only history. run stands twice in alpha."""
    assert [
        tuple(row.values()) for row in ask(file_of, "select name, outcome, n_texts from verdicts order by name")
    ] == [
        ("parse", "accept", 1),
        ("run", "reject", 1),
        ("save", "needs_review", 1),
    ]
    sql = "select repository, name, n_places from rejected_patterns_in_repositories"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [("alpha", "run", 2)]


def test_the_reliability_of_verdicts_is_that_of_labelled_texts(file_of: Settings) -> None:
    sql = "select bin, n_texts, mean_probability, share_fit from quorum_reliability order by bin"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(0, 1, 0.0, 0.0), (9, 1, 1.0, 1.0)]


def test_members_are_held_against_labels_and_each_other(file_of: Settings) -> None:
    """Both voted on x and r: they agree on one; by chance 1/2 * 1 + 1/2 * 0 would agree too."""
    sql = "select n_texts, n_agreeing, kappa from quorum_pairs"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(2, 1, 0.0)]
    sql = "select member, accuracy, worth_unknown_reason from quorum_members where is_seated order by 1"
    few = "too few of the texts it voted on have a label"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [("mypy", 0.5, few), ("ruff", 1.0, few)]


def test_a_session_knows_what_it_does_not_know(file_of: Settings) -> None:
    sql = "select n_tool_events, n_succeeded, n_failed, n_outcome_unknown, seconds from sessions"
    assert [tuple(row.values()) for row in ask(file_of, sql)] == [(3, 1, 1, 1, 120.0)]
