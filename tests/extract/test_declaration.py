"""Claims of the parts of a declaration: a change of one part shows in that part's column and in no other.

What the other facts of a definition are lives in `test_facts`; the docstrings themselves, in `test_definitions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from stemma.extract.extractor import File, extract
from stemma.languages import LANGUAGES
from tests.extract.reading import LIMITS, forget, read, rows

PARTS = ("doc_hash", "body_hash", "comments_hash", "parameter_list", "return_type", "annotations", "raises")

# Each part in braces; `gap` is layout, `returned` and `annotated` are empty where the language has none.
TEXTS = {
    "python": "{annotated}\ndef f({parameters}){gap}-> {returned}:\n    '''{doc}'''\n    # {comment}\n"
    "    g(x,{gap}{literal})\n",
    "javascript": "class A {{\n// {doc}\n{annotated} f({parameters}){gap}{{ /* {comment} */ g(x,{gap}{literal}); }} }}",
    "typescript": "class A {{\n// {doc}\n{annotated} f({parameters}):{gap}{returned} {{ // {comment}\n"
    "g(x,{gap}{literal}); }} }}",
    "java": "class A {{\n/** {doc} */\n{annotated} public {gap}{returned} f({parameters}) throws {raised} {{\n"
    "// {comment}\ng(x,{gap}{literal}); }} }}",
    "go": "package a\n// {doc}\nfunc f({parameters}){gap} {returned} {{\n// {comment}\ng(x,{gap}{literal}) }}\n",
    "rust": "/// {doc}\n{annotated}\nfn f({parameters}){gap}-> {returned} {{\n// {comment}\ng(x,{gap}{literal}) }}\n",
    "c": "// {doc}\n{annotated} static {returned} {gap}f({parameters}) {{\n// {comment}\ng(x,{gap}{literal}); }}\n",
    "cpp": "// {doc}\n{annotated} static {returned} {gap}f({parameters}) throw({raised}) {{\n// {comment}\n"
    "g(x,{gap}{literal}); }}\n",
    "csharp": "class A {{\n// {doc}\n[{annotated}] public{gap} {returned} f({parameters}) {{ // {comment}\n"
    "g(x,{gap}{literal}); }} }}",
    "ruby": "# {doc}\ndef f({parameters}){gap}\n# {comment}\ng(x,{gap}{literal})\nend\n",
    "php": "<?php\n// {doc}\n#[{annotated}] function f({parameters}):{gap}{returned} {{\n# {comment}\n"
    "g($x,{gap}{literal}); }}\n",
    "kotlin": "// {doc}\n{annotated} fun f({parameters}):{gap}{returned} {{\n// {comment}\ng(x,{gap}{literal}) }}\n",
    "swift": "// {doc}\n{annotated} func f({parameters}){gap} -> {returned} {{\n// {comment}\ng(x,{gap}{literal}) }}\n",
    "dart": "// {doc}\n{annotated} {returned} {gap}f({parameters}) {{\n// {comment}\ng(x,{gap}{literal}); }}\n",
}
# Two ways to write each part; parameters a third, which is the first in another layout.
PARAMETERS = {
    "python": ("a, b: int = 1", "a, b: str = 1", "a,b:int=1,"),
    "javascript": ("a, b = 1", "a, c = 1", "a,b=1"),
    "typescript": ("a: A, b = 1", "a: A, b = 2", "a:A,b=1"),
    "java": ("final int a, List<B> b", "final int a, List<C> b", "final  int a,List< B > b"),
    "go": ("a, b *int", "a, b int", "a,b  *int"),
    "rust": ("a: &u8, b: T", "a: &u8, c: T", "a:&u8,b:T,"),
    "c": ("int a, char **b", "int a, char *b", "int a,char** b"),
    "cpp": ("int a = 1, T &b", "int a = 2, T &b", "int a=1,T& b"),
    "csharp": ("int a, ref T b", "int a, out T b", "int a,ref  T b"),
    "ruby": ("a, b = 1", "a, b = 2", "a,b=1"),
    "php": ("int $a, $b = 1", "int $a, $b = 2", "int  $a,$b=1"),
    "kotlin": ("a: Int, b: T = 1", "a: Int, b: T = 2", "a:Int,b:T=1"),
    "swift": ("a: Int, b c: T = 1", "a: Int, b c: T = 2", "a:Int,b c:T = 1"),
    "dart": ("int a, {T b = 1}", "int a, {T b = 2}", "int a,{T b=1}"),
}
RETURNED = {
    "python": ("dict[str, int]", "int"), "typescript": ("Map<A, B>", "string"), "java": ("Map<A, B>[]", "int"),
    "go": ("(int, error)", "error"), "rust": ("Result<T, E>", "u8"), "c": ("const char *", "int"),
    "cpp": ("const std::vector<T> *", "int"), "csharp": ("Task<int>", "int"), "php": ("?int", "A|B"),
    "kotlin": ("List<Int>", "Int"), "swift": ("[Int]", "Int"), "dart": ("Future<int>", "int"),
}  # fmt: skip
ANNOTATED = {
    "python": ("@a.b(1)", "@c"), "javascript": ("@a", "@b"), "typescript": ("@a(1)", "@a(2)"),
    "java": ("@A(b = 1)", "@C"), "rust": ("#[a(b)]", "#[c]"), "c": ("__attribute__((a))", "__attribute__((b))"),
    "cpp": ("[[a]]", "[[b]]"), "csharp": ("A(1)", "A(2)"), "php": ("A(1)", "B"), "kotlin": ("@A(1)", "@B"),
    "swift": ("@a", "@b"), "dart": ("@A(1)", "@B"),
}  # fmt: skip
TOLD_ANNOTATED = {"cpp": "a"}  # what is not told as it stands above
RAISED = {"java": ("X", "a.Y"), "cpp": ("X", "Y")}


def written(language: str, **changed: str) -> str:
    first = {
        "doc": "Sells it.", "comment": "why it does", "literal": "1", "gap": "", "parameters": PARAMETERS[language][0],
        "returned": RETURNED.get(language, ("", ""))[0], "annotated": ANNOTATED.get(language, ("", ""))[0],
        "raised": RAISED.get(language, ("", ""))[0],
    }  # fmt: skip
    return TEXTS[language].format(**{**first, **changed})


def parts(grammar: str, text: str, name: str = "f") -> dict[str, Any]:
    extracted = read(grammar, text)
    assert extracted.blobs["status"] == ["parsed"], text
    texts = {row["exact_hash"]: row for row in rows(extracted.texts)}
    found = [row | texts[row["exact_hash"]] for row in rows(extracted.snippets) if row["name"] == name]
    assert len(found) == 1, [row["name"] for row in rows(extracted.snippets)]
    return {part: found[0][part] for part in PARTS}


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {part for part in PARTS if one[part] != other[part]}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_parts_are_told_as_they_are_written(language: str) -> None:
    found = parts(language, written(language))
    assert found["parameter_list"] == PARAMETERS[language][0]
    assert found["return_type"] == RETURNED.get(language, (None,))[0]
    assert found["annotations"] == [
        TOLD_ANNOTATED.get(language, one) for one in ANNOTATED.get(language, ("",))[:1] if one
    ]
    assert found["raises"] == [one for one in RAISED.get(language, ("",))[:1] if one]
    assert None not in (found["doc_hash"], found["body_hash"], found["comments_hash"])


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_another_layout_changes_no_part(language: str) -> None:
    gap = "  " if language in ("python", "go", "ruby", "kotlin", "swift") else "\n\t"
    other = written(language, gap=gap, parameters=PARAMETERS[language][2], doc="Sells   it.", comment="why  it does")
    assert changed(parts(language, written(language)), parts(language, other)) == set()


FORMS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "doc": {}, "comment": {}, "literal": {}, "parameters": PARAMETERS, "returned": RETURNED,
    "annotated": ANNOTATED, "raised": RAISED,
}  # fmt: skip
COLUMNS = {
    "doc": "doc_hash", "comment": "comments_hash", "literal": "body_hash", "parameters": "parameter_list",
    "returned": "return_type", "annotated": "annotations", "raised": "raises",
}  # fmt: skip
CHANGES = [
    (language, part, FORMS[part][language][1] if FORMS[part] else "2")
    for language in sorted(LANGUAGES)
    for part in COLUMNS
    if not FORMS[part] or language in FORMS[part]
]


@pytest.mark.parametrize(("language", "part", "other"), CHANGES)
def test_a_change_of_one_part_shows_in_no_other(language: str, part: str, other: str) -> None:
    rewritten = written(language, **{part: other})
    assert changed(parts(language, written(language)), parts(language, rewritten)) == {COLUMNS[part]}


def test_what_is_not_written_is_null_or_empty() -> None:
    bare = parts("java", "interface A { }", "A")
    assert bare == {
        "doc_hash": None, "body_hash": bare["body_hash"], "comments_hash": None, "parameter_list": None,
        "return_type": None, "annotations": [], "raises": [],
    }  # fmt: skip
    assert parts("python", "def f(): pass\n")["parameter_list"] == ""
    assert parts("csharp", "record R(int A);", "R")["body_hash"] is None
    assert parts("ruby", "def f\nend\n")["parameter_list"] is None


def test_a_comment_of_two_lines_says_the_same_on_one() -> None:
    one = "// Sells it.\n// And more.\nfunc f() {\n\t// why\n\t// so\n}\n"
    other = "/* Sells it. And more. */\nfunc f() { /* why so */ }\n"
    assert changed(parts("go", f"package a\n{one}"), parts("go", f"package a\n{other}")) == set()


# --- types: their fields are theirs, their methods have histories of their own ---------------------------------

TYPES = {
    "python": ("class A(B):\n    x = {field}\n{members}", "    # does it\n    def g{name}(self): return {body}\n"),
    "javascript": (
        "class A {{\nx = {field};\n{members}}}",
        "// does it\ng{name}() {{ return {body} }}\nh{name} = () => {body};\n",
    ),
    "typescript": ("class A {{\nx = {field};\n{members}}}", "/* does it */\ng{name}(): B {{ return {body} }}\n"),
    "java": (
        "class A {{\nint x = {field};\n{members}}}",
        "/** does it */\nint g{name}() {{ return {body}; }}\nclass H{name} {{ int y = {body}; }}\n",
    ),
    "rust": ("trait A {{\nconst X: u8 = {field};\n{members}}}", "/// does it\nfn g{name}() {{ {body} }}\n"),
    "cpp": ("class A {{\nint x = {field};\n{members}}};", "// does it\nint g{name}() {{ return {body}; }}\n"),
    "csharp": (
        "class A {{\nint x = {field};\n{members}}}",
        "/// does it\nint g{name}() {{ return {body}; }}\nint P{name} {{ get {{ return {body}; }} }}\n",
    ),
    "ruby": ("class A\nx = {field}\n{members}end", "# does it\ndef g{name}\n{body}\nend\n"),
    "php": (
        "<?php class A {{\npublic $x = {field};\n{members}}}",
        "// does it\nfunction g{name}() {{ return {body}; }}\n",
    ),
    "kotlin": ("class A {{\nval x = {field}\n{members}}}", "// does it\nfun g{name}() {{ {body} }}\n"),
    "swift": ("class A {{\nvar x = {field}\n{members}}}", "// does it\nfunc g{name}() {{ {body} }}\n"),
    "dart": ("class A {{\nint x = {field};\n{members}}}", "/// does it\nint g{name}() {{ return {body}; }}\n"),
}


def type_parts(language: str, field: str, *members: tuple[str, str], note: str = "does it") -> dict[str, Any]:
    outside, inside = TYPES[language]
    text = "".join(inside.format(name=name, body=body) for name, body in members).replace("does it", note)
    return parts(language, outside.format(field=field, members=text), "A")


@pytest.mark.parametrize("language", sorted(TYPES))
def test_the_body_of_a_type_is_its_fields_and_not_its_methods(language: str) -> None:
    first = type_parts(language, "1", ("one", "1"), ("two", "2"))
    assert changed(first, type_parts(language, "1", ("one", "1"), ("two", "3"))) == set()
    assert changed(first, type_parts(language, "1", ("one", "1"), ("two", "2"), note="does more")) == set()
    assert changed(first, type_parts(language, "1", ("two", "2"))) == set()
    assert changed(first, type_parts(language, "1")) == set()
    assert changed(first, type_parts(language, "2", ("one", "1"), ("two", "2"))) == {"body_hash"}


def test_a_function_inside_a_function_is_part_of_its_body() -> None:
    text = "def f():\n  # outside\n  def g():\n    '''{doc}'''\n    # {comment}\n    return {literal}\n  return g\n"
    first = parts("python", text.format(doc="a", comment="b", literal=1))
    assert changed(first, parts("python", text.format(doc="a", comment="b", literal=2))) == {"body_hash"}
    assert changed(first, parts("python", text.format(doc="a", comment="c", literal=1))) == {"comments_hash"}
    assert changed(first, parts("python", text.format(doc="c", comment="b", literal=1))) == {"comments_hash"}


def test_the_parts_are_the_same_whether_a_member_was_read_before_or_not() -> None:
    text = "class A:\n    x = 1\n    def g(self):\n        return [1, 2, 3]\n    y = 2\n"
    forget()
    files = [File(str(at), "python", f"{text}    z = {at}\n".encode()) for at in (1, 2)]
    together = extract(files, LIMITS).texts  # the second finds g known
    bodies = [hashed for name, hashed in zip(together["defines"], together["body_hash"], strict=True) if "z" in name]
    assert bodies == [parts("python", f"{text}    z = {at}\n", "A")["body_hash"] for at in (1, 2)]
    assert len(set(bodies)) == 2


@pytest.mark.parametrize(
    ("grammar", "text", "other", "column"),
    [
        ("cpp", "A::f(int a) : x(1) { }", "A::f(int a) : x(2) { }", "body_hash"),
        ("cpp", "A::f(int a) : x(1) { }", "A::f(int a) : x(1) { g(); }", "body_hash"),
        ("dart", "class A { f() : x = 1 { } }", "class A { f() : x = 2 { } }", "body_hash"),
        ("javascript", "const f = a => a", "const f = a => b", "body_hash"),
        ("javascript", "const f = a => `${b}c`", "const f = a => `${b}d`", "body_hash"),
        ("javascript", "const f = (a) => a", "const f = a => a", None),
        ("javascript", "const f = a => b => 1", "const f = a => b => 2", "body_hash"),
        ("python", "f = lambda a: 1\n", "f = lambda b: 1\n", "parameter_list"),
        ("go", "package a\ntype f struct { x int }\n", "package a\ntype f struct { x uint }\n", "body_hash"),
        ("go", "package a\ntype f interface { g() }\n", "package a\ntype f interface { h() }\n", "body_hash"),
        (
            "go",
            "package a\nvar x = A{f: func(a int) { b() }}\n",
            "package a\nvar x = A{f: func(a int) { c() }}\n",
            "body_hash",
        ),
        ("rust", "macro_rules! f { () => { 1 } }", "macro_rules! f { () => { 2 } }", "body_hash"),
        ("c", "struct f { int x; };", "struct f { int y; };", "body_hash"),
        ("cpp", "auto f() -> int { }", "auto f() -> A { }", "return_type"),
        ("kotlin", "class f(val a: Int)", "class f(val b: Int)", "parameter_list"),
        ("ruby", "def f(a)\nb\nend", "def f a\nb\nend", None),
        ("python", "def f():\n    '''a'''\n    'b'\n", "def f():\n    '''a'''\n    'c'\n", "comments_hash"),
    ],
)
def test_where_a_part_stands_is_seen(grammar: str, text: str, other: str, column: str | None) -> None:
    assert changed(parts(grammar, text), parts(grammar, other)) == ({column} if column else set())


def test_a_part_that_is_too_long_is_cut_and_still_told_from_others() -> None:
    many = ", ".join(f"parameter{number}" for number in range(1_000))
    one, other = parts("python", f"def f({many}): pass\n"), parts("python", f"def f({many}x): pass\n")
    assert len(one["parameter_list"]) <= 2_000
    assert changed(one, other) == {"parameter_list"}


def test_documentation_counts_beyond_what_is_kept_of_it() -> None:
    long = "word\n" * 20_000
    one, other = (parts("java", f"/** {long}{end} */ class A {{ }}", "A") for end in ("a", "b"))
    assert changed(one, other) == {"doc_hash"}
