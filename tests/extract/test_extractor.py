"""Claims of reading one file: odd and hostile ones are read or named, none crashes, none takes for ever."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.extract.extractor import File, Limits, crashed, extract
from stemma.extract.triviality import TRIVIAL_TOKENS
from stemma.languages import LANGUAGES
from tests.extract.reading import LIMITS, blob, named, places, read, rows, snippets

GRAMMARS = sorted(grammar for row in LANGUAGES.values() for grammar in row.grammars)
DEEP = 5_000


def test_a_blob_row_counts_what_was_read() -> None:
    row = blob("python", "def f():\n    pass\n\n\nx = 1\n")
    assert row.pop("parse_ms") > 0
    assert row == {
        "blob_oid": "0" * 40,
        "language": "python",
        "n_bytes": 26,
        "n_lines": 5,
        "status": "parsed",
        "reason": None,
        "n_errors": 0,
        "n_snippets": 1,
        "imports": [],
    }


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", "parsed", None),
        (b"\n \n", "parsed", None),
        (b"x = 1\0\n", "skipped", "binary"),
        (b"x = 1\n" * 2_000 + b"\0", "parsed", None),
        (b"x = '" + b"a" * 100_000 + b"'\n", "skipped", "minified"),
        (b"x = '''" + b"a b\n" * 100_000 + b"'''\n", "parsed", None),
        (b"#" * 5_000_001, "skipped", "too_large"),
        (b"def f(:\n  pass\n", "partial", "syntax_error"),
        (b"\xff\xfe\x00", "skipped", "bad_encoding"),
    ],
)
def test_a_file_that_is_not_read_whole_says_why(content: bytes, status: str, reason: str | None) -> None:
    row = blob("python", content)
    assert (row["status"], row["reason"]) == (status, reason)


def test_definitions_beside_a_syntax_error_are_found() -> None:
    text = "def good():\n    return 1\n\nx = = 3\n\nclass Also:\n    def fine(self): pass\n"
    assert [place[1] for place in places("python", text)] == ["good", "Also", "Also.fine"]
    assert blob("python", text)["n_errors"] >= 1


@pytest.mark.parametrize(
    "content",
    [
        "def f():\n    return 'é'\n".encode("utf-16"),
        "\ufeffdef f():\n    return 'é'\n".encode(),
        "def f():\r\n    return 'é'\r\n".encode(),
        "def f():\n    return 'é'\n".encode("latin-1"),
    ],
    ids=["utf-16", "bom", "crlf", "latin-1"],
)
def test_encodings_and_line_ends_do_not_hide_a_definition(content: bytes) -> None:
    assert places("python", content) == [("function", "f", 1, 2)]
    plain = named("python", "def f():\n    return 'é'\n", "f")
    assert named("python", content, "f")["pattern_id"] == plain["pattern_id"]


def test_crlf_is_the_same_exact_text() -> None:
    text = "def f():\n    return 1\n"
    assert named("python", text, "f")["exact_hash"] == named("python", text.replace("\n", "\r\n"), "f")["exact_hash"]


def test_stored_text_holds_neither_nul_nor_surrogate() -> None:
    content = b"# " + b"x" * 8_000 + b"\ndef f\xed\xa0\x80():\n    '''a\0b\xff'''\n"
    extracted = read("python", content)
    assert extracted.snippets["name"], "a definition with a broken name is still found"
    for column in (*extracted.snippets.values(), *extracted.patterns.values()):
        for value in column:
            if isinstance(value, str):
                assert "\0" not in value
                value.encode()


def test_a_very_long_name_is_cut_and_stays_distinct() -> None:
    lines = ["a" * 100 for _ in range(1_000)]  # enough short lines not to look minified
    long = "b" * 100_000
    text = "\n".join(lines * 3) + f"\ndef {long}1():\n    {long}x = 1\n\ndef {long}2(): pass\n"
    names = [row["name"] for row in snippets("python", text)]
    assert len(set(names)) == 2
    assert all(len(name) <= 256 for name in names)


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ("python", "x = " + "[" * DEEP + "]" * DEEP),
        ("python", "def f():\n  return " + "(" * DEEP),
        ("javascript", "function f() {" + "{" * DEEP + "}" * DEEP + "}"),
        ("javascript", "f(" * DEEP + ")" * DEEP),
        ("tsx", "const f = () => " + "<a>" * 1_000 + "</a>" * 1_000),
        ("java", "class A { Object f = " + "() -> " * 1_000 + "1; }"),
        ("go", "package a\nvar x = " + "[]T{" * 1_000 + "}" * 1_000),
        ("rust", "fn f() { m!" + "(" * DEEP + ")" * DEEP + "}"),
        ("c", "int " + "*" * DEEP + "f() { }"),
        ("cpp", "int " + "(" * 1_000 + "x" + ")" * 1_000 + "() { }"),
        ("cpp", "namespace a {" * 1_000 + "void f() {}" + "}" * 1_000),
    ],
)
def test_deep_nesting_is_read_without_recursion(grammar: str, text: str) -> None:
    assert blob(grammar, text)["status"] in ("parsed", "partial")


def test_definitions_nested_beyond_reason_are_left_out_and_said() -> None:
    text = "".join(f"function f{n}() {{\n" for n in range(100)) + "}\n" * 100
    row = blob("javascript", text)
    assert (row["status"], row["reason"], row["n_snippets"]) == ("partial", "too_deep", 32)


def test_a_file_that_takes_too_long_is_named() -> None:
    text = "function a(x) { return x }\n" * 50_000
    started = time.process_time()
    row = blob("javascript", text, Limits(max_file_bytes=5_000_000, parse_timeout_s=0.2))
    assert (row["status"], row["reason"], row["n_snippets"]) == ("skipped", "timeout", 0)
    assert time.process_time() - started < 2


def test_the_file_after_one_that_took_too_long_is_read_from_its_start() -> None:
    slow = File("1" * 40, "python", b"x = [\n" + b"1, 2, 3, 4,\n" * 100_000 + b"]\n")
    quick = File("2" * 40, "python", b"def f(): pass\n")
    found = rows(extract([slow, quick], Limits(5_000_000, 0.02)).blobs)
    assert [(row["status"], row["n_snippets"]) for row in found] == [("skipped", 0), ("parsed", 1)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(GRAMMARS),
    st.binary(max_size=300) | st.text("(){}[]<>;:,.*&|=+-#@\"'`\\/ \n\tabdefclass01", max_size=300),
)
def test_no_content_fails(grammar: str, content: bytes | str) -> None:
    extracted = read(grammar, content)
    row = rows(extracted.blobs)[0]
    assert row["reason"] is None or not row["reason"].startswith("failed")
    size = len(content.encode() if isinstance(content, str) else content)
    for snippet in rows(extracted.snippets):
        assert 1 <= snippet["start_line"] <= snippet["end_line"]
        assert 0 <= snippet["start_byte"] < snippet["end_byte"] <= 2 * size + 8
        assert snippet["qualified_name"].endswith(snippet["name"])
    assert set(extracted.snippets["pattern_id"]) == set(extracted.patterns["pattern_id"])


@pytest.mark.parametrize(
    ("grammar", "before", "text"),
    [
        (
            "python",
            "class A:\n    @d\n    def f(self): return 1\n",
            "class A:\n    y = 2\n    @d\n    def f(self): return 1\n",
        ),
        ("typescript", "class A { @d f() { return 1 } }", "class A { y = 2; @d f() { return 1 } }"),
        ("rust", "trait A { #[d] fn f() { 1 } }", "trait A { #[d] fn f() { 1 } fn g() { 2 } }"),
        ("python", "class A:\n    def f(self): return 1\n", "class A(B):\n    def f(self): return 1\n"),
    ],
)
def test_a_content_gives_the_same_rows_whatever_was_read_before(grammar: str, before: str, text: str) -> None:
    expected = read(grammar, text)
    read(grammar, before)
    again = extract([File("0" * 40, grammar, text.encode())], LIMITS)
    assert again.snippets == expected.snippets
    assert [list(windows) for windows in again.patterns["shingles"]] == [
        list(windows) for windows in expected.patterns["shingles"]
    ]


def test_patterns_of_a_batch_are_distinct_and_the_first_stands_for_them() -> None:
    files = [File(str(n) * 40, "python", f"def f{n}(x):\n    return x + {n}\n".encode()) for n in range(3)]
    patterns = rows(extract(files, LIMITS).patterns)
    assert [(row["name"], row["code"]) for row in patterns] == [("f0", "def f0(x):\n    return x + 0")]


def test_getters_and_one_liners_are_trivial_and_a_small_algorithm_is_not() -> None:
    getter = "class A { int getPrice() { return this.price; } }\n"
    slug = "def slug(text):\n    text = text.lower().strip()\n    return re.sub('[^a-z]+', '-', text)\n"
    assert rows(read("java", getter).patterns)[-1]["is_trivial"] is True
    assert rows(read("python", "def f(x): return x\n").patterns)[0]["is_trivial"] is True
    row = rows(read("python", slug).patterns)[0]
    assert row["n_tokens"] >= TRIVIAL_TOKENS
    assert row["is_trivial"] is False


def test_files_that_could_not_be_had_or_killed_their_reader_are_named() -> None:
    missing = File("1" * 40, "go", None, n_bytes=7, reason="corrupt")
    row = rows(extract([missing], LIMITS).blobs)[0]
    assert (row["status"], row["reason"], row["n_bytes"], row["language"]) == ("skipped", "corrupt", 7, "go")
    assert crashed([missing]).blobs["reason"] == ["crashed"]


def test_a_comment_laid_out_anew_changes_the_loose_hash_alone() -> None:
    def found(comment: str) -> dict[str, object]:
        source = f"class A {{\n  {comment}\n  void f() {{}}\n}}\n".encode()
        snippets = extract([File("a", "java", source)], Limits(1_000_000, 5.0)).snippets
        return {name: snippets[name][1] for name in ("exact_hash", "doc_hash", "loose_hash")}

    one, other = found("/** Sells it.\n   * Twice. */"), found("/** Sells\n   * it. Twice. */")
    assert {name for name in one if one[name] != other[name]} == {"loose_hash"}
    assert found("/** Sells it. */") == found("/** Sells it. */")
    assert found("// Sells it.")["loose_hash"] != found("/** Sells it. */")["loose_hash"]
