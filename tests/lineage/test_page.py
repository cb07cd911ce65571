"""The page of a lineage answer in a real browser: what is drawn, what clicks and keys do, what it may not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from stemma.lineage.answers import Answer, Kind, View, from_database
from stemma.lineage.drawing import lay_out, nearest
from stemma.lineage.graph import EDGES, EVENTS, NODES, Graph
from stemma.lineage.page import MAX_DRAWN, to_page
from stemma.store.postgres import Database
from tests import browser as browser_page
from tests.browser import contrast, open_browser
from tests.lineage.planted import HOSTILE, PATH_A, PATH_B, node_id, plant

SHOWN = HOSTILE.replace("\u202e", "\N{REPLACEMENT CHARACTER}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


class Opened(browser_page.Opened):
    """The page of a lineage."""

    def mark(self, name: str) -> str:
        return f'.version[data-node="{node_id(name)}"]'

    def marked(self, what: str) -> set[str]:
        return set(self.tab.eval_on_selector_all(f".version{what}", "marks => marks.map(it => it.dataset.node)"))


def answer(database: Database, reference: str, kind: Kind = "family") -> Answer:
    return from_database(database, reference, None, View(kind))


@pytest.fixture
def file(database: Database, tmp_path: Path) -> Path:
    plant(database)
    path = tmp_path / "lineage.html"
    path.write_text(to_page(answer(database, node_id("uno2"))), encoding="utf-8")
    return path


def test_a_page_draws_every_version_and_asks_nothing_of_the_network(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    known = ("one0", "one1", "uno2", "uno3", "uno4", "uno5", "helper", "copy")
    assert opened.marked("") == {node_id(name) for name in known}
    assert opened.tab.locator(".edge:not(.end)").count() == 8 and opened.tab.locator("path.removed").count() == 2
    assert opened.tab.locator(".lane").count() == 5
    assert opened.tab.locator("tbody tr").count() == 9
    assert opened.asked == [file.as_uri()] and opened.said == []
    assert "src=" not in (text := file.read_text()) and "href=" not in text and "@example.org" not in text


def test_nothing_a_repository_says_is_taken_for_markup(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    assert opened.tab.locator("script").count() == 2 and opened.tab.locator("[onload]").count() == 0
    assert opened.tab.locator("tbody tr").first.locator("td.subject").inner_text() == f"c0 {SHOWN}"
    opened.tab.click(opened.mark("uno3"))
    assert f"c3 {SHOWN}" in opened.tab.inner_text("#details")
    assert opened.said == []


def test_even_markup_that_came_through_would_run_nothing(browser: Browser, file: Path) -> None:
    planted = "<main><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    file.write_text(file.read_text().replace("<main>", planted))
    opened = Opened(browser, file)
    opened.tab.wait_for_timeout(200)
    assert opened.tab.title() == "Lineage of uno"
    assert any("Content Security Policy" in text for text in opened.said)


def test_a_click_traces_the_line_of_a_version_and_tells_of_it(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    opened.tab.click(opened.mark("uno3"))
    line = ("one0", "one1", "uno2", "uno3", "uno5", "helper", "copy")
    assert opened.marked(".related") == {node_id(name) for name in line}
    assert opened.marked(".selected") == {node_id("uno3")}
    told = opened.tab.inner_text("#details")
    for fact in ("uno 2024-03-11", "moved", f"app {PATH_B}", "Ada", "agent claude-code session 1", "moved from: uno"):
        assert fact in told, fact
    opened.tab.click("#details button:has-text('copied from')")
    assert opened.marked(".selected") == {node_id("copy")}
    opened.tab.click("tbody tr >> nth=0")
    assert opened.marked(".selected") == {node_id("one0")}


def test_the_graph_can_be_walked_with_the_keys_alone(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)
    opened.tab.focus(opened.mark("uno2"))
    for key, name in (("Enter", "uno2"), ("ArrowLeft", "one1"), ("ArrowLeft", "one0"), ("ArrowRight", "one1")):
        opened.tab.keyboard.press(key)
        assert opened.marked(".selected") == {node_id(name)}, key
        assert opened.tab.evaluate("document.activeElement.dataset.node") == node_id(name)
    opened.tab.keyboard.press("Escape")
    assert opened.marked(".selected") == set()
    named = opened.tab.get_by_role("button", name="uno, 2024-03-11: moved")
    assert named.count() == 1


def test_time_goes_to_the_right_and_a_derived_version_stands_after_its_origin(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)

    def x(name: str) -> float:
        box = opened.tab.locator(opened.mark(name)).bounding_box()
        assert box is not None
        return box["x"]

    assert x("one0") < x("one1") < x("uno2") < x("uno3") < x("copy") < x("uno5") < x("helper")


def test_who_wrote_it_can_be_the_colour(browser: Browser, file: Path) -> None:
    opened = Opened(browser, file)

    def fill(name: str) -> object:
        return opened.tab.evaluate(f"getComputedStyle(document.querySelector('{opened.mark(name)} .mark')).fill")

    assert fill("uno3") == "rgb(138, 63, 252)"  # moved
    opened.tab.check("input[value=origin]")
    assert fill("uno3") == "rgb(176, 0, 106)"  # an agent's
    assert fill("uno5") == fill("one0") == "rgb(107, 118, 130)"  # where nobody has looked, and where nothing was found
    choices = " ".join(opened.tab.locator("fieldset").inner_text().split())
    assert choices == "Colour by what happened who wrote it agent unknown"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_scrolls_the_drawing_and_not_the_page(browser: Browser, file: Path, scheme: str) -> None:
    opened = Opened(browser, file, width=360, scheme=scheme)
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= 360
    assert opened.tab.evaluate("(it => it.scrollWidth > it.clientWidth)(document.querySelector('.scroll'))")
    paper = opened.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 26)")


@pytest.mark.parametrize("place", [0, 1])
def test_text_and_marks_stand_out_from_what_is_behind_them(place: int) -> None:
    style = (files("stemma.lineage") / "page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[place]))

    for back in ("paper", "band", "card"):
        assert min(contrast(colours[front], colours[back]) for front in ("ink", "soft")) >= 4.5
        for front in ("born", "changed", "moved", "joined", "quiet", "marked", "removed", "agent", "human", "mixed"):
            assert contrast(colours[front], colours[back]) >= 3, (front, back)


def chain(length: int) -> Graph:
    """Versions n0, n1, ... of one element, each from the one before."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [
        {"node_id": f"n{i}", "repo_id": "r", "repository": "r", "path": "a.py", "kind": "function", "sha": f"{i:040x}",
         "qualified_name": "f", "duplicate_index": 0, "position": i, "occurred_at": start + timedelta(days=i)}
        for i in range(length)
    ]  # fmt: skip
    nodes = pl.DataFrame(rows, schema_overrides=dict(NODES)).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in NODES.items() if name not in rows[0]
    )
    edges = pl.DataFrame(
        [(f"n{i + 1}", f"n{i}", "modified_from", 1.0, 1.0, False) for i in range(length - 1)],
        schema=EDGES,
        orient="row",
    )
    return Graph(nodes.select(NODES.names()), edges, pl.DataFrame(schema=EVENTS), ("n600",))


def test_of_a_big_graph_the_nearest_are_drawn_and_the_rest_is_counted() -> None:
    graph = chain(1_000)
    drawn = nearest(graph, MAX_DRAWN)
    assert drawn.nodes.height == MAX_DRAWN == 400
    assert {"n600", "n500", "n700"} <= set(drawn.nodes["node_id"]) and "n0" not in set(drawn.nodes["node_id"])
    element = {"repository": "r", "path": "a.py", "qualified_name": "f", "kind": "function", "is_live": True}
    page = to_page(Answer("f", View("family"), "database", None, [element], graph, graph.nodes["node_id"]))
    assert "Drawn are the 400 versions nearest to the one asked for; 600 more are known." in page
    assert page.count('<g class="version') == 400


def test_a_clock_that_was_wrong_does_not_put_a_version_before_its_origin() -> None:
    graph = chain(4)
    wrong = pl.when(pl.col("node_id") == "n1").then(pl.datetime(2090, 1, 1, time_zone="UTC")).otherwise("occurred_at")
    spots = lay_out(Graph(graph.nodes.with_columns(occurred_at=wrong), graph.edges, graph.events, ())).spots
    assert [spots[f"n{i}"].x for i in range(4)] == sorted(spots[f"n{i}"].x for i in range(4))


def test_a_page_of_ancestors_says_so(database: Database, tmp_path: Path) -> None:
    plant(database)
    page = to_page(answer(database, f"{PATH_A}:uno", "ancestors"))
    assert "What it came from · 3 versions in 1 file of 1 repository · 2024-03-01 to 2024-03-03" in page
