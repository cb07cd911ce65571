"""What a person's reference means, and what is then told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.errors import ConfigError, NotFoundError
from stemma.lineage.queries import ancestors, descendants, path_between, resolve, timeline
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
    assert path_between(database, oldest[0], newest[0])["edge_type"].to_list() == [
        None,
        "modified_from",
        "renamed_from",
        "moved_from",
    ]


def test_a_pattern_is_found_by_the_beginning_of_its_id(database: Database, repo_id: str) -> None:
    whole = resolve(database, "stay")["pattern_id"][0]
    assert resolve(database, whole[:8])["qualified_name"].to_list() == ["stay"]
    with pytest.raises(NotFoundError):
        resolve(database, whole[:5])


def test_a_method_is_found_by_its_own_name_in_its_file(database: Database, repo_id: str) -> None:
    assert resolve(database, "a.py:twin")["qualified_name"].to_list() == ["Box.twin"]
    assert resolve(database, "a.py:Box.twin")["kind"].to_list() == ["method"]


def test_what_stands_is_meant_before_what_is_gone(database: Database, repo_id: str) -> None:
    assert resolve(database, "uno").select("path", "is_live").rows() == [("b.py", True)]
    assert resolve(database, "gone").select("path", "is_live").rows() == [("a.py", False)]


def test_an_ambiguous_name_lists_its_candidates(
    database: Database, repository: GitRepository, bring_up: Step, repo_id: str
) -> None:
    repository.commit(files={f"more/c{n}.py": function("stay", "parse") for n in range(6)})
    bring_up(repository.path)
    with pytest.raises(ConfigError) as failure:
        resolve(database, "stay")
    assert "a.py:stay (function" in str(failure.value) and "more/c3.py:stay" in str(failure.value)
    assert "more/c4.py" not in str(failure.value) and failure.value.hint


def test_an_unknown_reference_says_what_to_do_next(database: Database, repo_id: str) -> None:
    for reference in ("nothing", "a.py:nothing", "no.py:stay", "x'; DROP TABLE stemma.commits; --", "%", "0" * 32):
        with pytest.raises(NotFoundError) as failure:
            resolve(database, reference)
        assert reference in failure.value.problem and "stemma" in failure.value.hint
    with pytest.raises(NotFoundError):
        resolve(database, "stay", "another repository")


def test_an_empty_reference_is_refused(database: Database) -> None:
    for reference in ("", "  ", "a\0b"):
        with pytest.raises(ConfigError):
            resolve(database, reference)
