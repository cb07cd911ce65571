"""A family's skeleton is what all members have; what they have besides fills its holes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.match.skeleton import MAX_MEMBERS, Skeleton, skeleton
from tests.match.test_explain import FETCH, HOSTILE, LOAD


def drawn(found: Skeleton) -> str:
    return "".join(f"<{piece}>" if isinstance(piece, int) else piece for piece in found.pieces)


def fills(found: Skeleton) -> dict[int, tuple[str, ...]]:
    return {hole.number: hole.fills for hole in found.holes}


def test_what_all_members_have_is_the_skeleton_and_the_rest_fills_its_holes() -> None:
    others = [FETCH.replace("        if line:\n            rows", "        rows"), LOAD.replace("rows", "items")]
    found = skeleton(LOAD, others, "python")
    assert drawn(found) == (
        "def <1>(<2>, mode=<3>):\n"
        "    handle = open(<2>, mode)\n"
        "    <4> = []\n"
        "    for line in handle:\n"
        "        <4>.append(<5>line<6>))\n"
        "    <7>\n"
        "    return <4>"
    )
    assert fills(found) == {
        1: ("load", "fetch", "load"),
        2: ("path", "name", "path"),
        3: ('"r"', '"rb"', '"r"'),
        4: ("rows", "rows", "items"),
        5: ("", "parse(", ""),
        6: ('.split(","', "", '.split(","'),
        7: ("handle.close()", "", "handle.close()"),
    }
    assert found.n_compared == 3
    assert not found.is_cut


def test_equal_members_have_no_hole() -> None:
    found = skeleton("def f(x):\n    return x\n", ["def f(x):  # same\n    return x\n"], "python")
    assert found.pieces == ("def f(x):\n    return x",)
    assert (found.holes, found.share_common) == ((), 1.0)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "def f(x):\n            if x:\n                return x\n            return 1\n"),
        ("python", "@cached\n        def f(x):\n            return x\n"),
        ("java", "int f(int x) {\n            return x;\n        }"),
        ("go", "func f(x int) int {\n\t\treturn x\n\t}"),
    ],
)
def test_a_method_is_shown_at_the_margin(language: str, code: str) -> None:
    (shown,) = skeleton(code, [code], language).pieces
    first, *rest = str(shown).split("\n")
    assert first[0] != " "
    assert min(len(line) - len(line.lstrip()) for line in rest) == (4 if code.startswith("def") else 0)


def test_what_only_others_have_is_a_hole_too() -> None:
    found = skeleton("f(a)", ["f(a, b)", "f(a)"], "python")
    assert drawn(found) == "f(a<1>)"
    assert fills(found) == {1: ("", ", b", "")}


def test_members_without_anything_in_common_are_one_hole() -> None:
    found = skeleton("a", ["1"], "python")
    assert (found.pieces, found.share_common) == ((1,), 0.0)


def test_a_large_family_is_compared_in_part() -> None:
    found = skeleton("f(a)", ["f(b)"] * 100, "python")
    assert found.n_compared == MAX_MEMBERS
    assert len(found.holes[0].fills) == MAX_MEMBERS


def test_no_code_takes_long() -> None:
    started = time.thread_time()
    skeleton(HOSTILE["8,000 lines of few kinds"], [HOSTILE["one line of 20,000 names"], *HOSTILE.values()], "python")
    assert time.thread_time() - started < 8


@given(st.lists(st.text("ab(,)= \n", max_size=60), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_every_member_is_the_skeleton_with_its_own_fills(codes: list[str]) -> None:
    """Up to blanks, of which a skeleton keeps the medoid's."""
    found = skeleton(codes[0], codes[1:], "python")
    for number, code in enumerate(codes):
        holes = {hole.number: hole.fills[number] for hole in found.holes}
        filled = "".join(holes[piece] if isinstance(piece, int) else piece for piece in found.pieces)
        assert "".join(filled.split()) == "".join(code.split())
