"""Claims of which patterns are trivial, and which only look so."""

from __future__ import annotations

import pytest

from stemma.extract.extractor import File, extract
from stemma.extract.triviality import TRIVIAL_TOKENS
from tests.extract.reading import LIMITS, read, rows

FIELDS = "".join(f"    a{n}: list[str] | None = field(default_factory=list)\n" for n in range(4))
LONG = "a_rather_long_list: Dict[str, List[int]], of_parameters: Dict[str, Set[int]], so_that: Tuple[int, str]"


def reason(grammar: str, text: str, name: str) -> str | None:
    found = [row for row in rows(read(grammar, text).patterns) if row["name"] == name]
    assert len(found) == 1
    assert found[0]["is_trivial"] is (found[0]["trivial_reason"] is not None)
    assert found[0]["n_tokens"] >= TRIVIAL_TOKENS or found[0]["trivial_reason"] == "tiny"
    return found[0]["trivial_reason"]


@pytest.mark.parametrize(
    ("grammar", "text", "name", "expected"),
    [
        ("python", "def f(a): return a\n", "f", "tiny"),
        ("python", f"def get(self, {LONG}): return self.x.y\n", "get", "accessor"),
        ("python", f"def set(self, {LONG}):\n    self.x = so_that\n    return self\n", "set", "accessor"),
        (
            "java",
            "class A { @Override public final synchronized Map<String, List<Map<String, Integer>>> "
            "getAllThatThereIs(Map<A, B> ignored, C c) throws D { return this.all; } }",
            "getAllThatThereIs",
            "accessor",
        ),
        (
            "python",
            "def __init__(self, a, b, c):\n    super().__init__(a)\n    self.a = a\n    self.b = b\n    self.c = 1\n"
            "    self.d = None\n",
            "__init__",
            "constructor",
        ),
        ("java", "class A { A(int a, int b, int c) { this.a = a; this.b = b; this.c = c; this.d = 0; } }", "A", None),
        (
            "java",
            "class A { void A(int a, int b, int c) { this.a = a; this.b = b; this.c = c; this.d = 0; } }",
            "A",
            None,
        ),
        (
            "python",
            f"def call(self, {LONG}): return self.other.call(a_rather_long_list, of_parameters, so_that=so_that)\n",
            "call",
            "delegate",
        ),
        (
            "python",
            "def table():\n    return {" + ", ".join(f"'k{n}': {n}" for n in range(20)) + "}\n",
            "table",
            "data",
        ),
        ("python", "class Codes:\n" + "".join(f"    C{n} = {n}\n" for n in range(20)), "Codes", "data"),
        ("python", "class Codes:\n" + "".join(f"    C{n} = {n}\n" for n in range(40)), "Codes", None),
        ("python", f"@dataclass(frozen=True)\nclass Row(Base):\n{FIELDS}", "Row", "data"),
        ("python", "class Colour(Enum):\n" + "".join(f"    C{n} = enum.auto()\n" for n in range(6)), "Colour", "data"),
        ("java", "class Row { private final String a, b; int c = 3; Map<String, List<Map<A, B>>> d; }", "Row", "data"),
        (
            "csharp",
            "class Row { public string A { get; set; } public int B { get; private set; } public C D { get; } E F; }",
            "Row",
            "data",
        ),
        ("go", "package p\ntype Row struct {\n" + '\tA map[string]*B `json:"a"`\n' * 5 + "}\n", "Row", "data"),
        ("rust", "pub struct Row { pub a: Vec<Option<u8>>, b: Option<&str>, c: Map<u8, u8>, d: A }", "Row", "data"),
        ("typescript", "interface Row { a: string; b?: number[]; c: 'x' | 'y'; d: A; e: B; f: C }", "Row", "data"),
    ],
)
def test_a_trivial_shape_is_named(grammar: str, text: str, name: str, expected: str | None) -> None:
    found = [row["trivial_reason"] for row in rows(read(grammar, text).patterns) if row["name"] == name]
    assert expected in found


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ("python", f"def f(self, {LONG}):\n    return self.x.y + 1\n"),
        ("python", f"def f(self, {LONG}):\n    self.x = so_that\n    self.update()\n"),
        ("python", f"def f(self, {LONG}):\n    return self.g(so_that, so_that + 1)\n"),
        ("python", f"def f(self, {LONG}):\n    return self.g(self.h(so_that))\n"),
        ("python", f"def f(self, {LONG}):\n    self.x = so_that\n    self.y = compute(so_that)\n"),
        ("python", f"def f(self, {LONG}):\n    if so_that:\n        self.x = so_that\n        self.y = so_that\n"),
        ("python", f"def f(b, {LONG}):\n    b.x = so_that\n    so_that.y = b\n    c.z = b\n"),
        ("python", "def f(x):\n    return [" + ", ".join(f"x * {n}" for n in range(10)) + "]\n"),
    ],
)
def test_what_computes_branches_or_calls_more_is_not_trivial(grammar: str, text: str) -> None:
    assert reason(grammar, text, "f") is None


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ("python", f"class Row:\n{FIELDS}    def f(self): return 1\n"),
        ("python", f"class Row:\n{FIELDS}    b = 1 + 2\n"),
        ("python", f"class Row:\n{FIELDS}    register(1)\n"),
        ("java", "class Row { private final String a, b; int c = 3; Map<String, List<Map<A, B>>> d; void f() {} }"),
        ("typescript", "interface Row { a: string; b?: number[]; c: (x: string) => void; d: A; e: B; f: C }"),
    ],
)
def test_a_type_that_does_more_than_name_its_fields_is_not_trivial(grammar: str, text: str) -> None:
    assert reason(grammar, text, "Row") is None


CODE = """
def f(items):
    total = 0
    for item in items:
        if item.price:
            total += item.price * 2
    return total
"""


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("# Code generated by protoc-gen-go. DO NOT EDIT.\n", "generated"),
        ("# @generated SignedSource<<0123>>\n", "generated"),
        ("# Copyright 2020 Somebody. All rights reserved.\n", None),
        ("MESSAGE = 'Code generated. DO NOT EDIT.'\n", None),
    ],
)
def test_code_below_the_mark_of_a_generator_is_generated(head: str, expected: str | None) -> None:
    assert reason("python", head + CODE, "f") == expected


def test_a_pattern_met_in_generated_code_and_elsewhere_is_not_generated() -> None:
    generated = File("1" * 40, "python", b"# @generated\n" + CODE.encode())
    written = File("2" * 40, "python", CODE.encode())
    for files in ([generated, written], [written, generated]):
        assert [row["trivial_reason"] for row in rows(extract(files, LIMITS).patterns)] == [None]
