"""What a report counts and tells, worked out by hand on a planted world; what it says where things are unknown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from stemma.config import Settings
from stemma.git import registry
from stemma.git.fetch import refresh
from stemma.git.ingest import ingest_history
from stemma.quorum.reports.build import build_report
from stemma.quorum.reports.model import Known, Report
from stemma.store.postgres import Database
from tests.quorum.reports.planted import HEAD, HOSTILE, NOW, SHOP, ident, plant
from tests.repositories import GitRepository


def report_on(database: Database, name: str = "shop", limit: int = 1_000) -> Report:
    return build_report(database, registry.find(database, name), limit=limit)


@pytest.fixture
def report(database: Database) -> Report:
    plant(database)
    return report_on(database)


def test_texts_in_scope_are_counted_once_by_outcome_decision_and_language(report: Report) -> None:
    counts = report.counts
    assert (counts.n_texts, counts.n_places, counts.n_judged) == (7, 7, 6)
    assert counts.outcomes == {"accept": 3, "reject": 2, "needs_review": 1}
    assert counts.decisions == {"auto_apply": 2, "suggest": 1, "review": 1, "refuse": 2}
    told = [(row.language, row.n_texts, row.n_accept, row.n_reject, row.n_needs_review) for row in counts.languages]
    assert told == [("python", 5, 2, 1, 1), ("go", 2, 1, 1, 0)]
    assert counts.mean_probability.value == 0.586  # (0.97 + 0.95 + 0.91 + 0.02 + 0.08) / 5
    assert [(row.name, row.n) for row in counts.unjudged] == [("no member has voted on it yet", 1)]


def test_a_text_that_stands_in_two_repositories_is_one_text_of_all(database: Database) -> None:
    plant(database)
    report = build_report(database)
    assert (report.counts.n_texts, report.counts.n_places) == (8, 9)
    wipe = report.texts[0]
    assert [(place.repository, place.path) for place in wipe.places] == [
        ("shop", "shop/wipe.py"),
        ("tools", "copy of wipe.py"),
    ]
    assert report.subject.kind == "all" and report.subject.commit.unknown_reason is not None


def test_it_says_what_was_judged_and_by_which_rule(report: Report) -> None:
    assert (report.subject.name, report.subject.repo_id, report.subject.commit.value) == ("shop", SHOP, HEAD)
    assert report.judged_from.value == report.judged_until.value == NOW  # the former verdict is not in force
    assert [(rule.name, rule.n) for rule in report.rules] == [("rule 1", 6)]


def test_rejected_texts_come_first_with_the_gravest_that_is_held_against_them(report: Report) -> None:
    assert [text.qualified_name for text in report.texts] == ["Shop.wipe", "Shop.hash", "Shop.guess"]
    wipe, _, guess = report.texts
    assert [(found.member, found.rule, found.line) for found in wipe.findings] == [
        ("pack", "wipes-a-disk", 12),  # the third line of a text that begins in line 10
        ("pack", "shell", 20),  # a member that counts beyond the text's end is not believed
        ("ruff", "S605", 11),
    ]
    assert guess.probability == Known(unknown_reason="no quorum was reached")
    assert guess.places[0].path == f"shop/{HOSTILE}.py" and guess.findings == ()
    assert [(row.member, row.rule, row.severity, row.n_texts) for row in report.found] == [
        ("pack", "md5", "medium", 1),
        ("pack", "shell", "medium", 1),
        ("pack", "wipes-a-disk", "high", 1),
        ("ruff", "S605", "low", 1),
    ]


def test_the_figures_of_the_quorum_are_those_worked_out_by_hand(report: Report) -> None:
    quorum = report.quorum
    # Votes (3, 0) three times and (1, 2) twice; 11 pass and 4 fail, 15 in all. One text has one vote, and says nothing.
    # Observed disagreement 2 a text with (1, 2), expected 15 * 15 - 11 * 11 - 4 * 4 = 88: 1 - 14 * 4 / 88.
    assert quorum.alpha.value == pytest.approx(0.363636, abs=1e-6)
    assert quorum.calibration_error.value == 0.25 and quorum.sat_at.value == NOW
    assert [(row.low, row.n, row.mean_probability, row.share_fit) for row in quorum.bins] == [
        (0.0, 2, 0.05, 0.5),
        (0.9, 3, 0.943333, 0.666667),
    ]
    assert quorum.n_labelled == 5


def test_members_are_told_with_their_abstentions_and_their_reasons(report: Report) -> None:
    pack, parse, ruff = report.quorum.members
    assert (ruff.version, ruff.n_pass, ruff.n_fail, ruff.n_abstain, ruff.n_not_asked) == ("1", 2, 1, 3, 0)
    assert [(row.name, row.n) for row in ruff.abstentions] == [
        ("it reads no go", 2),
        ("no answer: it took too long", 1),
    ]
    assert (ruff.seconds.value, pack.seconds.value) == (2.0, None)
    assert pack.n_not_asked == 1 and parse.family.value == "structure"
    assert ruff.confusion.value is not None and ruff.confusion.value.n_false_pass == 1
    assert ruff.calibration_error.value is None and ruff.calibration_error.unknown_reason


def test_of_many_texts_some_are_told_and_all_are_counted(database: Database) -> None:
    plant(database)
    report = report_on(database, limit=1)
    assert [text.qualified_name for text in report.texts] == ["Shop.wipe"]
    assert report.n_left_out == {"reject": 1, "needs_review": 1}
    assert report.counts.outcomes["reject"] == 2


def test_before_the_quorum_sat_what_only_a_sitting_knows_is_unknown(database: Database) -> None:
    plant(database, with_sitting=False)
    report = report_on(database)
    assert report.quorum.sat_at == Known(unknown_reason="the quorum has not sat yet")
    assert report.quorum.calibration_error.unknown_reason == "the quorum has not sat yet"
    assert report.quorum.n_labelled == 0 and report.quorum.bins == ()
    ruff = report.quorum.members[-1]
    assert (ruff.member, ruff.version, ruff.n_fail) == ("ruff", "1", 1)  # of two versions the one that voted last
    assert ruff.confusion.value is None and ruff.family.value is None


def test_of_nothing_a_report_can_be_made(database: Database) -> None:
    report = build_report(database)
    assert report.counts.n_texts == 0 and report.texts == () and report.judged_from.value is None
    assert report.quorum.alpha.value is None and report.counts.mean_probability.value is None


def test_the_same_state_is_the_same_report_whenever_it_is_made(database: Database) -> None:
    plant(database)
    first, second = report_on(database), report_on(database)
    assert first.created_at != second.created_at and first.report_id == second.report_id
    database.execute("UPDATE stemma.verdicts SET outcome = 'reject' WHERE pattern_id = $1", [ident("mul")])
    assert report_on(database).report_id != first.report_id


def test_a_report_survives_being_written_and_read(report: Report) -> None:
    again = Report.model_validate_json(report.content())
    assert again == report and again.report_id == report.report_id


def test_a_value_is_known_or_has_a_reason_why_not() -> None:
    with pytest.raises(ValidationError):
        Known[float]()
    with pytest.raises(ValidationError):
        Known[float](value=1.0, unknown_reason="and yet")
    with pytest.raises(ValidationError):
        Known[float](value=float("nan"))


def test_the_branch_is_the_one_checked_out_where_the_judged_commit_is_its_tip(
    database: Database, make_repository: Callable[[str], GitRepository]
) -> None:
    checkout = make_repository("shop")
    head = checkout.commit("one", {"a.py": "a = 1\n"})
    checkout.git("checkout", "-q", "-b", "release/2")
    plant(database, location=str(checkout.path), head=head)
    assert report_on(database).subject.branch.value == "release/2"
    checkout.git("checkout", "-q", "--detach")
    assert report_on(database).subject.branch.unknown_reason == "no branch is checked out"
    checkout.commit("two", {"a.py": "a = 2\n"})
    assert "moved on" in (report_on(database).subject.branch.unknown_reason or "")
    told = build_report(database, registry.find(database, "shop"), branch="main")
    assert told.subject.branch.value == "main"


def test_the_branch_of_a_url_is_the_one_its_head_names(
    database: Database, settings: Settings, make_repository: Callable[[str], GitRepository]
) -> None:
    origin = make_repository("shop")
    origin.commit("one", {"a.py": "a = 1\n"})
    origin.git("branch", "-m", "stable/1")
    repo = registry.find(database, registry.register(database, settings, origin.path.as_uri()), settings)
    refresh(database, settings, repo)
    ingest_history(database, settings, repo)
    assert branch_at_head(database, settings) == ("stable/1", None)
    origin.git("checkout", "-q", "--detach")
    refresh(database, settings, repo)
    assert branch_at_head(database, settings) == (None, "the HEAD of its URL names no branch")


def branch_at_head(database: Database, settings: Settings) -> tuple[str | None, str | None]:
    told = build_report(database, registry.find(database, "shop", settings)).subject.branch
    return told.value, told.unknown_reason


def test_a_member_that_stored_no_line_or_severity_is_told_all_the_same(database: Database) -> None:
    plant(database)
    odd = '[{"rule": "odd", "severity": "catastrophic", "message": null}, {"rule": null}]'
    database.execute(
        "UPDATE stemma.votes SET findings = $1::jsonb WHERE member = 'pack' AND pattern_id = $2", [odd, ident("wipe")]
    )
    (found,) = [found for found in report_on(database).texts[0].findings if found.member == "pack"]
    assert (found.rule, found.severity, found.line, found.message) == ("odd", "low", 10, "")
