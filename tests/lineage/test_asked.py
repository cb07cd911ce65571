"""The history of one element asked of a clone alone: what it says, that the tables say the same, what it reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.errors import NotFoundError
from stemma.extract.extractor import Extracted, Limits
from stemma.git.store import open_store
from stemma.lineage import asked_contents
from stemma.lineage.asked import Asking, History
from stemma.lineage.asked_contents import Key
from stemma.lineage.asked_joints import Place
from stemma.lineage.kept_contents import FILE, KeptContents
from stemma.store.postgres import Database
from tests.lineage.code import file, function
from tests.repositories import GitRepository

FOLLOWED = "modified_from", "renamed_from", "moved_from", "derived_from", "merged_from"


def asking(repository: GitRepository, repo_id: str = "repository") -> Asking:
    return Asking(open_store(repository.path / ".git"), Limits(1_000_000, 5.0), repo_id)


def told(history: History) -> list[tuple[str, str]]:
    """(commit, event) in the order of the commits."""
    rows = history.events.sort("occurred_at", "event_type").select("sha", "event_type").rows()
    return [(str(sha), str(event)) for sha, event in rows]


def history_of(repository: GitRepository, path: str, name: str) -> History:
    return asking(repository).history(Place(path, repository.git("rev-parse", "HEAD"), Key("function", name, 0)))


def test_a_history_holds_what_touched_the_element_and_nothing_else(repository: GitRepository) -> None:
    first = repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("one"), function("two", "retry"))})
    changed = repository.commit(files={"a.py": file(function("one", extra="print(items)"), function("two", "retry"))})
    for number in range(20):
        other = function(f"two{number}", "parse")
        repository.commit(files={"a.py": file(function("one", extra="print(items)"), other)})
    found = history_of(repository, "a.py", "one")
    assert told(found) == [(first, "introduced"), (changed, "body_changed")]
    assert found.n_commits == 23
    assert found.n_contents < 8  # of 23: where its text did not change nothing is parsed


def test_an_element_is_followed_into_the_files_it_stood_in(repository: GitRepository) -> None:
    first = repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    moved = repository.commit(files={"a.py": function("two", "parse"), "b.py": file(function("one"))})
    renamed = repository.commit(files={"b.py": None, "c.py": file(function("one"))})
    assert told(history_of(repository, "c.py", "one")) == [
        (first, "introduced"),
        (moved, "moved_across_files"),
        (renamed, "file_renamed"),
    ]


def test_a_renamed_element_is_followed(repository: GitRepository) -> None:
    first = repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    renamed = repository.commit(files={"a.py": file(function("first"), function("two", "parse"))})
    assert told(history_of(repository, "a.py", "first")) == [(first, "introduced"), (renamed, "renamed")]


def test_changes_of_both_sides_of_a_merge_belong_to_it(repository: GitRepository) -> None:
    first = repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.git("checkout", "-q", "-b", "side")
    side = repository.commit(files={"a.py": file(function("one", extra="print(items)"), function("two", "parse"))})
    repository.git("checkout", "-q", "main")
    repository.commit(files={"a.py": file(function("one"), function("two", "retry"))})
    repository.git("merge", "-q", "--no-edit", "side")
    assert told(history_of(repository, "a.py", "one")) == [(first, "introduced"), (side, "body_changed")]


def test_the_answer_is_that_of_the_tables(
    database: Database, repository: GitRepository, bring_up: Callable[[Path], str]
) -> None:
    parts = [function("one"), function("two", "parse"), function("three", "retry")]
    repository.commit(files={"a.py": file(*parts), "z.py": function("other", "longest")})
    repository.commit(files={"a.py": file(function("one", extra="print(items)"), *parts[1:])})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(
        files={"a.py": file(function("one", extra="print(items)"), parts[1].replace("+=", "  +="), parts[2])}
    )
    repository.git("checkout", "-q", "main")
    repository.commit(files={"a.py": file(function("uno", extra="print(items)"), *parts[1:])})
    repository.git("merge", "-q", "--no-edit", "side")
    repository.commit(files={"b.py": (repository.path / "a.py").read_text(), "a.py": None})
    head = repository.commit(
        files={"b.py": (repository.path / "b.py").read_text().replace("def three", "@cached\ndef three")}
    )
    repo_id = bring_up(repository.path)
    asked = asking(repository, repo_id)
    for name in ("uno", "two", "three"):
        history = asked.history(Place("b.py", head, Key("function", name, 0)))
        stored = database.read(
            "WITH RECURSIVE chain AS (SELECT $1::text AS node_id UNION SELECT e.parent_id FROM chain "
            "JOIN stemma.lineage_edges e ON e.child_id = chain.node_id AND e.edge_type = ANY($2::text[])) "
            "SELECT e.event_id, e.sha, e.event_type FROM chain JOIN stemma.lineage_events e USING (node_id)",
            [history.node_id, list(FOLLOWED)],
        )
        kept = stored.filter(pl.col("event_type") != "removed")
        mine = history.events.filter(pl.col("event_type") != "removed")
        assert mine.height >= 2
        assert sorted(mine["event_id"]) == sorted(kept["event_id"]), name


def test_a_line_means_the_innermost_definition(repository: GitRepository) -> None:
    head = repository.commit(files={"a.py": "class A:\n    def f(self):\n        return 1\n\n\nx = 1\n"})
    asked = asking(repository)
    assert asked.at_line("a.py", 3, head).key == Key("method", "A.f", 0)
    assert asked.at_line("a.py", 1, head).key == Key("class", "A", 0)
    with pytest.raises(NotFoundError, match="line 6"):
        asked.at_line("a.py", 6, head)
    with pytest.raises(NotFoundError, match=r"b\.py"):
        asked.at_line("b.py", 1, head)


def test_where_a_clone_is_cut_off_the_birth_is_unknown(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit(files={"a.py": file(function("one"))})
    cut = repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow"))
    shallow = Asking(open_store(tmp_path / "shallow" / ".git"), Limits(1_000_000, 5.0), "repository")
    assert told(shallow.history(Place("a.py", cut, Key("function", "one", 0)))) == [(cut, "observed")]


def test_a_merge_takes_a_new_definition_of_an_old_name_for_the_branch_that_made_it(repository: GitRepository) -> None:
    first = repository.commit("first", {"a.py": file(function("one"), function("two", "parse"))})
    repository.branch("side", first)
    repository.commit(
        "between", {"a.py": file(function("three", "longest"), function("one"), function("two", "parse"))}
    )
    stub = "@overload\ndef one(items: str) -> str: ...\n"
    again = function("one", extra="print(1)")
    made = repository.commit(
        "made", {"a.py": file(function("three", "longest"), stub, again, function("two", "parse"))}
    )
    repository.git("switch", "-q", "main")
    repository.commit("other", {"a.py": file(function("one"), function("two", "retry"))})
    repository.merge("side")
    assert told(history_of(repository, "a.py", "one")) == [(made, "introduced")]


def test_what_one_commit_takes_out_and_the_next_puts_back_elsewhere_is_followed_through_both(
    repository: GitRepository,
) -> None:
    first = repository.commit(files={"all.py": file(function("one"), function("two", "parse")), "b.py": "SIZE = 1\n"})
    out = repository.commit(files={"all.py": None})
    back = repository.commit(files={"some/first.py": function("one"), "some/second.py": function("two", "parse")})
    assert set(told(history_of(repository, "some/first.py", "one"))) == {
        (first, "introduced"),
        (out, "removed"),
        (back, "moved_across_files"),
        (back, "revived"),
    }


def test_what_was_cut_out_of_a_function_in_another_file_says_so(repository: GitRepository) -> None:
    lines = "    rows = []\n    for line in lines:\n        name, _, value = line.partition('=')\n"
    lines += "        if not value or name.startswith('#'):\n            continue\n        rows.append((name, value))\n"
    rest = "    total = 0\n    while rows:\n        name, value = rows.pop()\n"
    rest += "        total += weights[name] * float(value)\n"
    repository.commit(files={"a.py": f"def whole(lines, weights):\n{lines}{rest}"})
    calling = f"def whole(lines, weights):\n    rows = parsed(lines)\n{rest}"
    second = repository.commit(files={"a.py": calling, "b.py": f"def parsed(lines):\n{lines}    return rows\n"})
    assert told(history_of(repository, "b.py", "parsed")) == [(second, "extracted"), (second, "introduced")]


_SWIFT = """class Screen: View {{
    override func wake() {{
        super.wake()
        for each in self.parts {{ each.redraw(inside: self.frame) }}
    }}

    override func load() {{
        super.load()
        {opening} let frame = self.frame, let parts = self.parts {{
            self.draw(frame, parts)
        }}
    }}
}}
"""


def test_an_error_of_syntax_that_hid_the_class_moves_nothing_and_ends_no_history(repository: GitRepository) -> None:
    broken, mended = _SWIFT.format(opening="func draw() { if let x = y, z = u { if"), _SWIFT.format(opening="if")
    first = repository.commit(files={"Old.swift": broken})
    renamed = repository.commit(files={"Old.swift": None, "New.swift": broken})
    repository.commit(files={"New.swift": mended})
    changed = repository.commit(files={"New.swift": mended.replace("super.wake()", "super.wake(again: true)")})
    place = Place("New.swift", repository.git("rev-parse", "HEAD"), Key("method", "Screen.wake", 0))
    assert told(asking(repository).history(place)) == [
        (first, "introduced"),
        (renamed, "file_renamed"),
        (changed, "body_changed"),
    ]


_SCRIPT = """export function compose(...functions{types}) {{
  const last = functions[functions.length - 1]
  const rest = functions.slice(0, -1)
  return (...given) => rest.reduceRight((value, each) => each(value), last(...given))
}}
"""


@pytest.mark.parametrize("ending", ["ts", "tsx"])
def test_a_script_rewritten_in_typescript_keeps_its_past(repository: GitRepository, ending: str) -> None:
    first = repository.commit(files={"src/compose.js": _SCRIPT.format(types="")})
    others = {f"src/{name}.js": _SCRIPT.replace("compose", name).format(types="") for name in ("flow", "pipe")}
    repository.commit(files={**others})
    new = {"src/compose.js": None, f"src/compose.{ending}": _SCRIPT.format(types=": Function[]")}
    converted = repository.commit(files=new)
    found = told(history_of(repository, f"src/compose.{ending}", "compose"))
    assert [found[0], *(each for each in found if each[1] == "file_renamed")] == [
        (first, "introduced"),
        (converted, "file_renamed"),
    ]


def test_a_second_question_parses_nothing_and_is_answered_alike(
    repository: GitRepository, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("two", "retry")), "b.py": function("one", extra="print(items)")})
    repository.commit(files={"b.py": None, "c.py": file(function("one", extra="seen = 'ü\\ud800'"))})
    head = repository.git("rev-parse", "HEAD")
    limits = Limits(1_000_000, 5.0)

    def ask() -> History:
        with KeptContents(settings, limits) as kept:
            asked = Asking(open_store(repository.path / ".git"), limits, "repository", kept)
            return asked.history(Place("c.py", head, Key("function", "one", 0)))

    alone = history_of(repository, "c.py", "one")
    first = ask()

    def none(*_: object) -> Extracted:
        raise AssertionError

    monkeypatch.setattr(asked_contents, "extract", none)
    second = ask()
    for name in ("nodes", "edges", "events"):
        assert getattr(first, name).equals(getattr(alone, name))
        assert getattr(second, name).equals(getattr(alone, name))
    assert (alone.nodes.height, second.n_contents) == (3, alone.n_contents)


def test_a_file_of_contents_that_cannot_be_used_or_lost_a_part_is_done_without(
    repository: GitRepository, settings: Settings
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("one", extra="print(items)"), function("two", "parse"))})
    place = Place("a.py", repository.git("rev-parse", "HEAD"), Key("function", "one", 0))
    limits = Limits(1_000_000, 5.0)

    def ask() -> History:
        with KeptContents(settings, limits) as kept:
            return Asking(open_store(repository.path / ".git"), limits, "repository", kept).history(place)

    alone = history_of(repository, "a.py", "one")
    assert ask().events.equals(alone.events)
    with sqlite3.connect(settings.data_dir / FILE) as kept:
        assert kept.execute("DELETE FROM answers WHERE key LIKE '%/text/%'").rowcount > 0
    assert ask().events.equals(alone.events)
    with sqlite3.connect(settings.data_dir / FILE) as kept:
        assert kept.execute("SELECT count(*) FROM answers WHERE key LIKE '%/text/%'").fetchone()[0] > 0
        kept.execute("DROP TABLE answers")
        kept.execute("CREATE TABLE answers (other)")
    assert ask().events.equals(alone.events)
