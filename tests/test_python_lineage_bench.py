"""The Python benchmarks of lineage measure what they say: labels hold, histories and renames are judged by rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.lineage import python_scoring, refactoring_scoring
from bench.lineage.clones import MissingCloneError
from bench.lineage.labels import Repository
from bench.lineage.python_set import Change, Function, functions, problems
from bench.lineage.refactoring_scoring import Told
from bench.lineage.refactorings import DATA, Refactoring, refactorings
from bench.lineage.scoring import Score
from stemma.git.store import open_store
from tests.repositories import GitRepository

SOME = Repository("an/example", "example", "c9")
BODY = "def area(side):\n    total = side * side\n    print('area', total, 'of', side)\n    return total\n"


def change(
    commit: str, *kinds: str, also: tuple[str, ...] = (), other: tuple[str, ...] = (), optional: bool = False
) -> Change:
    return Change(commit, "a.py", "f", frozenset(kinds), frozenset(also), other, False, optional, "")


def function(*changes: Change, elsewhere: tuple[str, ...] = (), repository: Repository = SOME) -> Function:
    return Function(0, repository, "a.py", "f", 0, 1, changes, frozenset(elsewhere))


def found(**commits: str) -> dict[str, frozenset[str]]:
    return {sha: frozenset(kinds.split()) for sha, kinds in commits.items()}


# --- histories -------------------------------------------------------------------------------------------------


def test_the_labels_are_69_functions_of_three_repositories_each_from_its_birth() -> None:
    every = functions()
    names = [each.repository.name for each in every]
    assert {name: names.count(name) for name in names} == {"pallets/flask": 24, "psf/requests": 23, "dit/dit": 22}
    assert all("introduced" in each.changes[0].kinds for each in every)
    moved = {"renamed", "moved_across_files", "file_renamed"}
    assert sum(any(one.kinds & moved for one in each.changes) for each in every) >= 15


def test_a_commit_counts_by_itself_and_each_kind_apart() -> None:
    labelled = function(change("c1", "introduced"), change("c2", "body_changed", "renamed"), change("c3", "removed"))
    held = python_scoring.held(labelled, found(c1="introduced", c2="body_changed signature_changed", c4="renamed"))
    assert held.commits == Score(2, 1, 1)
    assert held.kinds["body_changed"] == Score(1, 0, 0)
    assert held.kinds["renamed"] == Score(0, 1, 1)
    assert held.kinds["signature_changed"] == Score(0, 1, 0)
    assert held.is_introduction_right
    assert not held.is_whole
    assert [row["commit"] for row in held.wrong] == ["c3", "c4", "c2"]


def test_the_same_change_of_another_branch_is_right_and_what_a_merge_dropped_is_not_judged() -> None:
    labelled = function(
        change("c1", "introduced"),
        change("c2", "body_changed", other=("b2",)),
        change("c3", "body_changed", optional=True),
        elsewhere=("b3",),
    )
    held = python_scoring.held(labelled, found(c1="introduced", b2="body_changed", b3="body_changed"))
    assert held.commits == Score(2, 0, 0)
    assert held.is_whole


def test_a_kind_that_is_right_as_well_stands_for_the_one_asked_for() -> None:
    labelled = function(
        change("c1", "introduced"),
        change("c2", "formatting_changed", also=("body_changed",)),
        change("c3", "renamed", also=("moved_within_file",)),
    )
    held = python_scoring.held(labelled, found(c1="introduced", c2="body_changed", c3="moved_within_file"))
    assert held.is_whole
    assert held.kinds["formatting_changed"] == held.kinds["renamed"] == Score(1, 0, 0)
    assert held.kinds["body_changed"] == Score(0, 0, 0)


def test_order_inside_a_file_is_no_false_find() -> None:
    held = python_scoring.held(function(change("c1", "introduced")), found(c1="introduced", c2="moved_within_file"))
    assert held.is_whole


def test_a_function_is_asked_for_by_its_place(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "example")
    first = repository.commit(files={"a.py": f"class A:\n    pass\n\n\n{BODY}"})
    second = repository.commit(files={"a.py": f"class A:\n    pass\n\n\n{BODY}".replace("* side", "** 2")})
    asked = Function(0, Repository("an/example", "example", second), "a.py", "area", 0, 5, (), frozenset())
    assert python_scoring.asked(tmp_path, asked) == found(**{first: "introduced", second: "body_changed"})


# --- what must hold of labels ----------------------------------------------------------------------------------


def test_labels_that_do_not_fit_the_repository_are_named(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "example")
    first = repository.commit(files={"a.py": BODY})
    second = repository.commit(files={"b.py": BODY})
    third = repository.commit(files={"a.py": BODY + "\n"})
    here = Repository("an/example", "example", third)
    right = function(change(first, "introduced"), change(third, "formatting_changed"), repository=here)
    assert list(problems(tmp_path, [right])) == []

    wrong = function(
        change(third, "formatting_changed"), change(first, "introduced"), change(second, "painted"), repository=here
    )
    told = "\n".join(problems(tmp_path, [wrong]))
    assert "does not begin with its introduction" in told
    assert "not in order" in told
    assert f"{second}: ['painted']" in told
    assert f"{second} does not touch a.py" in told
    early = function(change(third, "introduced"), repository=Repository("an/example", "example", first))
    assert f"{third} is not behind {first}" in "\n".join(problems(tmp_path, [early]))


def test_a_missing_clone_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingCloneError, match=r"git clone --bare https://github\.com/an/example"):
        list(problems(tmp_path, [function(change("c1", "introduced"))]))


# --- renames and moves -----------------------------------------------------------------------------------------


def label(kind: str, family: str, old: str, new: str, both: bool = True) -> Refactoring:
    return Refactoring(SOME, "c9", kind, family, old, new, both)  # type: ignore[arg-type]


def test_the_sentences_of_the_labels_are_read(tmp_path: Path) -> None:
    said = {
        "Rename Method": "Rename Method public a(x) renamed to public b(x, y) in class m.C",
        "Move And Rename Method": (
            "Move And Rename Method public a(x) from class m.C to protected _b() from class n.__module__"
        ),
        "Move Class": "Move Class m.__module__ moved to n.__module__",
        "Extract And Move Method": (
            "Extract And Move Method public b(t) extracted from public a(s) in class m.__module__ & moved to class n.C"
        ),
    }
    rows = [{"type": kind, "description": text, "validation": "TP"} for kind, text in said.items()]
    rows += [{"type": "Rename Method", "description": "never read", "validation": "FP"}]
    rows += [{"type": "Rename Variable", "description": "never read", "validation": "TP"}]
    content = [{"repository": "https://github.com/dit/dit.git", "sha1": "abc", "refactorings": rows}]
    GitRepository(tmp_path / "RefactoringMiner").commit(files={DATA: json.dumps(content)})
    read = [(each.family, each.old, each.new, each.has_both_holders) for each in refactorings(tmp_path)]
    assert read == [
        ("rename", "m.C.a", "m.C.b", False),
        ("move", "m.C.a", "n._b", True),
        ("module", "m", "n", True),
        ("extract", "m.a", "n.C.b", True),
    ]


def test_what_a_renamed_class_or_file_took_along_is_not_judged() -> None:
    labels = [label("Rename Class", "rename", "m.C", "m.D"), label("Rename Method", "rename", "m.x", "m.y", both=False)]
    every = [
        Told("renamed_from", "p.m/C", "p.m/D", False),
        Told("moved_from", "p.m/C.run", "p.m/D.run", False),
        Told("moved_from", "p.m/C.run.inner", "p.m/D.run.inner", False),
        Told("moved_from", "p.old/f", "p.new/f", True),
        Told("renamed_from", "p.m/C.stop", "p.m/D.halt", False),
        Told("moved_from", "p.m/C.other", "p.m/E.other", False),
    ]
    scores, rows = refactoring_scoring.held(labels, every)
    assert scores == {"rename": Score(1, 1, 1), "move": Score(0, 1, 0)}
    assert [(row["is"], row["new"]) for row in rows] == [
        ("missed", "m.y"), ("false", "p.m/D.halt"), ("false", "p.m/E.other"),
    ]  # fmt: skip


def test_where_the_label_names_one_holder_it_is_the_later(tmp_path: Path) -> None:
    labels = [label("Rename Method", "rename", "new.area", "new.surface", both=False)]
    scores, _ = refactoring_scoring.held(labels, [Told("renamed_from", "p.old/area", "p.new/surface", True)])
    assert scores == {"rename": Score(1, 0, 0)}


def test_a_commit_is_traced_against_its_first_parent(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "example")
    repository.commit(files={"shapes/a.py": BODY, "shapes/b.py": "def far():\n    return 'far'\n", "c.txt": "text\n"})
    second = repository.commit(files={"shapes/a.py": BODY.replace("area(", "surface("), "c.txt": "other\n"})
    store = open_store(tmp_path / "example" / ".git")
    told = refactoring_scoring.told(refactoring_scoring.traced(store, second), second)
    assert Told("renamed_from", "shapes.a/area", "shapes.a/surface", False) in told
    labels = [Refactoring(SOME, second, "Rename Method", "rename", "a.area", "a.surface", False)]
    assert refactoring_scoring.held(labels, told) == ({"rename": Score(1, 0, 0)}, [])
