"""What became of the versions of small histories; dates are counted by hand, in days after the first commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from stemma.feedback import outcomes
from stemma.feedback.outcomes import OutcomeCounts, update_outcomes
from stemma.store.postgres import Database
from tests.lineage.code import everything, file, function
from tests.repositories import GitRepository

Step = Callable[[Path], str]


def commit_on_day(repository: GitRepository, day: int, files: dict[str, str | None], message: str = "Work") -> str:
    date = repository.date(day).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return repository.commit(message, files, environment={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})


def found(database: Database) -> list[tuple[object, ...]]:
    """Name and first commit of the version, outcome, age in days."""
    return database.read(
        "SELECT n.qualified_name, n.first_parent_index, o.outcome, o.age_days FROM stemma.outcomes o "
        "JOIN stemma.lineage_nodes n USING (node_id) ORDER BY 1, 2, 3"
    ).rows()


def test_each_version_survives_is_replaced_or_removed(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    stay = function("stay", "parse")
    first = commit_on_day(repository, 0, {"a.py": file(stay, function("one"), function("two", "retry"))})
    second = commit_on_day(
        repository, 40, {"a.py": file(stay, function("one", extra="x = 1"), function("two", "retry"))}
    )
    third = commit_on_day(repository, 95, {"a.py": file(stay, function("one", extra="x = 1"))})
    repo_id = bring_up(repository.path)
    assert update_outcomes(database, repo_id).n_written == 8
    assert found(database) == [
        ("one", 0, "replaced", 40.0),
        ("one", 0, "survived_30d", 30.0),
        ("one", 1, "survived_30d", 30.0),  # 55 days old at the head: 90 is not decided
        ("stay", 0, "survived_30d", 30.0),
        ("stay", 0, "survived_90d", 90.0),
        ("two", 0, "removed", 95.0),
        ("two", 0, "survived_30d", 30.0),
        ("two", 0, "survived_90d", 90.0),
    ]
    decided = database.read(
        "SELECT DISTINCT outcome, decided_at, sha FROM stemma.outcomes WHERE sha IS NOT NULL ORDER BY 1"
    )
    assert decided.rows() == [("removed", repository.date(95), third), ("replaced", repository.date(40), second)]
    assert first not in decided["sha"].to_list()


def test_a_version_that_was_only_moved_lives_on_in_its_successor(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    stay = function("stay", "parse")
    commit_on_day(repository, 0, {"a.py": file(stay, function("one")), "b.py": function("x", "retry")})
    commit_on_day(repository, 20, {"a.py": stay, "b.py": file(function("x", "retry"), function("one"))})
    commit_on_day(repository, 35, {"b.py": function("x", "retry")})
    update_outcomes(database, bring_up(repository.path))
    assert [row for row in found(database) if row[0] == "one"] == [
        ("one", 0, "removed", 35.0),
        ("one", 0, "survived_30d", 30.0),
    ]


FIXES = ["Fix a crash on empty input", "fix(parser): off by one", "Merge branch 'bugfix/12'", "Fixed #123"]
OTHERS = ["Fix typo in docstring", "Add prefix handling", "Debug output", "Fixture for tests"]


def test_a_subject_that_reads_as_a_fix_is_told_apart(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    commit_on_day(repository, 0, {"a.py": function("one")})
    for day, subject in enumerate([*FIXES, *OTHERS], start=1):
        commit_on_day(repository, day, {"a.py": function("one", extra=f"x = [{'1, ' * day}]")}, subject)
    update_outcomes(database, bring_up(repository.path))
    ended = database.read(
        "SELECT c.subject, o.outcome FROM stemma.outcomes o JOIN stemma.commits c USING (repo_id, sha)"
    ).rows()
    assert sorted(row for row in ended if row[1] == "replaced") == sorted((it, "replaced") for it in [*FIXES, *OTHERS])
    assert sorted(row for row in ended if row[1] == "fixed") == sorted((it, "fixed") for it in FIXES)


def test_a_version_of_unknown_birth_has_no_age(
    database: Database, repository: GitRepository, bring_up: Step, tmp_path: Path
) -> None:
    commit_on_day(repository, 0, {"a.py": file(function("one"), function("two", "parse"))})
    commit_on_day(repository, 50, {"a.py": file(function("one"), function("two", "parse")), "b.py": "x = 1\n"})
    commit_on_day(repository, 100, {"a.py": function("two", "parse")})
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth=2", f"file://{repository.path}", str(shallow))
    update_outcomes(database, bring_up(shallow))
    assert found(database) == [("one", 0, "removed", None)]


def test_a_second_run_writes_nothing_and_a_new_commit_only_what_it_decides(
    database: Database, repository: GitRepository, bring_up: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "ROWS_PER_BATCH", 1)
    commit_on_day(repository, 0, {"a.py": file(function("one"), function("two", "parse"))})
    commit_on_day(repository, 31, {"b.py": function("three", "retry")})
    repo_id = bring_up(repository.path)
    assert update_outcomes(database, repo_id) == OutcomeCounts(n_written=2)
    before = everything(database)
    assert update_outcomes(database, repo_id) == OutcomeCounts()
    assert everything(database) == before
    commit_on_day(repository, 32, {"b.py": function("three", "longest")})
    bring_up(repository.path)
    assert update_outcomes(database, repo_id) == OutcomeCounts(n_written=1)


def test_outcomes_of_a_rewritten_history_are_those_of_a_fresh_one(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    kept = commit_on_day(repository, 0, {"a.py": file(function("one"), function("two", "parse"))})
    commit_on_day(repository, 100, {"a.py": function("one")})
    update_outcomes(database, bring_up(repository.path))
    repository.git("reset", "-q", "--hard", kept)
    commit_on_day(repository, 40, {"b.py": function("three", "retry")})
    assert update_outcomes(database, bring_up(repository.path)) == OutcomeCounts(n_written=0, n_retired=3)
    assert found(database) == [("one", 0, "survived_30d", 30.0), ("two", 0, "survived_30d", 30.0)]


def test_a_date_beyond_the_end_of_the_head_decides_nothing(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    commit_on_day(repository, 24_000, {"a.py": function("one")})  # dated in 2089, before a commit of 2024
    commit_on_day(repository, 1, {"a.py": function("one", extra="x = 1")})
    update_outcomes(database, bring_up(repository.path))
    assert found(database) == [("one", 0, "replaced", 0.0)]


def test_the_ages_are_whole_days_after_the_birth(database: Database, repository: GitRepository, bring_up: Step) -> None:
    commit_on_day(repository, 0, {"a.py": function("one")})
    commit_on_day(repository, 30, {"b.py": function("two", "parse")})
    update_outcomes(database, bring_up(repository.path))
    decided = database.read("SELECT decided_at, sha FROM stemma.outcomes").row(0)
    assert decided == (repository.date(0) + timedelta(days=30), None)
