"""The commits that changed one path, over the whole graph."""

from __future__ import annotations

from pathlib import Path

from stemma.git.path_history import PathHistory, TreeChange, path_history, tree_changes
from stemma.git.store import open_store
from tests.repositories import GitRepository


def asked(repository: GitRepository, path: str) -> PathHistory:
    return path_history(open_store(repository.path / ".git"), path, repository.git("rev-parse", "HEAD"))


def blob(repository: GitRepository, at: str) -> str:
    return repository.git("rev-parse", at)


def test_only_commits_that_changed_the_path_are_named(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r")
    first = repository.commit(files={"a": "1", "b": "1"})
    repository.commit(files={"b": "2"})
    last = repository.commit(files={"a": "2"})
    repository.commit(files={"b": "3"})
    found = asked(repository, "a")
    assert found.head == last
    assert list(found.changes) == [last, first]
    assert found.changes[last].parents == (first,)
    assert (found.changes[last].old_blob, found.changes[last].new_blob) == (
        blob(repository, f"{first}:a"),
        blob(repository, f"{last}:a"),
    )
    assert (found.changes[first].parents, found.changes[first].old_blob) == ((), None)


def test_a_merge_stands_for_its_first_parent_where_it_took_the_file_from_there(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r")
    first = repository.commit(files={"a": "1\n2\n3\n4\n5\n", "b": "1"})
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(files={"b": "2"})
    side = repository.commit(files={"a": "1\n2\n3\n4\nfive\n"})
    repository.git("checkout", "-q", "main")
    main = repository.commit(files={"a": "one\n2\n3\n4\n5\n"})
    repository.git("merge", "-q", "--no-edit", "side")
    merged = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "other")
    repository.commit(files={"b": "3"})
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "--no-edit", "other")
    found = asked(repository, "a")
    assert found.head == merged
    assert found.changes[merged].parents == (main, side)
    assert {sha: change.parents for sha, change in found.changes.items() if sha != merged} == {
        main: (first,),
        side: (first,),
        first: (),
    }


def test_a_removed_path_has_no_content_and_an_unknown_one_no_history(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r")
    repository.commit(files={"a": "1", "b": "1"})
    gone = repository.commit(files={"a": None})
    assert asked(repository, "a").changes[gone].new_blob is None
    assert asked(repository, "never") == PathHistory("never", None, {})


def test_a_path_is_no_pattern(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r")
    repository.commit(files={"*.py": "1", "a.py": "1"})
    repository.commit(files={"a.py": "2"})
    assert len(asked(repository, "*.py").changes) == 1


def test_tree_changes_name_every_file_and_no_rename(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r")
    first = repository.commit(files={"a": "1", "é": "1"})
    second = repository.commit(files={"a": None, "b": "1", "é": "2"})
    store = open_store(repository.path / ".git")
    one, two = blob(repository, f"{first}:a"), blob(repository, f"{second}:é")
    assert sorted(tree_changes(store, first, second), key=lambda change: change.path) == [
        TreeChange("a", one, None),
        TreeChange("b", None, one),
        TreeChange("é", one, two),
    ]
    assert {change.path for change in tree_changes(store, None, first)} == {"a", "é"}
