"""What tells two pieces of code apart is said in lines, names, calls and literals, whatever the code holds."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.match.alignment import align
from stemma.match.explain import CHANGED, ONLY_A, ONLY_B, SAME, Line, Part, Substitution, explain_meaning, explain_pair
from stemma.match.tokens import read

LOAD = '''def load(path, mode="r"):
    """Read the rows of a file."""
    handle = open(path, mode)
    rows = []
    for line in handle:
        rows.append(line.split(","))
    handle.close()
    return rows
'''
FETCH = """def fetch(name, mode="rb"):
    # of any file
    handle = open(name, mode)

    rows = []
    for line in handle:
        if line:
            rows.append(parse(line))
    return rows
"""


def shown(line: Line) -> tuple[str, str, str]:
    """Kind and both sides, with what differs in brackets."""

    def side(parts: tuple[Part, ...] | None) -> str:
        return "".join(f"[{part.text}]" if part.is_different else part.text for part in parts or ())

    return line.kind, side(line.a), side(line.b)


def test_a_pair_is_explained_in_one_line() -> None:
    """Of load's seven lines of code, five are fetch's up to names and literals; docstring and comment are none."""
    assert explain_pair(LOAD, FETCH, "python").text == (
        "5 of 7 lines alike; renamed: path->name (2), load->fetch (1); calls only in A: split(), close(); "
        "calls only in B: parse(); literals differ: 1"
    )


def test_of_two_languages_is_said_what_both_hold() -> None:
    python = "def read_line(source):\n    found = source.next_line()\n    check(found)\n    return found.strip()\n"
    java = "String readLine(Source source) {\n  String found = source.nextLine();\n  return found.trim();\n}\n"
    assert explain_meaning(python, "python", java, "java") == (
        "5 of 9 words in common; calls in both: next_line(); words: source, found, read and 2 more; "
        "calls only in A: check(), strip(); calls only in B: trim()"
    )


def test_names_calls_and_literals_are_told_apart() -> None:
    found = explain_pair(LOAD, FETCH, "python")
    assert found.renamed == (Substitution("path", "name", 2), Substitution("load", "fetch", 1))
    assert found.literals == (Substitution('"r"', '"rb"', 1),)
    assert (found.calls_shared, found.calls_only_a, found.calls_only_b) == (
        ("open", "append"),
        ("split", "close"),
        ("parse",),
    )
    assert (found.names_only_a, found.names_only_b) == ((), ())


def test_changed_lines_stand_beside_each_other_with_what_differs_marked() -> None:
    assert [shown(line) for line in explain_pair(LOAD, FETCH, "python").lines] == [
        (CHANGED, 'def [load]([path], mode=["r"]):', 'def [fetch]([name], mode=["rb"]):'),
        (CHANGED, "    handle = open([path], mode)", "    handle = open([name], mode)"),
        (SAME, "    rows = []", "    rows = []"),
        (SAME, "    for line in handle:", "    for line in handle:"),
        (ONLY_B, "", "        [if line:]"),
        (CHANGED, '        rows.append(line[.split(","]))', "            rows.append([parse(]line))"),
        (ONLY_A, "    [handle.close()]", ""),
        (SAME, "    return rows", "    return rows"),
    ]


def test_layout_and_comments_make_no_difference() -> None:
    one = "int f(int a) { /* first */ return g(a, 1); }"
    other = "int f(int a) {\n  return g(a,  1); // second\n}"
    assert explain_pair(one, other, "java").renamed == ()
    assert explain_pair(other, other.replace("second", "third"), "java").text == "3 of 3 lines alike"


def test_each_of_similar_lines_is_laid_beside_its_own() -> None:
    """By shape alone the line that was put in front would push all others one further."""
    one = "def f(self, x, y):\n    self.x = x\n    self.y = y\n"
    other = "def f(self, x, y):\n    self.w = w\n    self.x = x\n    self.y = y\n"
    found = explain_pair(one, other, "python")
    assert found.renamed == ()
    assert [line.kind for line in found.lines] == [SAME, ONLY_B, SAME, SAME]


@pytest.mark.parametrize(
    ("language", "code", "calls"),
    [
        ("java", "public int sum(int[] xs) { return add(xs[0], sum(rest(xs))); }", ("add", "sum", "rest")),
        ("python", "@cache(size=2)\ndef f(x):\n    return g(x).h()\n", ("cache", "g", "h")),
        ("go", "func (s *S) Close() error { return s.file.Close() }", ("Close",)),
        ("javascript", "const f = (x) => { function g(y) { return h(y) } return g(x) }", ("h", "g")),
        ("rust", "fn f(x: i32) -> i32 { helper(x) }", ("helper",)),
    ],
)
def test_calls_are_told_from_what_is_defined(language: str, code: str, calls: tuple[str, ...]) -> None:
    assert explain_pair(code, code, language).calls_shared == calls


def test_a_name_of_a_thousand_characters_does_not_fill_the_screen() -> None:
    found = explain_pair(f"def f():\n    return {'a' * 1000}\n", f"def f():\n    return {'b' * 1000}\n", "python")
    assert len(found.text) < 160
    assert max(len(part.text) for line in found.lines for part in line.a or ()) <= 301


HOSTILE = {
    "nothing": "",
    "one line of 20,000 names": "x = " + " + ".join(f"a{i}" for i in range(20_000)),
    "50,000 open brackets": "(" * 50_000,
    "one string": "'" + "a" * 100_000 + "'",
    "8,000 equal lines": "x = 1\n" * 8_000,
    "8,000 lines of few kinds": "\n".join(f"x{i % 7} = {i % 5}" for i in range(8_000)),
    "control characters": "\x00\x01\x1b[31m def f(): pass\r\f\v\x85",
    "a lone surrogate": "x = '\ud800'",
}


@pytest.mark.parametrize("code", HOSTILE)
def test_no_code_takes_long(code: str) -> None:
    started = time.thread_time()
    explain_pair(HOSTILE[code], HOSTILE[code], "python")
    explain_pair(HOSTILE[code], HOSTILE["8,000 lines of few kinds"], "python")
    assert time.thread_time() - started < 4


def test_what_was_not_compared_is_said() -> None:
    assert explain_pair(HOSTILE["8,000 equal lines"], "x = 1", "python").text.endswith(
        "only the beginning was compared"
    )


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["python", "javascript", "c", "unheard of"]))
@settings(max_examples=200, deadline=None)
def test_any_two_texts_align_in_order_and_a_text_with_itself_whole(a: str, b: str, language: str) -> None:
    one, other = read(a, language), read(b, language)
    pairs = align(one, other)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(pairs))
    assert all(one.tokens[i].shape == other.tokens[j].shape for i, j in pairs)
    assert align(one, one) == [(i, i) for i in range(len(one.tokens))]
    assert explain_pair(a, b, language).text
    assert all(line.kind == SAME for line in explain_pair(a, a, language).lines)
