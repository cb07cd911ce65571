"""The comparison with other readers pairs each definition once, and gives a reason only by a rule that holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.definitions.__main__ import files_of, main, report, spread
from bench.definitions.compare import compare
from bench.definitions.oracles import read_with_ast

needs_ctags = pytest.mark.skipif(shutil.which("ctags") is None, reason="universal-ctags is not installed")


def test_ast_finds_every_function_and_class_and_nothing_in_what_is_no_python(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("@d\ndef f():\n    class A:\n        async def g(self): ...\n")
    (tmp_path / "b.py").write_text("print 'two'\n")
    found = read_with_ast(tmp_path / "a.py")
    assert found is not None
    assert [(tag.group, tag.name, tag.line) for tag in found] == [("runs", "f", 2), ("holds", "A", 3), ("runs", "g", 4)]
    assert read_with_ast(tmp_path / "b.py") is None


def test_python_is_found_whole(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class A:\n    def A(self):\n        def A(): pass\n")
    (comparison,) = compare("python", [tmp_path / "a.py"], ["ast"])
    assert (comparison.found, comparison.by_both, dict(comparison.reasons)) == (3, 3, {})


@needs_ctags
def test_a_declaration_without_a_body_is_explained_and_a_method_found(tmp_path: Path) -> None:
    (tmp_path / "A.java").write_text("interface A {\n  void none();\n  default void some() { }\n}\n")
    (comparison,) = compare("java", [tmp_path / "A.java"], ["ctags"])
    assert (comparison.found, comparison.by_both) == (3, 2)
    assert dict(comparison.reasons) == {"declared without a body": 1}
    assert comparison.examples["declared without a body"] == [f"{tmp_path}/A.java:2 method none"]


@needs_ctags
def test_what_no_rule_explains_is_counted_as_unexplained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.definitions import reasons

    monkeypatch.setattr(reasons, "RULES", ())
    (tmp_path / "A.java").write_text("interface A {\n  void none();\n}\n")
    (comparison,) = compare("java", [tmp_path / "A.java"], ["ctags"])
    assert comparison.unexplained == 1
    assert "| java | ctags | 1 | 2 | 1 | 1 | 1 | 1 |" in report([comparison], {"at": "now", "ctags": "ctags"}, {})


@needs_ctags
def test_an_object_that_ctags_takes_for_a_class_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("const a = { b: 1 };\nfunction f() {}\n")
    (comparison,) = compare("javascript", [tmp_path / "a.js"], ["ctags"])
    assert set(comparison.reasons) <= {"an object literal: not a class"}
    assert comparison.by_both >= 1


@needs_ctags
def test_the_command_writes_its_figures_as_json_and_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "A.java").write_text("interface A {\n  void none();\n  default void some() { }\n}\n")
    (tmp_path / "a.swift").write_text("func f() { }\n")
    main([str(tmp_path), "--output", str(tmp_path / "out")])
    figures = json.loads((tmp_path / "out" / "definitions.json").read_text())
    assert figures["no_other_reader"] == {"swift": 1}
    assert [(row["language"], row["reasons"]) for row in figures["results"]] == [
        ("java", {"declared without a body": 1})
    ]
    table = (tmp_path / "out" / "definitions.md").read_text()
    assert "| java | ctags | 1 | 3 | 2 | 1 | 0 | 2 |" in table
    assert "| declared without a body | 1 |" in table


def test_files_are_taken_once_by_content_and_spread_evenly(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("x = 1\n")
    (tmp_path / "notes.txt").write_text("no language")
    assert files_of([tmp_path]) == {"python": [tmp_path / "one" / "a.py"]}
    paths = [Path(str(position)) for position in range(10)]
    assert spread(paths, 3) == [Path("0"), Path("3"), Path("6")]
    assert spread(paths, None) == paths
