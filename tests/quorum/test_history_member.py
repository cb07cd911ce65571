"""What the history of a text tells; dates are counted by hand, in days after the first commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.feedback.outcomes import update_outcomes
from stemma.quorum.members.history import History
from stemma.store.postgres import Database
from tests.feedback.conftest import bring_up, ingest
from tests.lineage.code import function
from tests.quorum.conftest import LIMITS
from tests.quorum.judged import Judged, batch_of
from tests.repositories import GitRepository

__all__ = ["bring_up", "ingest"]  # `ingest` is what `bring_up` needs, in place of the one of this folder

Step = Callable[[Path], str]
YOUNG = "not applicable: it stood {} days in repositories that went on, and 90 are asked"


def commit_on_day(repository: GitRepository, day: int, files: dict[str, str | None], message: str = "Work") -> None:
    date = repository.date(day).strftime("%Y-%m-%dT%H:%M:%S+0000")
    repository.commit(message, files, environment={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})


def work_until(repository: GitRepository, first: int, last: int) -> None:
    """Ten commits about something else, the last on the day `last`."""
    for n in range(10):
        commit_on_day(repository, first + (last - first) * (n + 1) // 10, {"notes.txt": f"{first} {n}"})


@pytest.fixture
def ask(database: Database, bring_up: Step, tmp_path: Path) -> Callable[..., Judged]:
    """Its vote on the function of a text, after these repositories were brought up to date."""

    def ask(code: str, *repositories: GitRepository) -> Judged:
        for repository in repositories:
            update_outcomes(database, bring_up(repository.path))
        batch = batch_of({"a.py": code})
        (row,) = History(database).judge(batch, tmp_path, LIMITS).iter_rows(named=True)
        return Judged(row["vote"], row["reason"], json.loads(row["findings"]))

    return ask


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "project")


def test_a_text_that_stood_while_others_worked_passes_at_ninety_days(
    repository: GitRepository, ask: Callable[..., Judged]
) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    work_until(repository, 0, 89)
    assert ask(code, repository) == Judged("abstain", YOUNG.format(89), [])
    commit_on_day(repository, 90, {"notes.txt": "90"})
    assert ask(code, repository) == Judged("pass", None, [])


def test_standing_where_nobody_works_is_no_test_of_time(repository: GitRepository, ask: Callable[..., Judged]) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    commit_on_day(repository, 400, {"notes.txt": "much later"})
    assert ask(code, repository) == Judged("abstain", YOUNG.format(0), [])


def test_moving_the_file_does_not_make_a_text_young(repository: GitRepository, ask: Callable[..., Judged]) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    commit_on_day(repository, 60, {"a.py": None, "b.py": code})
    work_until(repository, 60, 95)
    assert ask(code, repository).vote == "pass"


def test_coming_back_begins_anew(repository: GitRepository, ask: Callable[..., Judged]) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    commit_on_day(repository, 10, {"a.py": function("total", extra="x = 1")})
    commit_on_day(repository, 60, {"a.py": code})
    work_until(repository, 60, 100)
    assert ask(code, repository) == Judged("abstain", YOUNG.format(40), [])


def test_days_in_several_repositories_add_up_but_not_those_of_a_fork(
    repository: GitRepository, ask: Callable[..., Judged], tmp_path: Path
) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    work_until(repository, 0, 50)
    fork = GitRepository(tmp_path / "fork")
    fork.git("pull", "-q", str(repository.path), "main")
    assert ask(code, repository, fork) == Judged("abstain", YOUNG.format(50), [])
    other = GitRepository(tmp_path / "other")
    commit_on_day(other, 3, {"b.py": code})
    work_until(other, 3, 43)
    assert ask(code, other).vote == "pass"  # 50 and 40


def test_a_text_that_a_fix_ended_elsewhere_fails_however_old(
    repository: GitRepository, ask: Callable[..., Judged], tmp_path: Path
) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    work_until(repository, 0, 200)
    other = GitRepository(tmp_path / "other")
    commit_on_day(other, 5, {"b.py": code})
    commit_on_day(other, 50, {"b.py": function("total", extra="items = items or []")}, "Fix crash on an empty list")
    found = ask(code, repository, other)
    assert (found.vote, found.findings) == (
        "fail",
        [
            {
                "rule": "fixed-elsewhere",
                "severity": "medium",
                "line": 1,
                "message": "the same text was ended by a fix in 1 other places",
            }
        ],
    )


def test_a_fix_thought_better_of_in_the_same_repository_does_not_count(
    repository: GitRepository, ask: Callable[..., Judged]
) -> None:
    code = function("total")
    commit_on_day(repository, 0, {"a.py": code})
    commit_on_day(repository, 10, {"a.py": function("total", extra="x = 1")}, "Fix a bug")
    commit_on_day(repository, 20, {"a.py": code}, "Take it back")
    work_until(repository, 20, 120)
    assert ask(code, repository).vote == "pass"


def test_three_fixes_within_a_year_fail_and_as_many_long_ago_do_not(
    repository: GitRepository, ask: Callable[..., Judged]
) -> None:
    commit_on_day(repository, 0, {"a.py": function("total")})
    for n, day in enumerate((10, 20, 30)):
        commit_on_day(repository, day, {"a.py": function("total", extra=f"x = {n}")}, "Fix a bug")
    code = function("total", extra="x = 2")
    work_until(repository, 30, 130)
    found = ask(code, repository)
    assert (found.vote, found.rules) == ("fail", ["often-fixed"])
    assert found.findings[0]["message"] == "fixed 3 times in the 365 days before the head"
    commit_on_day(repository, 400, {"notes.txt": "a year later"})
    assert ask(code, repository).vote == "pass"


def test_a_text_without_history_or_database_abstains(database: Database, tmp_path: Path) -> None:
    batch = batch_of({"a.py": function("total")})
    for member in (History(database), History(None)):
        (row,) = member.judge(batch, tmp_path, LIMITS).iter_rows(named=True)
        assert (row["vote"], row["reason"]) == ("abstain", "not applicable: no repository's history has it")
