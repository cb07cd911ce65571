"""Copies of given code are found among what is indexed, whether or not the code itself is."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.embed.patterns import embed_patterns
from stemma.embed.static import StaticEmbedder
from stemma.errors import ConfigError, NotFoundError, SourceError
from stemma.match import evidence, similar
from stemma.match.calibration import calibration
from stemma.match.evidence import NOTE_NO_VECTORS
from stemma.match.given import read_given
from stemma.match.index import Index, open_index
from stemma.match.publish import publish_index
from stemma.match.similar import TOLD, find_similar
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors
from tests.match.indexed import HEADER_JS, HEADER_TS, PARSE, ingest
from tests.repositories import GitRepository

RENAMED = PARSE.replace("parse_header", "read_field").replace("line", "row").replace("values", "items")
EDITED = PARSE.replace("    return", "    if len(values) > 100:\n        values = values[:100]\n    return")
COMMENTED = PARSE.replace("    if not", "    # it must be there\n    if  not")
OTHER = """
def moving_average(numbers, width):
    total = 0.0
    for position, number in enumerate(numbers):
        total += number
        if position >= width:
            total -= numbers[position - width]
        yield total / min(position + 1, width)
"""
TINY = "def name(self):\n    return self._name\n"
GO = """
package p

func Sum(numbers []int) int {
	total := 0
	for _, number := range numbers {
		if number > 0 && number < 1000 {
			total += number
		}
	}
	return total
}
"""

SUM = """
export function sumOfPositives(numbers, limit) {
  let total = 0;
  for (const number of numbers) {
    if (number > 0 && total < limit) total += number;
  }
  return total;
}
"""


@pytest.fixture
def repository(make_repository: Callable[[str], GitRepository]) -> GitRepository:
    repository = make_repository("project")
    repository.commit(
        files={
            "web/header.py": PARSE,
            "web/field.py": "import os\n" + RENAMED,
            "web/edited.py": EDITED,
            "maths.py": OTHER + "\n\nclass Named:\n    " + TINY.replace("\n    ", "\n        "),
            "sum.go": GO,
            "sum.js": SUM,
            "web/header.js": HEADER_JS,
        }
    )
    return repository


@pytest.fixture
def index(database: Database, settings: Settings, repository: GitRepository) -> Index:
    ingest(database, settings.model_copy(update={"workers": 1}), repository.path)
    embedder = StaticEmbedder()
    with open_vectors(settings, embedder) as vectors:
        embed_patterns(database, vectors, embedder)
        publish_index(database, vectors, settings)
    return open_index(settings)


@pytest.fixture
def ask(index: Index, settings: Settings, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    """Copies of a text that is written to a file outside every repository."""

    def ask(text: str, name: str = "given.py", chosen: str = "", **options: object) -> pl.DataFrame:
        (tmp_path / name).write_text(text)
        given = read_given(str(tmp_path / name) + chosen, settings)
        return find_similar(index, given, StaticEmbedder(), **options)  # type: ignore[arg-type]

    return ask


def found(rows: pl.DataFrame) -> list[tuple[str, str]]:
    """Type and first place of each row."""
    places = [place[0]["path"] for place in rows["places"].to_list()]
    return list(zip(rows["clone_type"], places, strict=True))


def copies(rows: pl.DataFrame) -> list[tuple[str, str]]:
    return found(rows.filter(pl.col("clone_type") != "semantic"))


def test_equal_renamed_and_edited_copies_are_told_apart_in_this_order(ask: Callable[..., pl.DataFrame]) -> None:
    rows = ask(COMMENTED)
    # The renamed one is the same pattern: it stands in the same row, behind the equal one.
    assert found(rows) == [("type-1", "web/header.py"), ("type-3", "web/edited.py")]
    assert [(place["path"], place["is_equal"]) for place in rows["places"][0]] == [
        ("web/header.py", True),
        ("web/field.py", False),
    ]
    assert rows["places"][0][1] == {
        "repository": "project", "path": "web/field.py", "start_line": 3, "end_line": 8, "name": "read_field",
        "is_equal": False,
    }  # fmt: skip
    assert rows["score"].is_sorted(descending=True)
    assert rows["probability"].is_between(0, 1).all()


def test_code_that_was_renamed_once_more_is_a_type_2_copy(ask: Callable[..., pl.DataFrame]) -> None:
    rows = ask(PARSE.replace("separator", "mark").replace("found", "hit"))
    assert found(rows)[0] == ("type-2", "web/field.py")
    assert "renamed" in rows["why"][0]


def test_code_that_is_nowhere_has_no_copy(ask: Callable[..., pl.DataFrame]) -> None:
    rows = ask("def f(a):\n    while True:\n        with open(a) as b, lock(b):\n            del b.x[0:1], a.y, a.z\n")
    assert rows.is_empty()


def test_what_is_too_small_to_mean_anything_is_found_only_where_it_is_equal(ask: Callable[..., pl.DataFrame]) -> None:
    assert found(ask(TINY)) == [("type-1", "maths.py")]


def test_copies_are_of_the_language_of_the_code(ask: Callable[..., pl.DataFrame]) -> None:
    assert copies(ask(GO, "given.go")) == [("type-1", "sum.go")]
    assert copies(ask(GO.replace("1000", "7"), "given.go")) == [("type-2", "sum.go")]
    assert copies(ask(SUM, "given.js")) == [("type-1", "sum.js")]
    assert found(ask(SUM, "given.ts"))[0] == ("semantic", "sum.js")  # the same text is no copy in another language


def test_what_does_the_same_in_another_language_comes_behind_the_copies(ask: Callable[..., pl.DataFrame]) -> None:
    rows = ask(HEADER_TS, "given.ts")
    assert found(rows) == [("semantic", "web/header.js")]
    row = rows.row(0, named=True)
    assert row["language"] == "javascript"
    assert row["probability"] >= TOLD
    assert row["why"].startswith("16 of 21 words in common; calls in both: indexOf(), Error(), split() and 3 more")
    behind = ask(SUM, "given.js")
    assert found(behind) == [("type-1", "sum.js"), ("semantic", "sum.go")]
    assert found(ask(SUM, "given.js", limit=1)) == found(behind)  # of either kind so many
    both = ask(SUM + HEADER_TS, "given.ts", limit=1)
    assert both["definition"].to_list() == ["sumOfPositives", "parseHeader"]


def test_of_other_languages_nothing_is_said_without_vectors_or_a_measured_rule(
    index: Index, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "given.ts").write_text(HEADER_TS)
    given = read_given(f"{tmp_path}/given.ts", settings)
    assert find_similar(index, given, StaticEmbedder()).height == 1
    assert find_similar(index, given, None).is_empty()
    weights = {"structural": 1.0}
    assert find_similar(index, given, StaticEmbedder(), min_score=0.1, weights=weights).is_empty()
    without = replace(calibration(), semantic=None)
    for module in (similar, evidence):
        monkeypatch.setattr(module, "calibration", lambda: without)
    assert find_similar(index, given, StaticEmbedder()).is_empty()


def test_a_definition_is_no_copy_of_itself(index: Index, settings: Settings, repository: GitRepository) -> None:
    given = read_given(f"{repository.path}/web/header.py:parse_header", settings)
    rows = find_similar(index, given, None)
    assert found(rows) == [("type-2", "web/field.py"), ("type-3", "web/edited.py")]


def test_without_vectors_copies_are_found_and_the_rows_say_so(index: Index, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(COMMENTED)
    rows = find_similar(index, read_given(f"{tmp_path}/given.py", settings), None)
    assert rows["semantic"].to_list() == [None, None]
    assert rows["note"].to_list() == [NOTE_NO_VECTORS] * 2


def test_a_name_a_line_and_a_whole_file_choose_definitions(ask: Callable[..., pl.DataFrame]) -> None:
    both = PARSE + OTHER
    assert ask(both, chosen=":moving_average")["definition"].unique().to_list() == ["moving_average"]
    assert ask(both, chosen=":4")["definition"].unique().to_list() == ["parse_header"]
    assert ask(both)["definition"].unique(maintain_order=True).to_list() == ["parse_header", "moving_average"]
    assert ask(both, limit=1)["definition"].to_list() == ["parse_header", "moving_average"]


def test_a_least_score_is_kept(ask: Callable[..., pl.DataFrame]) -> None:
    assert found(ask(COMMENTED, min_score=0.999)) == [("type-1", "web/header.py")]


def test_standard_input_is_read_in_the_language_it_is_written_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, language in ((PARSE, "python"), (GO, "go"), ("fn f(x: i32) -> i32 { x + 1 }", "rust")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert read_given("-", settings).language == language


def test_what_cannot_be_asked_is_said_with_the_next_step(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PARSE)
    (tmp_path / "b.py").write_bytes(b"\0" * 100)
    (tmp_path / "c.py").write_text("x = 1\n")
    (tmp_path / "notes.txt").write_text("hello")
    for target, kind, sentence in (
        (f"{tmp_path}/none.py:f", NotFoundError, "There is no file"),
        (f"{tmp_path}/a.py:nobody", NotFoundError, "no definition called 'nobody'"),
        (f"{tmp_path}/a.py:99", NotFoundError, "No definition stands at line 99"),
        (f"{tmp_path}/b.py", SourceError, "binary"),
        (f"{tmp_path}/c.py", NotFoundError, "no definition"),
        (f"{tmp_path}/notes.txt", ConfigError, "tells no language"),
        (str(tmp_path), SourceError, "cannot be read"),
    ):
        with pytest.raises(kind, match=sentence) as told:
            read_given(target, settings)
        assert told.value.hint


def test_a_file_whose_name_holds_a_colon_can_be_asked_for(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a:1.py").write_text(PARSE)
    assert read_given(f"{tmp_path}/a:1.py", settings).definitions["name"].to_list() == ["parse_header"]
