"""Reports are kept once, found again by the first digits of their id, deleted, and followed over time."""

from __future__ import annotations

import datetime as dt

import pytest

from stemma.errors import ConfigError, NotFoundError
from stemma.git import registry
from stemma.quorum.reports import stored
from stemma.quorum.reports.build import build_report
from stemma.quorum.reports.model import Known, Point, Report, Trend
from stemma.quorum.reports.stored import About
from stemma.quorum.reports.trends import METRICS, metrics_of, trend_of
from stemma.store.postgres import Database
from tests.quorum.reports.planted import HEAD, SHOP, ident, plant


@pytest.fixture
def report(database: Database) -> Report:
    plant(database)
    return build_report(database, registry.find(database, "shop"))


def earlier(report: Report, days: int, *, n_reject: int, branch: str | None = None, sha: str | None = None) -> Report:
    """As if made of a commit some days before."""
    told = {"commit": Known(value=sha or f"{days:040d}"), "committed_at": Known(value=report.created_at)}
    if branch:
        told["branch"] = Known(value=branch)
    subject = report.subject.model_copy(update=told)
    counts = report.counts.model_copy(update={"outcomes": report.counts.outcomes | {"reject": n_reject}})
    when = report.created_at - dt.timedelta(days=days)
    return report.model_copy(update={"created_at": when, "subject": subject, "counts": counts})


def movement(found: tuple[Trend, ...] | list[Trend], metric: str) -> str:
    return next(trend.movement for trend in found if trend.metric == metric)


def test_the_same_report_is_kept_once(database: Database, report: Report) -> None:
    assert stored.save(database, report) is True
    assert stored.save(database, build_report(database, registry.find(database, "shop"))) is False
    rows = stored.list_reports(database)
    assert rows.height == 1
    (row,) = rows.to_dicts()
    assert (row["name"], row["sha"], row["branch"], row["n_texts"], row["n_rejected"]) == ("shop", HEAD, None, 7, 2)
    assert row["share_accepted"] == 0.5 and row["share_gates_passed"] is None


def test_a_kept_report_comes_back_as_it_was(database: Database, report: Report) -> None:
    stored.save(database, report)
    again = stored.load(database, report.report_id[:6].upper())
    assert again.model_copy(update={"trends": ()}) == report


def test_deleting_takes_one_report_and_nothing_else(database: Database, report: Report) -> None:
    stored.save(database, report)
    stored.save(database, earlier(report, 1, n_reject=2))
    assert stored.delete(database, report.report_id[:10]) == report.report_id
    assert stored.list_reports(database).height == 1
    with pytest.raises(NotFoundError):
        stored.load(database, report.report_id)


@pytest.mark.parametrize("wrong", ["", "abc", "zzzzzz", "%%%%%%", "______", "' OR 1=1 --"])
def test_what_is_no_id_finds_nothing(database: Database, report: Report, wrong: str) -> None:
    stored.save(database, report)
    with pytest.raises(ConfigError, match="no report's id"):
        stored.delete(database, wrong)


def test_digits_of_several_reports_choose_none(database: Database, report: Report) -> None:
    stored.save(database, report)
    database.execute(
        "INSERT INTO stemma.reports SELECT $1, created_at, kind, name, repo_id, sha, branch, metrics, content "
        "FROM stemma.reports",
        [report.report_id[:8] + "0" * 24],
    )
    with pytest.raises(ConfigError, match="Several"):
        stored.load(database, report.report_id[:8])


def test_a_report_of_a_later_format_is_not_misread(database: Database, report: Report) -> None:
    stored.save(database, report)
    database.execute("UPDATE stemma.reports SET content = jsonb_set(content, '{format}', '2')")
    with pytest.raises(ConfigError, match="format 2"):
        stored.load(database, report.report_id)


def test_reports_go_with_their_repository(database: Database, report: Report) -> None:
    stored.save(database, report)
    database.execute("DELETE FROM stemma.repositories WHERE repo_id = $1", [SHOP])
    assert stored.list_reports(database).is_empty()


def test_fewer_rejections_are_an_improvement_and_more_a_decline(database: Database, report: Report) -> None:
    about = About("repository", SHOP)
    for days, n_reject in ((30, 5), (20, 4), (10, 3)):
        stored.save(database, earlier(report, days, n_reject=n_reject))
    stored.save(database, report)
    assert movement(stored.trends(database, about), "n_rejected") == "improving"
    for days in (3, 2, 1):
        stored.save(database, earlier(report, -days, n_reject=9 * days, sha=f"{days:040x}"))
    assert movement(stored.trends(database, about), "n_rejected") == "declining"


def test_a_branch_is_followed_by_itself_and_a_commit_is_one_point(database: Database, report: Report) -> None:
    for days, n_reject, branch in ((9, 1, "main"), (8, 7, "next"), (7, 2, "main"), (6, 3, "main"), (5, 4, "main")):
        stored.save(database, earlier(report, days, n_reject=n_reject, branch=branch))
    stored.save(database, earlier(report, 4, n_reject=6, branch="main", sha=f"{5:040d}"))  # that commit, judged anew
    (found,) = stored.trends(database, About("repository", SHOP, branch="main"), ("n_rejected",))
    assert [point.value for point in found.points] == [1, 2, 3, 6]


def test_a_shown_report_is_followed_up_to_itself(database: Database, report: Report) -> None:
    past = [earlier(report, days, n_reject=days) for days in (4, 3, 2)]
    for one in (*past, report, earlier(report, -1, n_reject=0)):
        stored.save(database, one)
    (found,) = [trend for trend in stored.load(database, past[-1].report_id).trends if trend.metric == "n_rejected"]
    assert [point.value for point in found.points] == [4, 3, 2]


def test_a_figure_nobody_knows_has_no_trend(database: Database, report: Report) -> None:
    with pytest.raises(ConfigError, match="No figure is called 'beauty'"):
        stored.trends(database, About(), ("beauty",))


def points(*values: float | None) -> list[Point]:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return [
        Point(report_id=f"{i}", at=start + dt.timedelta(days=i), commit=None, branch=None, value=value)
        for i, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("share_accepted", (0.5, 0.6, 0.7), "improving"),
        ("share_accepted", (0.7, 0.6, 0.5), "declining"),
        ("share_rejected", (0.1, 0.2, 0.3), "declining"),
        ("share_rejected", (0.3, 0.2, 0.1), "improving"),
        ("share_rejected", (0.1, 0.104, 0.108), "stable"),  # 0.8 percentage points, with a margin of 1
        ("share_accepted", (0.5, 0.5, 0.5, 0.9, 0.5, 0.5), "stable"),  # one odd report is no trend
        ("n_texts", (100, 150, 200), "rising"),
        ("n_texts", (100, 102, 104), "stable"),  # 4 of about 102, with a margin of a twentieth
        ("n_texts", (200, 150, 100), "falling"),
        ("share_accepted", (0.5, 0.9), "unknown"),
        ("share_accepted", (0.5, None, 0.9), "unknown"),
        ("share_accepted", (), "unknown"),
    ],
)
def test_which_way_a_figure_goes(metric: str, values: tuple[float | None, ...], expected: str) -> None:
    found = trend_of(METRICS[metric], points(*values))
    assert found.movement == expected
    assert (found.change.value is None) == (expected == "unknown") and found.reason


def test_the_change_is_that_of_the_median_slope() -> None:
    # Slopes between all pairs of 0.1, 0.2, 0.6: 0.1, 0.4 and 0.25; their median over two steps is 0.5.
    assert trend_of(METRICS["share_accepted"], points(0.1, 0.2, 0.6)).change.value == pytest.approx(0.5)


def test_every_figure_that_is_followed_is_one_of_a_report(report: Report) -> None:
    assert metrics_of(report).keys() == METRICS.keys()


def test_votes_that_took_no_time_are_not_taken_for_quick_ones(database: Database, report: Report) -> None:
    assert metrics_of(report)["seconds"] == 3.5  # parse 6 * 0.25, ruff 4 * 0.5; pack was not measured
    database.execute("UPDATE stemma.votes SET seconds = NULL WHERE pattern_id <> $1", [ident("none")])
    assert metrics_of(build_report(database, registry.find(database, "shop")))["seconds"] is None
