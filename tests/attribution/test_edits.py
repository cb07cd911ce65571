"""Claims about edits of agents as rows: what is cut out of a call, read once, placed, and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemma.attribution import edits
from stemma.attribution.diff import carried
from stemma.attribution.edits import EditCounts, update_agent_edits
from stemma.attribution.tokens import mask_of, read, runs_of
from stemma.attribution.tool_calls import Change
from stemma.attribution.written import rows_of
from stemma.config import Settings
from stemma.extract.extractor import Limits
from stemma.store.postgres import Database
from stemma.track import spool
from tests.attribution.agent import Agent
from tests.lineage.code import file, function
from tests.repositories import GitRepository

LIMITS = Limits(1_000_000, 10)


def test_layout_quotes_and_brackets_are_no_tokens_and_comments_are() -> None:
    one = read("call(a,\n     'x')  # why\n")
    assert one.hashes.tolist() == read('call(\n    a,\n    "x",\n)\n# why').hashes.tolist()
    assert one.lines.tolist() == [1, 1, 2, 2]
    wrapped = read("/** one two\n * three */\nx = 1;  // four five\n")
    assert wrapped.hashes.tolist() == read("// one two three\nx = 1\n/* four\n * five */\n").hashes.tolist()
    assert len(read("*to = *from;\n--to;\n")) == len(read("--to; *to = *from")) == 8
    assert read("0XFF 1E5").hashes.tolist() == read("0xff 1e5").hashes.tolist()
    assert read("a b").hashes.tolist() != read("a c").hashes.tolist()


@given(st.text(), st.text())
def test_any_text_has_tokens_and_carries_itself(text: str, other: str) -> None:
    tokens = read(text)
    assert carried(tokens, tokens).tolist() == list(range(len(tokens)))
    found = carried(tokens, read(other))
    kept = found[found >= 0]
    assert (np.diff(kept) > 0).all()
    assert tokens.hashes[kept].tolist() == read(other).hashes[found >= 0].tolist()


@given(st.lists(st.booleans()))
def test_runs_are_the_mask(mask: list[bool]) -> None:
    runs = [place for run in runs_of(np.array(mask, np.bool_)) for place in run]
    assert mask_of(runs, len(mask)).tolist() == mask


def told(change: Change) -> list[tuple[Any, ...]]:
    return [(row["kind"], row["qualified_name"], row["n_tokens"], row["n_added"]) for row in rows_of(change, LIMITS)]


CART = "import os\n\n\nclass Cart:\n    limit = 3\n\n    def first(self):\n        return self.items[0]\n"


def test_a_new_file_is_cut_into_its_definitions_and_what_stands_outside() -> None:
    # import os; class Cart : limit = 3; def first self : return self . items [ 0 ]
    assert told(Change("a.py", "", CART)) == [
        (None, None, 2, 2),
        ("class", "Cart", 6, 6),
        ("method", "Cart.first", 11, 11),
    ]


def test_of_a_changed_file_only_what_was_brought_is_told() -> None:
    assert told(Change("a.py", CART, CART.replace("items[0]", "items[-1]"))) == [("method", "Cart.first", 12, 2)]
    assert told(Change("a.py", CART, CART.replace("limit", "most"))) == [("class", "Cart", 6, 1)]
    assert told(Change("a.py", CART, CART)) == [(None, None, 0, 0)]


def test_a_function_put_before_one_that_begins_alike_is_told_whole() -> None:
    second = function("two", "total")
    rows = told(Change("a.py", second, file(function("one", "total"), second)))
    assert rows == [("function", "one", 24, 24)]


def test_a_piece_of_a_function_keeps_its_context_and_an_unknown_language_is_a_piece() -> None:
    piece = Change("a.py", pieces=(("    x = 1\n    return x", "    x = 2\n    return x"),))
    assert told(piece) == [(None, None, 5, 1)]
    assert told(Change("notes.txt", "", "one two three")) == [(None, None, 3, 3)]
    assert told(Change("big.py", "", "x = 1\n" * 200_000)) == [(None, None, 0, 0)]


def test_events_are_read_once_in_batches_and_the_model_is_the_sessions(
    database: Database, settings: Settings, repository: GitRepository, agent: Agent, monkeypatch: Any
) -> None:
    monkeypatch.setattr(edits, "EVENTS_PER_BATCH", 2)
    for number in range(5):
        agent.write(f"f{number}.py", function(f"f{number}"), model=None)
    events = spool.folder(settings) / "start.jsonl"
    start = {"hook_event_name": "SessionStart", "session_id": "session-1", "model": "opus"}
    events.write_text(json.dumps(start | {"occurred_at": "2020-01-01T00:00:00Z"}) + "\n")
    spool.ingest_spool(database, settings)
    assert update_agent_edits(database, settings) == EditCounts(n_events=5, n_edits=5)
    assert update_agent_edits(database, settings) == EditCounts()
    rows = database.read("SELECT DISTINCT model, repo_id IS NULL AS is_nowhere FROM stemma.agent_edits")
    assert rows.rows() == [("opus", True)]


def test_an_edit_of_a_repository_registered_later_gets_its_place(
    database: Database,
    settings: Settings,
    repository: GitRepository,
    agent: Agent,
    ingest: Callable[[Path], str],
) -> None:
    agent.write("pkg/a.py", function("one"))
    repository.commit("agent")
    spool.ingest_spool(database, settings)
    update_agent_edits(database, settings)
    repo_id = ingest(repository.path)
    assert update_agent_edits(database, settings) == EditCounts(n_placed=1)
    assert database.read("SELECT repo_id, path FROM stemma.agent_edits").rows() == [(repo_id, "pkg/a.py")]


def test_new_rules_read_all_events_anew_and_leave_no_row_of_the_old_ones(
    database: Database, settings: Settings, agent: Agent, monkeypatch: Any
) -> None:
    agent.write("a.py", CART)
    spool.ingest_spool(database, settings)
    update_agent_edits(database, settings)
    before = set(database.read("SELECT edit_id FROM stemma.agent_edits")["edit_id"])
    monkeypatch.setattr(edits, "VERSION", "other")
    assert update_agent_edits(database, settings).n_events == 1
    rows = database.read("SELECT edit_id, read_by FROM stemma.agent_edits")
    assert set(rows["edit_id"]) == before
    assert set(rows["read_by"]) == {"other"}
