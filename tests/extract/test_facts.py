"""Claims of the facts of a definition: complexity counted by hand, parameters, modifiers, calls, names, imports."""

from __future__ import annotations

from typing import Any

import pytest

from stemma.languages import LANGUAGES
from tests.extract.reading import blob, read, rows


def facts(grammar: str, text: str, name: str = "f") -> dict[str, Any]:
    extracted = read(grammar, text)
    by_text = {row["exact_hash"]: row for row in rows(extracted.texts)}
    found = [row for row in rows(extracted.snippets) if row["name"] == name]
    assert len(found) == 1, [row["name"] for row in rows(extracted.snippets)]
    return by_text[found[0]["exact_hash"]]


# McCabe's rule, counted by hand: one, and one for each branch, loop, case, handler, and short circuit.
COMPLEXITIES = [
    ("python", "def f(a):\n    return a\n", 1),
    ("python", "def f(a):\n    if a:\n        pass\n    elif b:\n        pass\n    else:\n        pass\n", 3),
    ("python", "def f(a):\n    for x in a:\n        while x and y or z:\n            pass\n", 5),
    ("python", "def f(a):\n    try:\n        pass\n    except A:\n        pass\n    except B:\n        pass\n", 3),
    ("python", "def f(a):\n    return [x if x else y for x in a if x]\n", 4),
    ("python", "def f(a):\n    match a:\n        case 1: pass\n        case 2: pass\n        case _: pass\n", 3),
    ("javascript", "function f(a) { for (const x of a) { if (x && y || z) return 1; } return a ? b : c ?? d }", 7),
    ("javascript", "function f(a) { switch (a) { case 1: case 2: break; default: } do {} while (a) }", 4),
    ("typescript", "function f(a?: number): A extends B ? C : D { try { g() } catch (e) {} }", 2),
    ("java", "class A { void f(int a) { if (a > 0 && a < 9 || b) {} for (int x : y) {} while (a) {} } }", 6),
    (
        "java",
        "class A { int f(int a) { switch (a) { case 1: case 2: return 2; default: return a > 0 ? 1 : 0; } } }",
        4,
    ),
    ("go", "package a\nfunc f(a int) { for { if a > 0 && b { } }; switch a { case 1: case 2: default: } }\n", 6),
    ("rust", "fn f(a: u8) { if a > 0 && b {} while a {} for x in y {} match a { 1 => {}, 2 => {}, _ => {} } }", 7),
    ("rust", "impl<T> A for B { fn f(&self) -> impl for<'a> Fn(&'a u8) { loop {} } }", 1),
    (
        "c",
        "int f(int a) { for (;;) { if (a && b || c) break; } switch (a) { case 1: default: ; } return a ? b : c; }",
        7,
    ),
    ("cpp", "int f(T&& a) && { try { for (auto&& x : y) {} } catch (E& e) {} return a and b; }", 4),
]


@pytest.mark.parametrize(("grammar", "text", "complexity"), COMPLEXITIES)
def test_complexity_is_one_and_one_for_each_decision(grammar: str, text: str, complexity: int) -> None:
    assert facts(grammar, text)["complexity"] == complexity


def test_what_is_inside_a_definition_inside_counts_for_that_one_only() -> None:
    inside = "    def h(b):\n        if b and c:\n            i()\n        x = 1\n"
    text = f"def f(a):\n    if a:\n        g()\n{inside}    y = h\n"
    outer, inner = facts("python", text), facts("python", text, "h")
    assert (outer["complexity"], outer["calls"], outer["defines"]) == (2, ["g"], ["h", "y"])
    assert (inner["complexity"], inner["calls"], inner["defines"]) == (3, ["i"], ["x"])


def test_a_function_without_a_name_counts_for_what_is_around_it() -> None:
    text = "function f(a) { return a.map(x => x && g(x)) }"
    found = facts("javascript", text)
    assert (found["complexity"], found["calls"]) == (2, ["a.map", "g"])


def test_the_facts_of_a_text_are_the_same_wherever_it_stands() -> None:
    alone = "    @cached(g())\n    def f(self, a):\n        if a: self.x = h(a)\n"
    within = facts("python", f"class A:\n    y = k()\n{alone}")
    assert facts("python", f"class B:\n{alone}") == within
    assert (within["calls"], within["defines"], within["complexity"]) == (["cached", "g", "h"], ["self.x"], 2)
    rust = "#[test]\n    fn f() { g(1); }\n"
    assert facts("rust", f"mod a {{\n    {rust}}}") == facts("rust", f"impl A {{ fn k() {{ l(); }}\n    {rust}}}")


@pytest.mark.parametrize(
    ("grammar", "text", "parameters"),
    [
        ("python", "def f(self, a, b=1, *args, c: int, d: str = 'x', **kw): pass\n", "self a b args c d kw"),
        ("python", "def f(a, /, b, *, c): pass\n", "a b c"),
        ("javascript", "function f(a, {b, c: d, e = 1}, [g], ...h) {}", "a b d e g h"),
        ("javascript", "const f = x => x", "x"),
        ("typescript", "function f(a: number, b?: A<string>, {c}: D = {}, ...e: any[]): void {}", "a b c e"),
        ("java", "class A { void f(final int a, List<B> b, String... c) {} }", "a b c"),
        ("go", "package a\nfunc (s *T) f(a, b int, c ...string) (r int) { return }\n", "s a b c"),
        ("rust", "impl A { fn f<T>(&mut self, (a, b): (u8, u8), mut c: Vec<T>) {} }", "self a b c"),
        ("c", "int f(int a, const char *b, int c[3], void (*d)(int), struct e *) {}", "a b c d"),
        ("c", "int f(void) {}", ""),
        ("cpp", "int A::f(int a, const B& b, T&& c, int d = 1) const {}", "a b c d"),
    ],
)
def test_parameters_are_named_in_order(grammar: str, text: str, parameters: str) -> None:
    assert facts(grammar, text)["parameters"] == parameters.split()


@pytest.mark.parametrize(
    ("grammar", "text", "modifiers"),
    [
        ("python", "class A:\n    @staticmethod\n    async def f(a): pass\n", "staticmethod async"),
        ("python", "def test_f(): pass\n", "test"),
        ("javascript", "const f = async (a = b(static1)) => 1", "const async"),
        ("typescript", "abstract class A { private static async f(a: B): void {} }", "private static async"),
        ("java", 'class A { @B("static") public final <T> void f(final int a) {} }', "public final"),
        ("rust", "pub(crate) async unsafe fn f() {}", "pub async unsafe"),
        ("c", "static inline int f(const int a) {}", "static inline"),
        ("cpp", "class A { virtual void f(int a) const noexcept override {} };", "virtual noexcept override"),
        ("go", "package a\nfunc f() {}\n", ""),
    ],
)
def test_modifiers_are_those_of_the_head_and_not_of_its_brackets(grammar: str, text: str, modifiers: str) -> None:
    name = "test_f" if "test_f" in text else "f"
    assert facts(grammar, text, name)["modifiers"] == modifiers.split()


@pytest.mark.parametrize(
    ("grammar", "text", "calls"),
    [
        (
            "python",
            "def f():\n    a.b . c(1)\n    d(x)(y).e()\n    a.b.c(2)\n    g[0](1)\n    (lambda: 1)()\n",
            "a.b.c e d",
        ),
        ("javascript", "function f() { new A.B(1); a?.b(2); import('x'); super.c() }", "A.B a?.b import super.c"),
        ("typescript", "function f() { a<B>(1); new C<D>() }", "a C"),
        ("java", "class A { void f() { this.a(1); b(2); new C<D>(3); e.f().g(); } }", "this.a b C g e.f"),
        ("go", "package a\nfunc f() { b.C(d()); go e() }\n", "b.C d e"),
        ("rust", 'fn f() { A::b::<T>(c); d.e()?; println!("x"); }', "A::b d.e println"),
        ("c", "void f() { a(b()); c->d(1); (*e)(2); }", "a b c->d"),
        ("cpp", "void f() { a::b<int>(1); new C(2); this->d(); }", "a::b C this->d"),
    ],
)
def test_calls_are_named_as_they_are_written(grammar: str, text: str, calls: str) -> None:
    assert facts(grammar, text)["calls"] == calls.split()


@pytest.mark.parametrize(
    ("grammar", "text", "defines"),
    [
        (
            "python",
            "def f(p):\n    x, (y, *z) = 1, 2\n    self.q: int = 3\n    o.r = 4\n    d[k] = 5\n    for i in p: pass\n"
            "    with p as w: n = 1\n    if (v := 1): pass\n",
            "x y z self.q i w n v",
        ),
        (
            "javascript",
            "function f() { let x = 1, {y, z: w} = a; u = 2; this.v = 3; a.b = 4; for (const i of a) {} }",
            "x y w this.v i",
        ),
        (
            "java",
            "class A { void f() { int x = 1, y; this.z = 2; for (int i : a) {} try (R r = s) {} catch (E e) {} } }",
            "x y i r e",
        ),
        (
            "go",
            "package a\nfunc f() { x, y := 1, 2; var z int; const w = 1; for i, v := range a { } }\n",
            "x y z w i v",
        ),
        ("rust", "fn f() { let (x, mut y) = a; if let Some(z) = b {} for i in c {} }", "x y z i"),
        ("c", "void f() { int x = 1, *y, z[3]; struct s w; }", "x y z w"),
        ("cpp", "void f() { auto [x, y] = a; for (auto& i : b) {} }", "x y i"),
    ],
)
def test_names_bound_are_told_in_order(grammar: str, text: str, defines: str) -> None:
    assert facts(grammar, text)["defines"] == defines.split()


def test_fields_and_methods_are_what_a_class_defines() -> None:
    text = "class A { private int x = 1, y; enum E { P, Q } void g() { int z; } }"
    assert facts("java", text, "A")["defines"] == ["x", "y", "E", "g"]
    assert facts("java", text, "E")["defines"] == ["P", "Q"]


@pytest.mark.parametrize(
    ("grammar", "text", "imports"),
    [
        (
            "python",
            "import os, a.b as c\nfrom x.y import z\nfrom . import q\ndef f():\n    import os\n",
            ". a.b os x.y",
        ),
        (
            "javascript",
            "import a from 'c'; export * from 'd'; const q = require(\"e\"); import('g'); other('h')",
            "c d e g",
        ),
        ("typescript", "import type {A} from './x'; import 'y'", "./x y"),
        ("java", "import a.b.C; import static d.E.f;", "a.b.C d.E.f"),
        ("go", 'package a\nimport (\n"fmt"\nx "y/z"\n)\n', "fmt y/z"),
        ("rust", "use a::b; extern crate c; use std::io::{self};", "a::b c std::io::{self}"),
        ("c", '#include <a.h>\n#include "b/c.h"\n', "a.h b/c.h"),
        ("cpp", "#ifdef X\n#include <a>\n#endif\n", "a"),
    ],
)
def test_imports_are_told_once_and_sorted(grammar: str, text: str, imports: str) -> None:
    assert blob(grammar, text)["imports"] == imports.split()


@pytest.mark.parametrize("row", LANGUAGES.values(), ids=lambda row: row.name)
def test_every_language_says_what_calls_decides_and_imports(row: Any) -> None:
    assert row.calls
    assert row.decisions
    assert row.bindings
    assert row.imports


def test_a_table_of_names_is_told_up_to_a_bound() -> None:
    text = "def f():\n" + "".join(f"    x{n} = g{n}(1)\n" for n in range(3_000))
    found = facts("python", text)
    assert (len(found["calls"]), len(found["defines"])) == (1_000, 1_000)
