"""Versions across branches: what a merge takes from its parents, what it makes itself, what it never brings back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.store.postgres import Database
from tests.lineage.code import derived, events, file, function, standing, told, unmatched
from tests.repositories import GitRepository

Step = Callable[[Path], str]
KEPT = function("kept", "retry")


def merge_with(repository: GitRepository, branch: str, files: dict[str, str | None], message: str = "merge") -> str:
    """A merge commit of the current branch and `branch` that holds what is given, whatever git would make of it."""
    repository.git("merge", "-q", "--no-ff", "--no-commit", "--strategy=ours", branch)
    return repository.commit(message, files)


@pytest.fixture
def forked(repository: GitRepository) -> GitRepository:
    """`base` on main with the functions one and kept in a.py, a branch `side` from there; main is checked out."""
    repository.commit("base", {"a.py": file(function("one"), KEPT)})
    repository.branch("side")
    repository.switch("main")
    return repository


def test_what_a_branch_changed_is_its_own_version_and_lands_with_the_merge(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("first", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    forked.commit("second", {"a.py": file(function("one", extra="y = items"), KEPT)})
    forked.switch("main")
    forked.commit("main", {"c.py": function("three", "longest")})
    forked.merge("side", "merge")
    repo_id = bring_up(forked.path)
    assert derived(database, repo_id) == [
        ("first", "modified_from", "base", "a.py:one", "a.py:one"),
        ("second", "modified_from", "first", "a.py:one", "a.py:one"),
    ]
    assert [row for row in standing(database, repo_id) if row[0] == "a.py:one"] == [
        ("a.py:one", "base", 0),
        ("a.py:one", "first", None),
        ("a.py:one", "second", 2),
    ]
    assert "merge" not in {row[0] for row in told(database, repo_id)}
    assert unmatched(database, repo_id) == []


def test_what_a_branch_removed_is_removed_once(database: Database, forked: GitRepository, bring_up: Step) -> None:
    forked.switch("side")
    forked.commit("removal", {"a.py": KEPT})
    forked.switch("main")
    forked.commit("main", {"c.py": function("three", "longest")})
    forked.merge("side", "merge")
    repo_id = bring_up(forked.path)
    assert [row for row in told(database, repo_id) if row[1] == "removed"] == [("removal", "removed", "a.py:one")]
    assert unmatched(database, repo_id) == []


def test_a_file_that_a_branch_added_or_deleted_is_as_it_is_there(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("side", {"b.py": function("two", "parse"), "a.py": None})
    forked.switch("main")
    forked.commit("main", {"c.py": function("three", "longest")})
    forked.merge("side", "merge")
    repo_id = bring_up(forked.path)
    assert [row for row in told(database, repo_id) if row[0] in {"side", "merge"}] == [
        ("side", "removed", "a.py:kept"),
        ("side", "removed", "a.py:one"),
        ("side", "introduced", "b.py:two"),
    ]
    assert unmatched(database, repo_id) == []


def test_text_that_no_parent_has_is_a_version_of_the_merge_with_an_edge_to_each(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("side", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    forked.switch("main")
    forked.commit("main", {"a.py": file(function("one", extra="y = 2"), KEPT)})
    merge_with(forked, "side", {"a.py": file(function("one", extra="x, y = 1, 2"), KEPT)})
    repo_id = bring_up(forked.path)
    assert [row for row in derived(database, repo_id) if row[0] == "merge"] == [
        ("merge", "merged_from", "side", "a.py:one", "a.py:one"),
        ("merge", "modified_from", "main", "a.py:one", "a.py:one"),
    ]
    assert [row for row in told(database, repo_id) if row[0] == "merge"] == [
        ("merge", "body_changed", "a.py:one"),
        ("merge", "merged", "a.py:one"),
    ]
    assert unmatched(database, repo_id) == []


def test_a_conflict_settled_for_one_side_comes_from_both_lines_and_changes_no_body(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("side", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    forked.switch("main")
    forked.commit("main", {"a.py": file(function("one", extra="y = 2"), KEPT), "b.py": KEPT})
    mixed = file(function("one", extra="x = 1"), KEPT, function("new", "parse"))
    merge_with(forked, "side", {"a.py": mixed})
    repo_id = bring_up(forked.path)
    assert [row for row in derived(database, repo_id) if row[0] == "merge"] == [
        ("merge", "merged_from", "main", "a.py:one", "a.py:one"),
        ("merge", "merged_from", "side", "a.py:one", "a.py:one"),
    ]
    assert [row for row in told(database, repo_id) if row[0] == "merge"] == [
        ("merge", "introduced", "a.py:new"),
        ("merge", "merged", "a.py:one"),
    ]


def test_one_change_picked_to_both_sides_has_two_versions_that_meet(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    changed = function("one", extra="x = 1")
    forked.switch("side")
    forked.commit("picked", {"a.py": file(changed, KEPT, function("more", "parse"))})
    forked.switch("main")
    forked.commit("original", {"a.py": file(function("top", "longest"), changed, KEPT)})
    merge_with(forked, "side", {"a.py": file(function("top", "longest"), changed, KEPT, function("more", "parse"))})
    forked.commit("after", {"a.py": file(function("top", "longest"), function("one"), KEPT, function("more", "parse"))})
    repo_id = bring_up(forked.path)
    assert [row for row in derived(database, repo_id) if row[0] in {"merge", "after"}] == [
        ("merge", "merged_from", "original", "a.py:one", "a.py:one"),
        ("merge", "merged_from", "picked", "a.py:one", "a.py:one"),
        ("after", "modified_from", "merge", "a.py:one", "a.py:one"),
    ]
    assert unmatched(database, repo_id) == []  # the occurrence of the text is cut where the versions meet


def test_a_merge_that_keeps_one_sides_files_makes_and_ends_nothing(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("side", {"a.py": function("other", "parse")})
    forked.switch("main")
    forked.commit("main", {"b.py": KEPT})
    merge_with(forked, "side", {})
    repo_id = bring_up(forked.path)
    assert "merge" not in {row[0] for row in told(database, repo_id)}
    assert [row for row in standing(database, repo_id) if row[0] == "a.py:one"] == [("a.py:one", "base", 0)]
    assert unmatched(database, repo_id) == []


def test_what_a_merge_takes_back_is_another_version_of_the_old_text(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.commit("main", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    forked.switch("side")
    forked.commit("side", {"b.py": function("two", "parse")})
    forked.switch("main")
    merge_with(forked, "side", {"a.py": file(function("one"), KEPT), "b.py": function("two", "parse")})
    repo_id = bring_up(forked.path)
    assert [row for row in derived(database, repo_id) if row[0] == "merge"] == [
        ("merge", "merged_from", "base", "a.py:one", "a.py:one"),
        ("merge", "modified_from", "main", "a.py:one", "a.py:one"),
    ]
    assert [row for row in standing(database, repo_id) if row[0] == "a.py:one"] == [
        ("a.py:one", "base", 0),
        ("a.py:one", "main", 1),
        ("a.py:one", "merge", 2),
    ]
    assert unmatched(database, repo_id) == []


def test_a_rename_on_one_side_and_a_change_on_the_other_meet_in_the_merge(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("rename", {"a.py": file(function("uno"), KEPT)})
    forked.switch("main")
    forked.commit("change", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    merge_with(forked, "side", {"a.py": file(function("uno", extra="x = 1"), KEPT)})
    repo_id = bring_up(forked.path)
    assert [row for row in derived(database, repo_id) if row[0] == "merge"] == [
        ("merge", "merged_from", "rename", "a.py:uno", "a.py:uno"),
        ("merge", "renamed_from", "change", "a.py:one", "a.py:uno"),
    ]
    assert [row for row in told(database, repo_id) if row[0] == "merge"] == [("merge", "renamed", "a.py:uno")]


def test_three_parents_each_bring_what_they_changed(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    names = ("one", "two", "three")
    bodies = dict(zip(names, ("total", "parse", "retry"), strict=True))
    repository.commit("base", {f"{name}.py": function(name, bodies[name]) for name in names})
    for name in names[1:]:
        repository.branch(name, "main")
        repository.commit(name, {f"{name}.py": function(name, bodies[name], extra="x = 1")})
    repository.switch("main")
    repository.commit("one", {"one.py": function("one", extra="x = 1")})
    repository.git("merge", "-q", "--no-ff", "-m", "octopus", "two", "three")
    repo_id = bring_up(repository.path)
    assert sorted(row[:3] for row in derived(database, repo_id)) == [
        (name, "modified_from", "base") for name in ("one", "three", "two")
    ]
    assert {row[2] for row in standing(database, repo_id) if row[1] in {"two", "three"}} == {2}
    assert unmatched(database, repo_id) == []


def test_a_criss_cross_brings_every_change_once(database: Database, forked: GitRepository, bring_up: Step) -> None:
    left, right = function("one", extra="x = 1"), function("kept", "retry", extra="y = 2")
    forked.commit("left", {"a.py": file(left, KEPT)})
    forked.switch("side")
    forked.commit("right", {"a.py": file(function("one"), right)})
    forked.branch("side-before", "side")
    forked.switch("side")
    merge_with(forked, "main", {"a.py": file(left, right)}, "first cross")
    forked.switch("main")
    merge_with(forked, "side-before", {"a.py": file(left, right)}, "second cross")
    merge_with(forked, "side", {"a.py": file(left, right)}, "closed")
    repo_id = bring_up(forked.path)
    assert sorted(row[:3] for row in derived(database, repo_id)) == [
        ("left", "modified_from", "base"),
        ("right", "modified_from", "base"),
    ]
    assert unmatched(database, repo_id) == []


def test_a_root_of_its_own_is_born_and_merged_in_whole(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("base", {"a.py": function("one")})
    repository.git("checkout", "-q", "--orphan", "other")
    repository.git("rm", "-rfq", ".")
    repository.commit("root", {"b.py": function("two", "parse")})
    repository.switch("main")
    repository.git("merge", "-q", "--no-ff", "--allow-unrelated-histories", "-m", "merge", "other")
    repo_id = bring_up(repository.path)
    assert sorted(told(database, repo_id)) == [("base", "introduced", "a.py:one"), ("root", "introduced", "b.py:two")]
    assert [row for row in standing(database, repo_id) if row[1] == "root"] == [("b.py:two", "root", 1)]


def test_a_version_that_only_a_dropped_branch_had_never_stands(
    database: Database, forked: GitRepository, bring_up: Step
) -> None:
    forked.switch("side")
    forked.commit("side", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    forked.switch("main")
    forked.commit("main", {"b.py": function("two", "parse")})
    merge_with(forked, "side", {})
    repo_id = bring_up(forked.path)
    assert [row for row in standing(database, repo_id) if row[1] == "side"] == [("a.py:one", "side", None)]
    assert [row[0] for row in events(database, repo_id) if row[1] == "body_changed"] == [None]
