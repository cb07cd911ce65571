"""Which patterns are analysed, when again, and what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stemma import tables
from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.ids import content_id
from stemma.semantics.base import ANALYSIS
from stemma.semantics.keyness import current_statistics, is_due
from stemma.semantics.patterns import analyser_state, open_analyser, outside_url, update_semantics
from stemma.store.postgres import Database

Add = Callable[..., list[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def add(database: Database) -> Add:
    """Add live patterns by name, with sub-tokens; returns their ids."""

    def add(names: list[str], words: list[str], **others: Any) -> list[str]:
        rows = [
            {
                "pattern_id": content_id(name), "language": "python", "kind": "function", "name": name,
                "signature": name, "docstring": None, "code": name, "n_lines": 1, "n_tokens": 50, "shingles": [1],
                "sub_tokens": sorted(words), "is_trivial": False, "n_live": 1, "n_repositories": 1,
                "trivial_reason": None, "structure": "", "extractor_version": "1",
            } | others
            for name in names
        ]  # fmt: skip
        database.insert(tables.patterns, pl.DataFrame(rows, tables.polars_schema(tables.patterns)))
        return [content_id(name) for name in names]

    return add


def semantics(database: Database) -> dict[str, dict[str, Any]]:
    rows = database.read("SELECT *, xmin::text AS written FROM stemma.pattern_semantics").to_dicts()
    return {row["pattern_id"]: row for row in rows}


class Told:
    """An analyser that says what it was told of."""

    batch = 2

    def __init__(self, name: str = "told") -> None:
        self.name = name
        self.asked: list[dict[str, Any]] = []

    def analyse(self, patterns: pl.DataFrame) -> pl.DataFrame:
        self.asked += patterns.to_dicts()
        empty: list[list[str]] = [[]] * patterns.height
        columns = {"concepts": empty, "themes": empty, "domains": empty, "detail": ["{}"] * patterns.height}
        return pl.DataFrame({"pattern_id": patterns["pattern_id"], **columns}, schema=ANALYSIS)


def test_every_live_pattern_that_is_not_trivial_is_analysed_once(
    database: Database, settings: Settings, add: Add
) -> None:
    (id_,) = add(["parse_header"], ["header", "parse"])
    add(["dead"], [], n_live=0)
    add(["tiny"], [], is_trivial=True)
    assert update_semantics(database, settings) == {"n_analysed": 1, "n_forgotten": 0, "silent": 0}
    before = semantics(database)
    assert before.keys() == {id_}
    assert before[id_]["themes"] == ["parsing"]
    assert json.loads(before[id_]["detail"])["themes"][0]["evidence"] == ["name: parse"]
    assert update_semantics(database, settings) == {"n_analysed": 0, "n_forgotten": 0, "silent": 0}
    assert semantics(database) == before


def test_calls_and_imports_come_from_where_the_pattern_stands(database: Database, add: Add) -> None:
    (id_,) = add(["fetch"], [])
    snippet = {
        "blob_oid": "b1", "extractor_version": "1", "ordinal": 0, "kind": "function", "name": "fetch",
        "qualified_name": "fetch", "duplicate_index": 0, "start_line": 1, "end_line": 1, "start_byte": 0,
        "end_byte": 1, "signature": "", "is_deprecated": False, "is_test": False, "exact_hash": "h1",
        "pattern_id": id_, "n_lines": 1, "n_tokens": 1,
    }  # fmt: skip
    text = {
        "exact_hash": "h1", "token_hash": "t1", "language": "python", "extractor_version": "1", "parameters": [],
        "modifiers": [], "calls": ["requests.get"], "defines": [], "complexity": 1, "annotations": [], "raises": [],
    }  # fmt: skip
    blob = {
        "blob_oid": "b1", "extractor_version": "1", "language": "python", "n_bytes": 1, "n_lines": 1,
        "status": "parsed", "n_errors": 0, "n_snippets": 1, "parse_ms": 1, "imports": ["requests"],
    }  # fmt: skip
    for table, row in ((tables.snippets, snippet), (tables.snippet_texts, text), (tables.blobs, blob)):
        schema = {name: kind for name, kind in tables.polars_schema(table).items() if name in row}
        assert set(schema) == set(row)
        database.insert(table, pl.DataFrame([row], schema))
    told = Told()
    update_semantics(database, Settings(), told)
    assert (told.asked[0]["calls"], told.asked[0]["imports"]) == (["requests.get"], ["requests"])


def test_another_version_replaces_what_the_older_said(database: Database, settings: Settings, add: Add) -> None:
    ids = add([f"f{number}" for number in range(5)], [])
    assert update_semantics(database, settings, Told("one"))["n_analysed"] == 5
    second = Told("two")
    assert update_semantics(database, settings, second) == {"n_analysed": 5, "n_forgotten": 0, "silent": 5}
    found = semantics(database)
    assert found.keys() == set(ids)
    assert {row["analyser"] for row in found.values()} == {"two"}


def test_a_run_that_was_stopped_goes_on_where_it_was(database: Database, settings: Settings, add: Add) -> None:
    class Dying(Told):
        def analyse(self, patterns: pl.DataFrame) -> pl.DataFrame:
            if self.asked:
                raise KeyboardInterrupt
            return super().analyse(patterns)

    ids = add([f"f{number}" for number in range(5)], [])
    with pytest.raises(KeyboardInterrupt):
        update_semantics(database, settings, Dying())
    assert len(semantics(database)) == 2
    second = Told()
    update_semantics(database, settings, second)
    assert len(second.asked) == 3
    assert semantics(database).keys() == set(ids)


def test_a_pattern_that_dies_is_forgotten(database: Database, settings: Settings, add: Add) -> None:
    add(["parse_header"], [])
    update_semantics(database, settings)
    database.execute("UPDATE stemma.patterns SET n_live = 0")
    assert update_semantics(database, settings)["n_forgotten"] == 1
    assert semantics(database) == {}


def test_statistics_count_patterns_by_language_and_leave_single_words_out(database: Database, add: Add) -> None:
    add(["a", "b"], ["common", "rare"])
    add(["c"], ["common", "single"])
    add(["d"], ["common"], language="go")
    add(["e"], ["common"], n_live=0)
    rows = current_statistics(database).sort("token").rows()
    # Python: 3 patterns; common 3 + rare 2 + single 1 = 6 tokens.
    assert rows == [("python", "common", 3, 3, 6, 4), ("python", "rare", 2, 3, 6, 4)]


def test_statistics_stand_until_the_corpus_has_doubled(database: Database, settings: Settings, add: Add) -> None:
    add(["a", "b"], ["common"])
    name = open_analyser(database, settings).name
    assert name.endswith("against 2 patterns")
    update_semantics(database, settings)
    add(["c"], ["common"])
    assert open_analyser(database, settings).name == name
    assert update_semantics(database, settings)["n_analysed"] == 1
    add(["d"], ["common"])
    assert open_analyser(database, settings).name.endswith("against 4 patterns")
    assert update_semantics(database, settings)["n_analysed"] == 4


def test_a_corpus_that_halves_is_counted_again_and_one_that_wavers_is_not() -> None:
    assert [is_due(n, 100) for n in (50, 51, 199, 200)] == [True, False, False, True]
    assert is_due(1, 0)
    assert not is_due(0, 0)


@pytest.mark.parametrize("setting", ["http:http://h/x", "http://h/x"])
def test_an_outside_analyser_is_named_by_its_url(setting: str) -> None:
    assert outside_url(Settings(semantic_analyser=setting)) == "http://h/x"


def test_another_analyser_is_news_and_its_secrets_are_no_part_of_that() -> None:
    offline, one, other = (
        analyser_state(Settings(semantic_analyser=setting))
        for setting in ("offline", "http:http://ada:hunter2@h/x?key=hunter3", "http:http://h/y")
    )
    assert len({offline, one, other}) == 3
    assert one == "http http://h/x"


@pytest.mark.parametrize("setting", ["hunter2", "htp:hunter2", "online:hunter2"])
def test_an_analyser_that_is_none_is_refused_without_quoting_it(setting: str) -> None:
    with pytest.raises(ConfigError, match="semantic_analyser") as failure:
        outside_url(Settings(semantic_analyser=setting))
    assert "hunter" not in str(failure.value)
