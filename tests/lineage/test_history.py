"""Nodes, edges and events of small repositories whose histories are known commit by commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stemma.errors import NotFoundError, StoreError
from stemma.lineage import history, occurrences, trace
from stemma.lineage.history import LineageCounts, update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database, Transaction
from tests.lineage.code import edges, events, everything, file, function, indented
from tests.repositories import GitRepository

Step = Callable[[Path], str]


def test_a_changed_body_is_modified_from_the_one_before(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("one", extra="print(items)"), function("two", "parse"))})
    repo_id = bring_up(repository.path)
    assert events(database, repo_id) == [
        (0, "introduced", "a.py:one"),
        (0, "introduced", "a.py:two"),
        (1, "body_changed", "a.py:one"),
    ]
    found = database.read(
        "SELECT edge_type, weight, confidence, evidence->>'matched_by' AS rule FROM stemma.lineage_edges"
    ).row(0)
    assert (found[0], found[2], found[3]) == ("modified_from", 1.0, "same_place")
    assert 0 < found[1] < 1


def test_formatting_alone_is_a_modification_of_weight_one(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": function("one").replace(" += ", "  +=  ")})
    bring_up(repository.path)
    found = database.read("SELECT edge_type, weight, evidence->>'matched_by' FROM stemma.lineage_edges").rows()
    assert found == [("modified_from", 1.0, "same_place")]


def test_a_renamed_function_keeps_its_lineage(database: Database, repository: GitRepository, bring_up: Step) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("uno"), function("two", "parse"))})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [(1, "renamed_from", "a.py:one", "a.py:uno")]
    assert [row for row in events(database, repo_id) if row[0] == 1] == [(1, "renamed", "a.py:uno")]
    detail = database.read("SELECT detail::text FROM stemma.lineage_events WHERE event_type = 'renamed'").item()
    assert detail == '{"to": "uno", "from": "one", "scope": "own"}'


def test_a_recursive_function_is_renamed_too(database: Database, repository: GitRepository, bring_up: Step) -> None:
    text = "def walk(node, depth):\n    print(depth)\n    for child in node.children:\n        walk(child, depth + 1)\n"
    repository.commit(files={"a.py": text})
    repository.commit(files={"a.py": text.replace("walk", "visit")})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [(1, "renamed_from", "a.py:walk", "a.py:visit")]


def test_a_renamed_class_takes_its_methods_along(database: Database, repository: GitRepository, bring_up: Step) -> None:
    def klass(name: str) -> str:
        return f"class {name}:\n" + indented(file(function("one"), function("two", "parse"))) + "\n    SIZE = 3\n"

    repository.commit(files={"a.py": klass("Old")})
    repository.commit(files={"a.py": klass("New")})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [
        (1, "renamed_from", "a.py:Old", "a.py:New"),
        (1, "renamed_from", "a.py:Old.one", "a.py:New.one"),
        (1, "renamed_from", "a.py:Old.two", "a.py:New.two"),
    ]


def test_a_function_moved_to_another_file_keeps_its_lineage(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse")), "b.py": function("x", "retry")})
    repository.commit(files={"a.py": function("two", "parse"), "b.py": file(function("x", "retry"), function("one"))})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [(1, "moved_from", "a.py:one", "b.py:one")]
    assert [row for row in events(database, repo_id) if row[0] == 1] == [(1, "moved_across_files", "b.py:one")]


def test_a_function_moved_and_renamed_at_once_is_both(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse")), "b.py": function("x", "retry")})
    repository.commit(files={"a.py": function("two", "parse"), "b.py": file(function("x", "retry"), function("uno"))})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [
        (1, "moved_from", "a.py:one", "b.py:uno"),
        (1, "renamed_from", "a.py:one", "b.py:uno"),
    ]


def test_a_renamed_file_takes_along_even_what_changed_in_it(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    stay = (function("one"), function("two", "parse"))
    repository.commit(files={"old/a.py": file(*stay, function("three", "retry")), "c.py": function("x", "longest")})
    repository.move("old/a.py", "new/b.py")
    repository.commit(files={"new/b.py": file(*stay, function("three", "retry", extra="print(len(items))"))})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [
        (1, "moved_from", "old/a.py:one", "new/b.py:one"),
        (1, "modified_from", "old/a.py:three", "new/b.py:three"),
        (1, "moved_from", "old/a.py:three", "new/b.py:three"),
        (1, "moved_from", "old/a.py:two", "new/b.py:two"),
    ]


def test_what_is_removed_and_written_anew_elsewhere_is_not_a_move(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": function("one"), "b.py": function("x", "retry")})
    repository.commit(files={"a.py": None, "b.py": file(function("x", "retry"), function("new", "longest"))})
    repo_id = bring_up(repository.path)
    assert events(database, repo_id)[2:] == [(1, "removed", "a.py:one"), (1, "introduced", "b.py:new")]
    assert edges(database, repo_id) == []


def test_a_getter_is_not_taken_for_another_files_getter(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    def klass(name: str, body: str) -> str:
        return f"class {name}:\n    def get(self):\n        return self.a\n\n" + indented(function("work", body))

    repository.commit(files={"a.py": klass("A", "total"), "b.py": klass("B", "parse"), "k.py": function("k")})
    repository.commit(files={"a.py": None, "b.py": None, "c.py": klass("C", "retry"), "k.py": function("k")})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == []


def test_equal_candidates_share_their_confidence(database: Database, repository: GitRepository, bring_up: Step) -> None:
    stays = function("x", "parse")
    repository.commit(files={"a.py": file(function("run"), stays), "b.py": file(function("run"), stays)})
    repository.commit(files={"a.py": stays, "b.py": stays, "c.py": function("run")})
    bring_up(repository.path)
    found = database.read(
        "SELECT edge_type, confidence, (evidence->>'candidates')::int FROM stemma.lineage_edges"
    ).rows()
    assert found == [("moved_from", 0.5, 2)]


def test_an_overload_put_before_another_leaves_the_other_what_it_was(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": file(function("run"), function("x", "retry"))})
    repository.commit(files={"a.py": file(function("run", "parse"), function("run"), function("x", "retry"))})
    repo_id = bring_up(repository.path)
    assert edges(database, repo_id) == [(1, "derived_from", "a.py:run", "a.py:run")]
    assert [row[1] for row in events(database, repo_id) if row[0] == 1] == ["introduced"]


def test_what_comes_back_is_revived_and_hangs_on_what_it_was(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": function("two", "parse")})
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repo_id = bring_up(repository.path)
    assert events(database, repo_id)[2:] == [(1, "removed", "a.py:one"), (2, "revived", "a.py:one")]
    assert edges(database, repo_id) == [(2, "derived_from", "a.py:one", "a.py:one")]


def test_what_one_commit_takes_out_and_the_next_puts_back_elsewhere_is_revived(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    parts = {"one": function("one"), "two": function("two", "parse"), "three": function("three", "retry")}
    repository.commit(files={"a.py": file(*parts.values())})
    repository.commit(files={"a.py": None})
    repository.commit(files={f"p/{name}.py": text for name, text in parts.items()})
    repo_id = bring_up(repository.path)
    assert [row for row in events(database, repo_id) if row[0] == 2] == [
        (2, event, f"p/{name}.py:{name}")
        for name in ("one", "three", "two")
        for event in ("moved_across_files", "revived")
    ]
    assert {row[:2] for row in edges(database, repo_id)} == {(2, "moved_from")}


def test_what_stands_where_something_else_once_was_is_a_birth(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": file(function("one", "retry"), function("two", "parse"))})
    repository.commit(files={"a.py": function("two", "parse")})
    repository.commit(
        files={"a.py": file("def one(path, mode):\n    return open(path, mode).read()\n", function("two", "parse"))}
    )
    repo_id = bring_up(repository.path)
    assert events(database, repo_id)[3:] == [(2, "introduced", "a.py:one")]


def test_a_mark_of_deprecation_is_an_event_of_its_own(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": function("one", mark="@deprecated('use two')\n")})
    repository.commit(files={"a.py": function("one", mark="@deprecated('use three')\n")})
    repo_id = bring_up(repository.path)
    assert [row[:2] for row in events(database, repo_id)] == [
        (0, "introduced"),
        (1, "deprecated"),
        (1, "signature_changed"),
        (2, "signature_changed"),
    ]


def test_a_shallow_boundary_is_not_a_birth(
    database: Database, repository: GitRepository, bring_up: Step, tmp_path: Path
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"), function("three", "retry"))})
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth=2", f"file://{repository.path}", str(shallow))
    repo_id = bring_up(shallow)
    assert events(database, repo_id) == [
        (0, "observed", "a.py:one"),
        (0, "observed", "a.py:two"),
        (1, "introduced", "a.py:three"),
    ]
    detail = database.read("SELECT DISTINCT detail::text FROM stemma.lineage_events WHERE event_type = 'observed'")
    assert detail.item() == '{"boundary": "shallow"}'


def test_what_a_first_look_at_a_folder_finds_was_not_born_then(
    database: Database, bring_up: Step, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.py").write_text(function("one"))
    bring_up(folder)
    (folder / "a.py").write_text(file(function("one"), function("two", "parse")))
    repo_id = bring_up(folder)
    found = database.read("SELECT event_type, detail->>'boundary' AS boundary FROM stemma.lineage_events ORDER BY 1")
    assert found.rows() == [("introduced", None), ("observed", "snapshot")]
    assert events(database, repo_id) == [(0, "observed", "a.py:one"), (1, "introduced", "a.py:two")]


def test_an_unshallowed_history_gives_the_rows_of_a_full_one(
    database: Database, repository: GitRepository, bring_up: Step, tmp_path: Path
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": file(function("one", extra="x = 1"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(shallow))
    repo_id = bring_up(shallow)
    assert {row[1] for row in events(database, repo_id)} == {"observed"}
    GitRepository.git(repository, "-C", str(shallow), "fetch", "-q", "--unshallow")
    bring_up(shallow)
    assert events(database, repo_id) == [
        (0, "introduced", "a.py:one"),
        (1, "body_changed", "a.py:one"),
        (1, "introduced", "a.py:two"),
        (2, "body_changed", "a.py:one"),
    ]


def test_what_shows_behind_an_unreadable_content_was_not_born_there(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit(files={"a.py": b"\0" + function("one").encode()})
    repository.commit(files={"a.py": function("one")})
    repo_id = bring_up(repository.path)
    found = database.read("SELECT event_type, detail->>'boundary' FROM stemma.lineage_events").rows()
    assert found == [("observed", "unreadable")]
    assert events(database, repo_id) == [(1, "observed", "a.py:one")]


def changing(repository: GitRepository) -> None:
    """Seven commits in which everything happens once."""
    stay = (function("stay", "parse"), function("other", "longest"))
    repository.commit(files={"a.py": file(function("one"), *stay)})
    repository.commit(files={"a.py": file(function("one", extra="print(items)"), *stay)})
    repository.commit(files={"a.py": file(function("uno", extra="print(items)"), *stay)})
    repository.commit(files={"a.py": file(*stay), "b.py": function("uno", extra="print(items)")})
    repository.move("a.py", "c.py")
    repository.commit()
    repository.commit(files={"b.py": None})
    repository.commit(files={"d.py": function("last", "retry")})


CHANGING_COUNTS = LineageCounts(n_nodes=9, n_edges=5, n_events=10)


def test_a_second_run_writes_nothing(database: Database, repository: GitRepository, bring_up: Step) -> None:
    changing(repository)
    repo_id = bring_up(repository.path)
    before = everything(database)
    counts = CHANGING_COUNTS
    assert len(before["lineage_nodes"]) == counts.n_nodes
    assert len(before["lineage_edges"]) == counts.n_edges
    assert len(before["lineage_events"]) == counts.n_events
    assert update_lineage(database, repo_id) == LineageCounts()
    assert everything(database) == before


def test_rows_of_another_version_of_the_rules_are_made_anew(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    changing(repository)
    repo_id = bring_up(repository.path)
    before = everything(database)
    database.execute("UPDATE stemma.lineage_progress SET version = NULL")
    database.execute("UPDATE stemma.occurrences SET exact_hash = path")
    assert update_occurrences(database, repo_id).n_retired == 9
    assert update_lineage(database, repo_id) == replace(CHANGING_COUNTS, n_retired=9)
    assert everything(database) == before


def test_a_repository_that_is_not_registered_is_named(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no-such-id"):
        update_lineage(database, "no-such-id")


def test_commit_by_commit_gives_the_rows_of_one_run(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    changing(repository)
    repo_id = bring_up(repository.path)
    whole = everything(database)
    for table in ("occurrences", "lineage_events", "lineage_nodes", "lineage_progress"):
        database.execute(f"DELETE FROM stemma.{table}")
    newest = repository.head()
    for behind in range(6, -1, -1):
        repository.git("reset", "-q", "--hard", f"{newest}~{behind}")
        assert bring_up(repository.path) == repo_id
    assert everything(database) == whole


def test_a_force_push_gives_the_rows_of_a_fresh_run(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    changing(repository)
    repo_id = bring_up(repository.path)
    stood = set(everything(database)["lineage_nodes"])
    repository.git("reset", "-q", "--hard", "HEAD~4")
    repository.commit("rewritten", {"a.py": function("stay", "parse")})
    bring_up(repository.path)
    after = everything(database)
    assert stood & set(after["lineage_nodes"]) == set(after["lineage_nodes"])  # nothing was begun by the new commit
    for table in ("occurrences", "lineage_events", "lineage_nodes", "lineage_progress"):
        database.execute(f"DELETE FROM stemma.{table}")
    bring_up(repository.path)
    assert everything(database) == after
    assert [row for row in events(database, repo_id) if row[0] == 3] == [
        (3, "removed", "a.py:other"),
        (3, "removed", "a.py:uno"),
    ]


def test_a_run_killed_between_batches_goes_on_where_it_stopped(
    database: Database, repository: GitRepository, bring_up: Step, ingest: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(repository)
    repo_id = bring_up(repository.path)
    whole = everything(database)
    for table in ("lineage_events", "lineage_nodes"):
        database.execute(f"DELETE FROM stemma.{table}")
    database.execute("DELETE FROM stemma.lineage_progress WHERE step = 'lineage'")
    monkeypatch.setattr(trace, "VERSIONS_PER_BATCH", 1)
    monkeypatch.setattr(trace, "CHANGES_PER_STEP", 1)
    insert, n_inserts = Transaction.insert, 0

    def killed(self: Transaction, *arguments: object) -> int:
        nonlocal n_inserts
        n_inserts += 1
        if n_inserts == 8:  # three inserts a batch: in the midst of the third
            raise KeyboardInterrupt
        return insert(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Transaction, "insert", killed)
    with pytest.raises(KeyboardInterrupt):
        update_lineage(database, repo_id)
    assert database.read("SELECT first_parent_index FROM stemma.lineage_progress WHERE step = 'lineage'").item() == 1
    monkeypatch.setattr(Transaction, "insert", insert)
    update_lineage(database, repo_id)
    assert everything(database) == whole


def test_two_at_once_give_the_rows_of_one(
    database: Database, repository: GitRepository, bring_up: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(repository)
    repo_id = bring_up(repository.path)
    whole = everything(database)
    for table in ("occurrences", "lineage_events", "lineage_nodes", "lineage_progress"):
        database.execute(f"DELETE FROM stemma.{table}")
    read_changes, plan = occurrences._read_changes, history._plan

    def slowly(read: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: object) -> Any:
            time.sleep(0.3)  # long enough for the other to come to the same place, if nothing held it back
            return read(*arguments)

        return run

    monkeypatch.setattr(occurrences, "_read_changes", slowly(read_changes))
    monkeypatch.setattr(history, "_plan", slowly(plan))
    failures: list[StoreError] = []

    def run() -> None:
        try:
            update_occurrences(database, repo_id)
            update_lineage(database, repo_id)
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert everything(database) == whole
