"""Clone classes of a checkout: of which type, of which members, new or not, and how much of each file they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.embed.static import StaticEmbedder
from stemma.extract.checkout import read_checkout
from stemma.git.worktree import LINES, read_worktree
from stemma.match.clones import Clones, Wanted, find_clones
from tests.match import indexed
from tests.match.indexed import HEADER_JS, HEADER_TS

PARSE = indexed.PARSE.removeprefix("\n")  # 6 lines
RENAMED = PARSE.replace("parse_header", "read_field").replace("line", "row")
EDITED = PARSE.replace("    return", "    if len(values) > 100:\n        values = values[:100]\n    return")  # 8 lines
AVERAGE = """def moving_average(numbers, width):
    total = 0.0
    for position, number in enumerate(numbers):
        total += number
        if position >= width:
            total -= numbers[position - width]
        yield total / min(position + 1, width)
"""
Find = Callable[..., Clones]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Clones of a folder of these files."""

    def find(files: dict[str, str | bytes], wanted: Wanted = Wanted(), **options: object) -> Clones:  # noqa: B008
        root = tmp_path / "checkout"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
        settings = Settings(data_dir=tmp_path / "data", workers=1, parse_timeout_s=30)
        checkout = read_checkout(read_worktree(root), settings, with_code="embedder" in options)
        return find_clones(checkout, wanted, **options)  # type: ignore[arg-type]

    return find


def told(found: Clones) -> list[tuple[str, list[str]]]:
    """Type and members of each class, in order."""
    members = {
        key: rows["path"].to_list() for (key,), rows in found.members.partition_by("class_id", as_dict=True).items()
    }
    return [(row["clone_type"], members[row["class_id"]]) for row in found.classes.iter_rows(named=True)]


def test_a_class_is_of_the_widest_type_among_its_members(find: Find) -> None:
    assert told(find({"a.py": PARSE, "b.py": "# moved\n\n" + PARSE})) == [("type-1", ["a.py", "b.py"])]
    assert told(find({"a.py": PARSE, "b.py": PARSE, "c.py": RENAMED})) == [("type-2", ["a.py", "b.py", "c.py"])]
    assert told(find({"d.py": EDITED})) == [("type-3", ["a.py", "b.py", "c.py", "d.py"])]


def test_only_the_wanted_types_are_told(find: Find) -> None:
    files: dict[str, str | bytes] = {"a.py": PARSE, "b.py": PARSE, "c.py": RENAMED, "d.py": EDITED}
    expected = {1: [("type-1", ["a.py", "b.py"])], 2: [("type-2", ["a.py", "b.py", "c.py"])]}
    assert told(find(files, Wanted(types=frozenset({"type-1"})))) == expected[1]
    assert told(find(files, Wanted(types=frozenset({"type-1", "type-2"})))) == expected[2]
    assert told(find(files, Wanted(types=frozenset({"type-2"})))) == expected[2]


def test_lines_are_counted_once_and_the_largest_member_is_not_a_duplicate(find: Find) -> None:
    found = find({"a.py": PARSE, "b.py": EDITED + "\n\n" + AVERAGE})
    (row,) = found.classes.to_dicts()
    assert (row["n_members"], row["n_lines"], row["n_duplicated_lines"]) == (2, 8, 6)
    files = {row["path"]: (row["n_lines"], row["n_duplicated_lines"]) for row in found.files.to_dicts()}
    assert files == {"a.py": (6, 6), "b.py": (17, 8)}
    assert (found.counts["lines"], found.counts["duplicated_lines"]) == (23, 14)


def test_a_copied_class_is_told_once_and_not_again_for_each_method(find: Find) -> None:
    def a_class(name: str) -> str:
        methods = "\n".join("    " + line for line in (PARSE + AVERAGE).splitlines())
        return f"class {name}:\n{methods}\n"

    found = find({"a.py": a_class("Reader"), "b.py": a_class("Writer")})
    assert told(found) == [("type-2", ["a.py", "b.py"])]
    assert found.members["kind"].unique().to_list() == ["class"]


def test_a_method_that_also_stands_alone_is_told_beside_the_class(find: Find) -> None:
    methods = "\n".join("    " + line for line in (PARSE + AVERAGE).splitlines())
    found = find({"a.py": f"class A:\n{methods}\n", "b.py": f"class B:\n{methods}\n", "c.py": AVERAGE})
    assert told(found) == [("type-2", ["a.py", "b.py"]), ("type-1", ["a.py", "b.py", "c.py"])]


def test_tests_and_trivial_definitions_are_left_out_and_counted(find: Find) -> None:
    tiny = "def name(self):\n    return self._name\n"
    files: dict[str, str | bytes] = {
        "a.py": tiny, "b.py": tiny, "tests/test_a.py": PARSE, "tests/help.py": PARSE, "c_test.go": "package p\n"
    }  # fmt: skip
    found = find(files)
    assert told(found) == []
    assert (found.counts["left_out_trivial"], found.counts["left_out_tests"]) == (2, 2)
    assert told(find(files, Wanted(with_tests=True))) == [("type-1", ["tests/help.py", "tests/test_a.py"])]
    assert told(find(files, Wanted(with_trivial=True, min_tokens=0))) == [("type-1", ["a.py", "b.py"])]
    assert find({"d.py": AVERAGE, "e.py": AVERAGE}, Wanted(min_tokens=500)).counts["left_out_small"] == 2


def test_a_clone_is_new_when_a_line_of_one_side_is(find: Find) -> None:
    files: dict[str, str | bytes] = {"a.py": PARSE, "b.py": "\n" * 10 + PARSE, "c.py": AVERAGE, "d.py": AVERAGE}

    def new(*lines: tuple[str, int, int]) -> list[tuple[str, list[str]]]:
        return told(find(files, new_lines=pl.DataFrame(lines, schema=LINES, orient="row")))

    parse = [("type-1", ["a.py", "b.py"])]
    assert new() == []
    assert new(("b.py", 1, 10), ("a.py", 7, 9), ("none.py", 1, 99)) == []
    assert new(("b.py", 1, 3), ("b.py", 11, 11)) == parse
    assert new(("b.py", 16, 40)) == parse
    assert new(("b.py", 13, 13)) == parse
    found = find(files, new_lines=pl.DataFrame([("b.py", 13, 13)], schema=LINES, orient="row"))
    assert dict(found.members.select("path", "is_new").iter_rows()) == {"a.py": False, "b.py": True}


def test_the_id_of_a_class_stays_while_its_code_moves(find: Find) -> None:
    before = find({"a.py": PARSE, "b.py": RENAMED}).classes["class_id"].to_list()
    after = find({"a.py": "import os\n\n" + PARSE, "b.py": "x = 1\n" + RENAMED}).classes["class_id"].to_list()
    assert before == after


def test_a_function_is_no_copy_of_what_it_holds(find: Find) -> None:
    inner = "".join(f"    {line}\n" for line in PARSE.splitlines())
    assert told(find({"a.py": f"def outer(line, separator):\n{inner}    return parse_header\n"})) == []


def test_a_broken_file_is_named_and_ends_nothing(find: Find) -> None:
    found = find({"a.py": PARSE, "b.py": PARSE, "bin.py": b"\0" * 50, "bad.py": "def (:\n" + AVERAGE})
    assert told(found) == [("type-1", ["a.py", "b.py"])]
    assert dict(found.problems.iter_rows()) == {"bin.py": "binary", "bad.py": "syntax_error"}


def test_code_that_only_means_the_same_is_found_where_it_is_asked_for(find: Find) -> None:
    loop = """def count_words(text):
    counts = {}
    for word in text.lower().split():
        if word not in counts:
            counts[word] = 0
        counts[word] += 1
    return counts
"""
    comprehension = """def count_words(text):
    words = text.lower().split()
    distinct = set(words)
    return {word: words.count(word) for word in sorted(distinct, key=len) if len(word) > 0}
"""
    files: dict[str, str | bytes] = {"a.py": loop, "b.py": comprehension}
    wanted = Wanted(types=frozenset({"type-3", "semantic"}), threshold=0.3, weights={"semantic": 1.0})
    assert told(find(files, wanted)) == []
    assert told(find(files, wanted, embedder=StaticEmbedder())) == [("semantic", ["a.py", "b.py"])]


def test_a_twin_in_another_language_is_found_where_meaning_is_asked_for(find: Find) -> None:
    files: dict[str, str | bytes] = {"header.ts": HEADER_TS, "header.js": HEADER_JS, "other.py": AVERAGE}
    wanted = Wanted(types=frozenset({"type-1", "type-2", "type-3", "semantic"}), min_tokens=20)
    assert told(find(files, wanted)) == []
    found = find(files, wanted, embedder=StaticEmbedder())
    assert told(found) == [("semantic", ["header.js", "header.ts"])]
    assert found.classes["language"].to_list() == ["javascript, typescript"]
    other = replace(wanted, types=frozenset({"type-3"}))
    assert told(find(files, other, embedder=StaticEmbedder())) == []


def test_an_empty_checkout_has_no_clones(find: Find, tmp_path: Path) -> None:
    found = find({"notes.txt": "hello"})
    assert (told(found), found.n_new, found.counts["files"], found.counts["lines"]) == ([], 0, 0, 0)
