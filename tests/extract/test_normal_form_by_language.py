"""Claims of the normal form that only one language can break; what holds in all is claimed in `test_normal_form`."""

from __future__ import annotations

import pytest

from tests.extract.reading import snippets
from tests.extract.test_normal_form import exact, pattern


@pytest.mark.parametrize(
    ("language", "text", "same"),
    [
        ("ruby", "def f; a; b; end\n", "def f\n  # first\n  a\n  b\nend\n"),
        ("ruby", "def f(x) = x.each { |y| g(y, 1) }\n", "def f(x) = x.each { |y|\n  g(y,\n    2)\n}\n"),
        ("ruby", "def f; x = 'a'; end\n", 'def f\n  x = "b"\nend\n'),
        ("ruby", "def f; g :a, b: :c; end\n", "def f\n  g :d, b: :e\nend\n"),
        ("ruby", "def f; g %w[a b]; end\n", "def f; g %w[c d e]; end\n"),
        ("ruby", "def f\n  g <<~A\n    one\n  A\nend\n", "def f\n  g <<~A\n    two\n    lines\n  A\nend\n"),
        ("kotlin", "fun f() { a(); b() }\n", "fun f() {\n  a()\n\n  b() // c\n}\n"),
        ("kotlin", "fun f() = g(1, 2)\n", "fun f() =\n  g(\n    3,\n    4,\n  )\n"),
        ("kotlin", "class A {\n  val x: Int get() = 1\n}\n", "class A {\n  val x: Int\n    get() = 1\n}\n"),
        ("kotlin", 'fun f() = "a $b ${c.d}"\n', 'fun f() = "$b${c.d}!"\n'),
        ("kotlin", "fun f() = when (a) {\n 1 -> b\n else -> c }\n", "fun f() = when (a) { 2 -> b; else -> c }\n"),
        ("swift", "func f() { a(); b() }\n", "func f() {\n  a()\n  /* c */\n  b()\n}\n"),
        ("swift", 'func f() { g("a", 1) }\n', 'func f() { g("""\n  b\n  """, 0x2) }\n'),
        ("swift", "struct A { var x = 1; var y = 2 }\n", "struct A {\n  var x = 3\n  var y = 4\n}\n"),
        ("csharp", "class A { int[] x = { 1, 2 }; }\n", "class A\n{\n  #region x\n  int[] x = { 3, 4, };\n}\n"),
        ("csharp", 'class A { string f() => $"a{b:N2}"; }\n', 'class A { string f() => $"{b}c"; }\n'),
        ("php", "<?php function f() { return [1, NULL]; }\n", "<?php\nfunction f() {\n  return [2, null,];\n}\n"),
        ("php", '<?php function f() { return "a$b{$c}"; }\n', '<?php function f() { return "$b{$c}d"; }\n'),
        ("php", "<?php function f() { ?><a>b</a><?php }\n", "<?php function f() { ?><p>\nc</p><?php }\n"),
        ("dart", "f() { g(1, [2, 3]); }\n", "f() {\n  g(\n    4,\n    [\n      5,\n      6,\n    ],\n  );\n}\n"),
        ("dart", "f() { g('a$b' \"c${d.e}\"); }\n", "f() { g(\"$b\" 'x${d.e}y'); }\n"),
    ],
)
def test_what_says_nothing_in_the_language_is_not_in_the_pattern(language: str, text: str, same: str) -> None:
    assert pattern(language, text) == pattern(language, same)


@pytest.mark.parametrize(
    ("language", "text", "other"),
    [
        ("ruby", "def f\n  return\n  g\nend\n", "def f\n  return g\nend\n"),
        ("ruby", "def f; g `ls`; end\n", "def f; g 'ls'; end\n"),
        ("ruby", "def f; g a; end\n", "def f; g :a; end\n"),
        ("ruby", "def f; a && b; end\n", "def f; a and b; end\n"),
        ("ruby", 'def f; "a#{b}"; end\n', 'def f; "a#{b + 1}"; end\n'),
        ("ruby", "def f; a.b; end\n", "def f; a&.b; end\n"),
        ("kotlin", "fun f() {\n  return\n  g()\n}\n", "fun f() {\n  return g()\n}\n"),
        ("kotlin", "fun f() { a.b() }\n", "fun f() { a?.b() }\n"),
        ("kotlin", "fun f() { val a = 1 }\n", "fun f() { var a = 1 }\n"),
        ("swift", "func f() { a! }\n", "func f() { a? }\n"),
        ("swift", "func f() { try a() }\n", "func f() { try? a() }\n"),
        ("swift", "func f(a: B) { a +++ a }\n", "func f(a: B) { a *** a }\n"),
        ("csharp", "class A { int[,] x; }\n", "class A { int[] x; }\n"),
        ("csharp", "class A { void f(ref int a) {} }\n", "class A { void f(out int a) {} }\n"),
        ("csharp", "class A { int f() => a?.b; }\n", "class A { int f() => a.b; }\n"),
        ("php", "<?php function f($a) { return $a === 1; }\n", "<?php function f($a) { return $a == 1; }\n"),
        ("php", "<?php function f($a) {}\n", "<?php function f(&$a) {}\n"),
        ("php", "<?php function f() { return null; }\n", "<?php function f() { return 0; }\n"),
        ("dart", "f() { return (1,); }\n", "f() { return (1); }\n"),
        ("dart", "f() { a..b(); }\n", "f() { a.b(); }\n"),
        ("dart", "f() async { a; }\n", "f() { a; }\n"),
        ("dart", "f() { return a ~/ b; }\n", "f() { return a / b; }\n"),
    ],
)
def test_what_has_a_meaning_in_the_language_is_in_the_pattern(language: str, text: str, other: str) -> None:
    assert pattern(language, text) != pattern(language, other)


@pytest.mark.parametrize(
    ("language", "text", "other"),
    [
        ("ruby", "def f\n  g <<~A\n    one\n  A\nend\n", "def f\n  g <<~A\n    two\n  A\nend\n"),
        ("ruby", "def f; g :a; end\n", "def f; g :b; end\n"),
        ("kotlin", 'fun f() = "a"\n', 'fun f() = "b"\n'),
        ("swift", 'func f() { g("a\\(b)") }\n', 'func f() { g("c\\(b)") }\n'),
        ("swift", 'func f() { g(#"a"#) }\n', 'func f() { g(#"b"#) }\n'),
        ("csharp", 'class A { string f() => $"{b:N2}"; }\n', 'class A { string f() => $"{b:N3}"; }\n'),
        ("php", "<?php function f() { return <<<X\na $b\nX; }\n", "<?php function f() { return <<<X\nc $b\nX; }\n"),
        ("dart", "f() { g('a$b'); }\n", "f() { g('c$b'); }\n"),
    ],
)
def test_another_text_is_another_exact_form_and_the_same_pattern(language: str, text: str, other: str) -> None:
    assert pattern(language, text) == pattern(language, other)
    assert exact(language, text) != exact(language, other)


def test_a_property_is_the_same_alone_and_in_its_class() -> None:
    accessor = "var x: Int = 1\n  get() = field + 1\n  set(v) { field = v }\n"
    assert pattern("kotlin", accessor) == patterns("kotlin", f"class A {{\n  val y = 2\n  {accessor}}}\n")["x"]


def test_a_dart_method_is_the_same_alone_and_in_its_class() -> None:
    method = "@override\n  int f(int a) { return a; }\n"
    assert pattern("dart", method) == patterns("dart", f"class A {{\n  int y = 2;\n  {method}}}\n")["f"]


def patterns(language: str, text: str) -> dict[str, str]:
    return {row["name"]: row["pattern_id"] for row in snippets(language, text)}
