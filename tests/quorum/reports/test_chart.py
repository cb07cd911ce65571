"""The chart of the quorum, from marts with the columns that dbt gives them: what is drawn, and how."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from playwright.sync_api import Browser

from stemma.config import Settings
from stemma.errors import NotFoundError
from stemma.quorum.reports.chart import FILE, FOLDER, MAX_MEMBERS, to_chart, write_chart
from stemma.store.marts import build_marts
from stemma.store.postgres import Database
from tests.browser import Opened, open_browser
from tests.quorum.reports.planted import HOSTILE, NOW

MARTS = Path(__file__).parents[3] / "dbt_project" / "models" / "marts"
BINS = [{"bin": 0, "n_texts": 3, "mean_probability": 0.05, "share_fit": 0.0}]
BINS += [{"bin": 9, "n_texts": 40, "mean_probability": 0.97, "share_fit": 1.0}]


def pair(a: str, b: str, kappa: float | None, **values: Any) -> dict[str, Any]:
    row = {"member_a": a, "member_b": b, "is_one_family": False, "n_texts": 1_000, "n_agreeing": 900, "kappa": kappa}
    return row | {"kappa_unknown_reason": None if kappa is not None else "both voted the same on every text"} | values


PAIRS = [pair("bandit", "pack", 0.85, is_one_family=True), pair("bandit", "ruff", None), pair("pack", "ruff", -0.001)]


def sitting(day: int, **values: Any) -> dict[str, Any]:
    row = {"sat_at": NOW + dt.timedelta(days=day), "n_texts": 50, "share_accepted": 0.5 + day / 100}
    return row | {"share_rejected": 0.1, "share_needs_review": 0.4, "alpha": 0.25, "calibration_error": None} | values


SITTINGS = [sitting(0), sitting(1), sitting(2, calibration_error=0.0625)]


def chart(bins: list[Any] = BINS, pairs: list[Any] = PAIRS, sittings: list[Any] = SITTINGS) -> str:
    return to_chart(
        *(
            pl.DataFrame(rows or [{**like, "n_texts": 0}], infer_schema_length=None).head(len(rows))
            for rows, like in ((bins, BINS[0]), (pairs, PAIRS[0]), (sittings, SITTINGS[0]))
        )
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


def opened(browser: Browser, folder: Path, page: str, **options: Any) -> Opened:
    file = folder / "chart.html"
    file.write_text(page, encoding="utf-8")
    return Opened(browser, file, **options)


def test_the_chart_shows_reliability_agreement_and_the_sittings(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, chart())
    assert page.said == [] and len(page.asked) == 1
    assert page.tab.locator("svg.reliability text.n").all_text_contents() == ["3", "40"]
    assert page.tab.locator("svg.agreement text.kappa-n").all_text_contents() == [".85", "–", ".85", ".00", "–", ".00"]
    assert page.tab.locator("svg.agreement text.name").all_text_contents() == ["bandit 1", "pack 2", "ruff 3"]
    assert page.tab.locator("svg.over-time").count() == 5
    assert "1 of 3 sittings know it." in page.tab.inner_text("main")
    page.tab.click("summary")
    said = page.tab.inner_text("details")
    assert "bandit and pack (one family): kappa 0.85; the same vote on 900 of 1,000 texts" in said
    assert "bandit and ruff: kappa unknown: both voted the same on every text" in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_narrow_screen_the_page_does_not_scroll_sideways(browser: Browser, tmp_path: Path, scheme: str) -> None:
    page = opened(browser, tmp_path, chart(), width=320, scheme=scheme)
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_name_is_never_markup(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, chart(pairs=[pair(HOSTILE, "ruff", 0.5)]))
    assert page.tab.locator("img").count() == 0 and page.said == []


def test_what_nobody_knows_is_said() -> None:
    empty = chart([], [], [])
    assert "No text with a verdict has a label yet, so nobody knows." in empty
    assert "No two members have voted on one text yet." in empty
    assert "<svg" not in empty


def test_of_very_many_members_some_are_drawn_and_the_others_counted() -> None:
    names = [f"m{i:02}" for i in range(30)]
    page = chart(pairs=[pair(a, b, 0.5) for a in names for b in names if a < b])
    assert page.count('<text class="name"') == MAX_MEMBERS
    assert "10 more members are in the mart quorum_pairs." in page


def _build(database: Database, settings: Settings, bins: list[dict[str, Any]]) -> None:
    """Marts of the columns and types that dbt's own YAML says they have."""
    database.execute("DROP SCHEMA IF EXISTS stemma_marts CASCADE")
    database.execute("CREATE SCHEMA stemma_marts")
    for name, rows in {"quorum_reliability": bins, "quorum_pairs": PAIRS, "quorum_sittings": SITTINGS}.items():
        (model,) = yaml.safe_load((MARTS / f"{name}.yml").read_text())["models"]
        columns = ", ".join(f"{column['name']} {column['data_type']}" for column in model["columns"])
        database.execute(f"CREATE TABLE stemma_marts.{name} ({columns})")
        with database.transaction() as transaction, transaction.staged("rows", pl.DataFrame(rows)) as staged:
            named = ", ".join(rows[0])
            transaction.execute(f"INSERT INTO stemma_marts.{name} ({named}) SELECT {named} FROM {staged}")
    build_marts(database, settings)


def test_it_is_drawn_from_the_marts_and_takes_the_place_of_the_old_one(database: Database, settings: Settings) -> None:
    with pytest.raises(NotFoundError):
        write_chart(settings)
    _build(database, settings, BINS)
    file, counts = write_chart(settings)
    assert file == settings.data_dir / FOLDER / FILE
    assert counts == {"n_labelled": 43, "n_pairs": 3, "n_sittings": 3}
    first = file.read_text()
    assert first == chart()
    _build(database, settings, BINS[:1])
    write_chart(settings)
    assert file.read_text() != first and [each.name for each in file.parent.iterdir()] == [FILE]
