"""Claims of hostile and odd files: each is read or named with a reason, in bounded time and memory; none crashes."""

from __future__ import annotations

import codecs
import time
import tracemalloc
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemma.extract.extractor import Limits
from stemma.extract.vocabulary import NAME_BYTES, VOCABULARY
from stemma.languages import LANGUAGES
from tests.extract.reading import read, rows

GRAMMARS = sorted(grammar for row in LANGUAGES.values() for grammar in row.grammars)
LIMITS = Limits(max_file_bytes=5_000_000, parse_timeout_s=2)
MEMORY_BYTES_A_BYTE = 300
"""Of Python objects, for each byte of a file: most of it is its definitions' rows."""
FUNCTIONS = {
    "python": "def f(a):\n    return a\n",
    "javascript": "function f(a) { return a }\n",
    "typescript": "function f(a: T) { return a }\n",
    "tsx": "function f(a: T) { return a }\n",
    "java": "class A { int f(int a) { return a; } }\n",
    "go": "package a\nfunc f(a int) int { return a }\n",
    "rust": "fn f(a: u8) -> u8 { a }\n",
    "c": "int f(int a) { return a; }\n",
    "cpp": "int f(int a) { return a; }\n",
    "csharp": "class A { int f(int a) { return a; } }\n",
    "ruby": "def f(a)\n  a\nend\n",
    "php": "<?php function f($a) { return $a; }\n",
    "kotlin": "fun f(a: Int): Int { return a }\n",
    "swift": "func f(a: Int) -> Int { return a }\n",
    "dart": "int f(int a) { return a; }\n",
}


@dataclass(frozen=True)
class Odd:
    """A content, and what it may be said to be: (status, reason)."""

    content: bytes
    outcomes: set[tuple[str, str | None]]


READ: set[tuple[str, str | None]] = {("parsed", None), ("partial", "syntax_error"), ("skipped", "timeout")}


def odd_files(grammar: str) -> dict[str, Odd]:
    """The corpus, for one grammar: a function that is read, after or before what is odd."""
    function = FUNCTIONS[grammar]
    plain = function.encode()
    lines = b"\n".join([b""] * 400)
    return {
        "10 MB on one line": Odd(b"x = " + b"1 + " * 2_500_000 + b"1", {("skipped", "too_large")}),
        "4 MB on one line": Odd(b"x = " + b"1 + " * 1_000_000 + b"1", {("skipped", "minified")}),
        "5,000 open brackets": Odd(plain + b"x = " + b"(" * 5_000, READ),
        "5,000 nested brackets": Odd(plain + b"x = " + b"[" * 5_000 + b"]" * 5_000, READ),
        "5,000 nested blocks": Odd(plain + b"{\n" * 5_000 + b"}\n" * 5_000, READ | {("partial", "too_deep")}),
        "invalid UTF-8": Odd(plain + b"\xff\xfe\xc3\x28 \x80 = 1\n" * 100, READ),
        "one string": Odd(b'"' + b"all of it is a string\n" * 2_000 + b'"', READ),
        "an open string": Odd(plain + b'"' + b"never ends\n" * 2_000, READ),
        "an open comment": Odd(plain + b"/* never ends\n" * 300, READ),
        "identifiers of 100 KB": Odd(plain + lines + b"a" * 100_000 + b" = " + b"b" * 100_000 + b"\n", READ),
        "BOM": Odd(codecs.BOM_UTF8 + plain, {("parsed", None)}),
        "CRLF": Odd(function.replace("\n", "\r\n").encode(), {("parsed", None)}),
        "CR": Odd(function.replace("\n", "\r").encode(), READ),
        "mixed line ends": Odd(plain + b"\r\n\r\n\n\r" + b"\n", READ),
        "mixed encodings": Odd(plain + "# é // é\n".encode() + "# é // é\n".encode("latin-1"), READ),
        "NUL at its head": Odd(b"\0" + plain, {("skipped", "binary")}),
        "NUL far inside": Odd(plain + b"\n" * 8_000 + b"\0\n", READ),
        "UTF-16": Odd(function.encode("utf-16"), {("parsed", None)}),
        "UTF-16 cut off": Odd(function.encode("utf-16") + b"\0", {("skipped", "bad_encoding")}),
        "UTF-16 without BOM": Odd(function.encode("utf-16-le"), {("skipped", "binary")}),
        "nothing": Odd(b"", {("parsed", None)}),
        "only a BOM": Odd(codecs.BOM_UTF8, {("parsed", None), ("partial", "syntax_error")}),
        "control characters": Odd(plain + bytes(range(1, 32)) * 20 + b"\n", READ),
        "right-to-left and zero-width": Odd(plain + "\u202e\u200b\u2066 = 1\n".encode() * 20, READ),
        "10,000 numbers": Odd(plain + b"x = [\n" + b"1, 2, 3, 4, 5,\n" * 2_000 + b"]\n", READ),
        "1,500 functions": Odd(plain.replace(b"f(", b"g(") * 1_500 if grammar not in ("go", "php") else plain, READ),
    }


@pytest.mark.parametrize("name", odd_files("python"))
@pytest.mark.parametrize("grammar", GRAMMARS)
def test_an_odd_file_is_read_or_named_in_bounded_time(grammar: str, name: str) -> None:
    odd = odd_files(grammar)[name]
    started = time.process_time()
    extracted = read(grammar, odd.content, LIMITS)
    seconds = time.process_time() - started
    row = rows(extracted.blobs)[0]
    assert (row["status"], row["reason"]) in odd.outcomes
    assert seconds < 3 * LIMITS.parse_timeout_s
    for column in (*extracted.snippets.values(), *extracted.patterns.values(), *extracted.texts.values()):
        for value in column:
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    assert "\0" not in text
                    text.encode()  # a lone surrogate has no UTF-8
    assert all(len(name) <= NAME_BYTES for name in extracted.snippets["name"])


def test_a_function_beside_what_is_odd_is_found() -> None:
    for name in ("invalid UTF-8", "identifiers of 100 KB", "BOM", "CRLF", "mixed encodings", "UTF-16"):
        assert "f" in read("python", odd_files("python")[name].content, LIMITS).snippets["name"], name


def test_memory_is_bounded_by_the_largest_file() -> None:
    content = b"".join(b"def f%d(x):\n    return x + %d\n" % (n, n) for n in range(1_000))
    tracemalloc.start()
    read("python", content, Limits(5_000_000, 60))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_BYTES_A_BYTE * len(content)


def test_names_are_forgotten_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemma.extract.vocabulary.MAX_TOKENS", 3_000)
    generations = set()
    first = read("python", FUNCTIONS["python"])
    for file in range(4):
        read("python", "".join(f"x{file}_{n} = {n}\n" for n in range(2_000)) + "def g(): return 1\n")
        read("python", "def h():\n" + "".join(f"    x{file}_{n} = {n}\n" for n in range(2_000)))
        generations.add(VOCABULARY.generation)
    assert len(generations) > 1
    assert read("python", FUNCTIONS["python"]).snippets == first.snippets


fragments = st.sampled_from(
    [
        *(function.rstrip() for function in FUNCTIONS.values()),
        *"(){}[]<>;:,.=\"'`#@\\\n\t",
        "/*", "*/", "//", "'''", '"""', "${", "#{", "<<EOS\n", "R\"(", "r#\"", "<?php", "?>", "end\n", "\r\n", "\ufeff",
        "if ", "else ", "class ", "case ", "=> ", "-> ", "&&", "\u202e", "é", "\x7f",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(GRAMMARS), st.lists(fragments | st.binary(max_size=6), max_size=40))
def test_no_mixture_of_fragments_fails(grammar: str, parts: list[str | bytes]) -> None:
    content = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    extracted = read(grammar, content, LIMITS)
    row = rows(extracted.blobs)[0]
    assert row["status"] in ("parsed", "partial", "skipped")
    assert row["reason"] in (None, "syntax_error", "timeout", "binary", "bad_encoding", "minified", "too_deep")
    assert len(extracted.snippets["name"]) == row["n_snippets"]
    assert set(extracted.snippets["exact_hash"]) == set(extracted.texts["exact_hash"])
    assert set(extracted.snippets["pattern_id"]) == set(extracted.patterns["pattern_id"])
    again = read(grammar, content, LIMITS)
    assert again.snippets == extracted.snippets
    assert again.texts == extracted.texts
