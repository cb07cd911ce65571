"""`stemma origin` and `stemma attribution export` as a user calls them, on what an agent wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.store.postgres import Database
from tests.attribution.agent import MODEL, SESSION, Agent
from tests.attribution.conftest import agent, attribute, bring_up, ingest, repository
from tests.cli.conftest import Stemma
from tests.lineage.code import function
from tests.repositories import GitRepository

__all__ = ["agent", "attribute", "bring_up", "ingest", "repository"]


@pytest.fixture
def written(repository: GitRepository, agent: Agent, attribute: Callable[[Path], str]) -> GitRepository:
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    repository.commit("person", {"b.py": function("three", "retry", extra="seen = set(items)")})
    attribute(repository.path)
    return repository


def test_origin_tells_every_version_and_the_newest_by_its_lines(stemma: Stemma, written: GitRepository) -> None:
    told = stemma("origin", "b.py:three", "--json").json
    assert [(row["origin"], row["agent"], row["session_id"]) for row in told["versions"]] == [
        ("agent", "claude-code", SESSION),
        ("mixed", "claude-code", SESSION),
    ]
    newest = told["versions"][-1]["node_id"]
    lines = [(row["first_line"], row["last_line"]) for row in told["spans"] if row["node_id"] == newest]
    assert lines == [(1, 1), (3, 7)]
    shown = stemma("origin", "b.py:three")
    assert shown.code == 0 and "mixed" in shown.out and "3-7" in shown.out
    assert stemma("origin", "nothing").code == 7


def test_export_prints_and_writes_only_when_asked(stemma: Stemma, written: GitRepository) -> None:
    (record,) = [json.loads(line) for line in stemma("attribution", "export").out.splitlines()]
    assert record["files"][0]["conversations"][0]["contributor"] == {"type": "ai", "model_id": MODEL}
    (note,) = [json.loads(line) for line in stemma("attribution", "export", "--format", "git-ai").out.splitlines()]
    assert note["note"].startswith("b.py\n  s_")
    assert written.git("for-each-ref", "refs/notes") == ""
    assert stemma("attribution", "export", "--write-notes").code == 2
    wrote = stemma("attribution", "export", "project", "--format", "git-ai", "--write-notes")
    assert wrote.code == 0 and "Wrote 1 notes" in wrote.out
    assert written.git("notes", "--ref=ai", "show", note["commit"]) == note["note"]


def test_nothing_known_is_said_so(stemma: Stemma, database: Database, settings: Settings) -> None:
    assert stemma("attribution", "export").out == ""
