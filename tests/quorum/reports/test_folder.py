"""A report on files that were never registered, by real members: what it counts, and which commit it is about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stemma.config import Settings
from stemma.quorum.members.bandit import Bandit
from stemma.quorum.members.lizard import Lizard
from stemma.quorum.members.parse import Parse
from stemma.quorum.members.ruff import Ruff
from stemma.quorum.reports import forms
from stemma.quorum.reports.folder import report_on_folder
from stemma.quorum.reports.model import Report
from tests.repositories import GitRepository

UNSAFE = '''import subprocess


def run(command, shell_name):
    """Run a command in a shell of that name."""
    result = subprocess.run(command + " " + shell_name, shell=True, check=False)
    if result.returncode != 0:
        print("failed", result.returncode)
    return result
'''
PLAIN = '''

def mean_of_positives(values, default=0.0):
    """The mean of the values above zero."""
    total = 0.0
    count = 0
    for value in values:
        if value > 0:
            total += value
            count += 1
    if count == 0:
        return default
    return total / count


def name(self):
    return self._name
'''


@pytest.fixture
def checkout(make_repository: Callable[[str], GitRepository]) -> GitRepository:
    repository = make_repository("tool")
    repository.commit("one", {"a.py": UNSAFE + PLAIN, "b/copy.py": UNSAFE, "vendor/lent.py": UNSAFE, "notes.txt": "x"})
    return repository


@pytest.fixture
def judged(settings: Settings) -> Callable[[GitRepository], Report]:
    members = (Parse(), Ruff(), Bandit(), Lizard())
    return lambda checkout: report_on_folder(settings, checkout.path, members=members)


def test_source_texts_that_are_not_trivial_are_counted_once_wherever_they_stand(
    checkout: GitRepository, judged: Callable[[GitRepository], Report]
) -> None:
    report = judged(checkout)
    assert (report.counts.n_texts, report.counts.n_places, report.counts.n_judged) == (2, 3, 2)
    # A shell that gets a variable is Bandit's word alone here, and labels show that rule to err: it is no veto.
    assert report.counts.outcomes["needs_review"] == 2
    run = next(text for text in report.texts if text.qualified_name == "run")
    assert (run.outcome, run.n_places) == ("needs_review", 2)
    assert [(place.path, place.start_line) for place in run.places] == [("a.py", 4), ("b/copy.py", 4)]
    assert [(found.member, found.rule, found.severity, found.line) for found in run.findings[:1]] == [
        ("bandit", "B602", "high", 6)
    ]
    assert [member.member for member in report.quorum.members] == ["bandit", "lizard", "parse", "ruff"]
    assert all(member.n_pass + member.n_fail + member.n_abstain == 2 for member in report.quorum.members)
    assert report.quorum.members[0].confusion.unknown_reason == report.quorum.calibration_error.unknown_reason
    assert {form: bool(forms.write(report, form)) for form in forms.FORMS} == dict.fromkeys(forms.FORMS, True)


def test_it_is_about_a_commit_where_nothing_was_changed_since(
    checkout: GitRepository, judged: Callable[[GitRepository], Report]
) -> None:
    report = judged(checkout)
    assert report.subject.commit.value == checkout.git("rev-parse", "HEAD")
    assert report.subject.committed_at.value == checkout.date(0)
    assert (report.subject.branch.value, report.subject.kind, report.subject.name) == ("main", "folder", "tool")
    again = judged(checkout)
    assert again.created_at != report.created_at and again.report_id == report.report_id
    checkout.write({"new.py": PLAIN})
    changed = judged(checkout).subject
    assert changed.commit.unknown_reason == "files on disk differ from the last commit"
    assert changed.branch.value == "main"


def test_of_an_empty_folder_there_is_nothing_to_judge(
    make_repository: Callable[[str], GitRepository], judged: Callable[[GitRepository], Report]
) -> None:
    report = judged(make_repository("empty"))
    assert report.counts.n_texts == 0 and report.texts == ()
    assert report.subject.commit.unknown_reason == "nothing has been committed"
