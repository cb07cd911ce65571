"""The page of a report in a real browser: what a person sees, light and dark, wide and narrow; what it may not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from stemma.quorum.reports import diagrams
from stemma.quorum.reports.model import Bin, Report
from stemma.quorum.reports.page import MAX_TEXTS, to_page
from tests.browser import Opened, contrast, open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def file(full: Report, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(to_page(full), encoding="utf-8")
    return path


def test_a_page_needs_no_network_and_has_no_script(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    assert opened.asked == [file.as_uri()] and opened.said == []
    assert opened.tab.locator("script").count() == 0
    assert "src=" not in (text := re.sub("&lt;.*?&gt;", "", file.read_text())) and "href=" not in text


def test_a_person_reads_what_was_judged_and_what_came_of_it(browser: Browser, file: Path, full: Report) -> None:
    said = Opened(browser, file).tab.inner_text("main")
    for sentence in (
        "Is the code of shop fit to be reused?",
        "Of 6 judged pieces of code, 3 (50.0 %) are accepted",
        "unknown: the checkout has moved on from the commit that was judged",
        "1 without a verdict: no member has voted on it yet.",
        "3 accepted (42.9 %)",
        "Gates: failed",
        "Expected calibration error: 0.250.",
        "Agreement: 0.36 (members see different things).",
        "2 × it reads no go; 1 × no answer: it took too long",
        "70.0 %, ↗ improving (+20.0 percentage points over 3 reports; margin 1.0 percentage points)",
    ):
        assert sentence in " ".join(said.split()), sentence
    assert full.report_id in said


def test_findings_are_opened_with_a_click_and_told_with_their_line(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    summary = opened.tab.locator("summary").filter(has_text="wipe")
    summary.click()
    assert "Line 12: rm -rf /" in opened.tab.inner_text("details[open]")
    opened.tab.keyboard.press("Enter")  # the summary has the focus
    assert opened.tab.locator("details[open]").count() == 0


def test_the_reliability_diagram_has_a_point_and_a_count_for_each_bin(browser: Browser, file: Path) -> None:
    drawn = Opened(browser, file).tab.locator("svg.reliability")
    assert drawn.locator("circle.dot").count() == drawn.locator("path.interval").count() == 4
    assert drawn.locator("text.n").all_text_contents() == ["812", "12", "150", "12k"]
    told = drawn.locator("circle.dot").nth(1).evaluate("mark => mark.parentNode.querySelector('title').textContent")
    assert told == "stated 0.1 to 0.2, on average 0.15: 25% of 12 texts were fit (95 % interval 9% to 53%)"
    heights = [drawn.locator("circle.dot").nth(i).bounding_box()["y"] for i in range(4)]  # type: ignore[index]
    assert heights == sorted(heights, reverse=True)  # the share grows upwards


def test_a_trend_is_drawn_with_a_gap_where_the_figure_was_unknown(browser: Browser, file: Path) -> None:
    drawn = Opened(browser, file).tab.locator("svg.over-time")
    assert drawn.locator("circle.dot").count() == 3
    assert (drawn.locator("path.line").get_attribute("d") or "").count("M") == 2


def test_nothing_a_repository_says_is_taken_for_markup(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    assert opened.tab.locator("img").count() == 0 and opened.tab.locator("[onerror]").count() == 0
    assert "<img src=x onerror=alert(1)>\N{REPLACEMENT CHARACTER}=cmd()" in opened.tab.inner_text("main")


def test_even_markup_that_came_through_would_run_and_load_nothing(browser: Browser, file: Path) -> None:
    planted = "<main><script>document.title = 'run'</script><img src='http://127.0.0.1:9/x.png'>"
    planted += "<p id='styled' style='color: rgb(1, 2, 3)'>x</p><form action='http://127.0.0.1:9/'></form>"
    file.write_text(file.read_text().replace("<main>", planted))
    opened = Opened(browser, file)
    opened.tab.wait_for_timeout(200)
    assert opened.tab.title() == "Is the code of shop fit to be reused?"
    assert opened.tab.evaluate("getComputedStyle(document.querySelector('#styled')).color") != "rgb(1, 2, 3)"
    assert sum("Content Security Policy" in text for text in opened.said) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_tables_scroll_and_the_page_does_not(browser: Browser, file: Path, width: int, scheme: str) -> None:
    opened = Opened(browser, file, width=width, scheme=scheme)
    opened.tab.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= width
    paper = opened.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 26)")


def test_the_page_can_be_read_to_somebody(browser: Browser, file: Path) -> None:
    tab = Opened(browser, file).tab
    levels = tab.eval_on_selector_all("h1,h2,h3", "all => all.map(it => +it.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for query in ("table:not(:has(caption))", "th:not([scope])", "svg:not([role=img][aria-label])", "html:not([lang])"):
        assert tab.locator(query).count() == 0, query
    assert tab.locator("svg:not(:has(desc))").count() == 0


@pytest.mark.parametrize("place", [0, 1])
def test_text_and_marks_stand_out_from_what_is_behind_them(place: int) -> None:
    style = (files("stemma.quorum.reports") / "page.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[place]))
    for back in ("paper", "band", "card"):
        assert min(contrast(colours[front], colours[back]) for front in ("ink", "soft")) >= 4.5
        for front in ("accept", "reject", "review", "waiting", "mark"):
            assert contrast(colours[front], colours[back]) >= 3, (front, back)
    for cell, text in (("k1", "ink"), ("k2", "ink"), ("k3", "ink"), ("k4", "deep"), ("k5", "deep")):
        assert contrast(colours[text], colours[cell]) >= 4.5, cell


def test_of_very_many_texts_the_page_tells_some_and_counts_the_rest(full: Report) -> None:
    many = tuple(full.texts[0].model_copy(update={"exact_hash": f"{i:032x}"}) for i in range(1_000))
    page = to_page(full.model_copy(update={"texts": many, "n_left_out": {"reject": 99_000, "needs_review": 0}}))
    assert page.count("<details><summary><span") == MAX_TEXTS
    assert "700 more are in the JSON form of this report." in page
    assert "Not told one by one, but counted: 99,000 rejected." in page
    assert len(page) < 1_000_000


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe (1998), table I: 15 of 148 gives 0.0624 to 0.1605, 0 of 20 gives 0 to 0.1611.
    assert diagrams.wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert diagrams.wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


@pytest.mark.parametrize(
    ("values", "is_share", "expected"),
    [
        ([0.55, 0.57], True, [0.5, 0.55, 0.6, 0.65]),
        ([0.99, 1.0], True, [0.9, 0.95, 1.0]),
        ([0.0, 0.0], True, [0.0, 0.05]),
        ([7, 7], False, [5, 6, 7, 8, 9]),
        ([100_000], False, [95_000, 100_000, 105_000]),
        ([], False, [0.0, 1.0]),
    ],
)
def test_axes_have_round_ticks_around_what_they_measure(
    values: list[float], is_share: bool, expected: list[float]
) -> None:
    assert diagrams._scale(values, is_share=is_share) == pytest.approx(expected)


def test_a_bin_of_one_text_is_drawn() -> None:
    drawn = diagrams.reliability([Bin(low=0.0, high=0.1, n=1, mean_probability=0.0, share_fit=1.0)])
    assert "nan" not in drawn and "1 texts" not in drawn.split("<desc>")[0]
