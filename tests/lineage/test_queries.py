"""What is told of the version that a person names; what a name means is claimed in `test_references`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.lineage.queries import ancestors, descendants, resolve, timeline
from stemma.store.postgres import Database
from tests.lineage.code import file, function
from tests.repositories import GitRepository

Step = Callable[[Path], str]


@pytest.fixture
def repo_id(repository: GitRepository, bring_up: Step) -> str:
    """`one` is changed, renamed to `uno` and moved to b.py; `twin` stands in both files; `gone` is removed."""
    stay = file(function("stay", "parse"), "class Box:\n    def twin(self):\n        return self.box[0] + self.size\n")
    twin = "def twin(box):\n    for lid in box:\n        print(lid)\n"
    repository.commit(files={"a.py": file(stay, function("one"), function("gone", "retry"))})
    repository.commit(files={"a.py": file(stay, function("one", extra="print(items)"))})
    repository.commit(files={"a.py": file(stay, function("uno", extra="print(items)"))})
    repository.commit(files={"a.py": stay, "b.py": file(function("uno", extra="print(items)"), twin)})
    return bring_up(repository.path)


def test_a_timeline_tells_the_whole_life_from_any_version(
    database: Database, repository: GitRepository, repo_id: str
) -> None:
    node = resolve(database, "b.py:uno")
    told = timeline(database, node["node_id"].to_list())
    assert told.select("event_type", "path", "qualified_name", "author_name").rows() == [
        ("created", "a.py", "one", "Ada Author"),
        ("modified", "a.py", "one", "Ada Author"),
        ("renamed", "a.py", "uno", "Ada Author"),
        ("moved", "b.py", "uno", "Ada Author"),
    ]
    assert told["occurred_at"].to_list() == [repository.date(n) for n in range(4)]
    first = told["pattern_id"][0]
    assert timeline(database, resolve(database, first)["node_id"].to_list()).equals(told)


def test_ancestors_and_descendants_count_their_steps(database: Database, repo_id: str) -> None:
    newest = resolve(database, "uno")["node_id"].to_list()
    up = ancestors(database, newest)
    assert up.select("depth", "edge_type", "path", "qualified_name").rows() == [
        (1, "moved_from", "a.py", "uno"),
        (2, "renamed_from", "a.py", "one"),
        (3, "modified_from", "a.py", "one"),
    ]
    oldest = [up["node_id"][-1]]
    assert descendants(database, oldest)["depth"].to_list() == [1, 2, 3]
    assert ancestors(database, newest, max_depth=1).height == 1
