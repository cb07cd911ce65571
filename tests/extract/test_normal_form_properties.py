"""What the normal form and the exact tokens keep and let go, on programs made up by hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.extract.reading import read

# A program is a tree of tuples: ("name", i), ("number", i), ("binary", operator, left, right), ("call", f, arguments),
# and of statements: ("set", i, value), ("return", value), ("do", call), ("if" or "while", condition, body).
Tree = Any
OPERATORS = ("+", "-", "*", "<", ">", "==")

leaves = st.tuples(st.just("name"), st.integers(0, 4)) | st.tuples(st.just("number"), st.integers(0, 3))
expressions = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.just("binary"), st.sampled_from(OPERATORS), inner, inner)
        | st.tuples(st.just("call"), st.integers(0, 4), st.lists(inner, max_size=2).map(tuple))
    ),
    max_leaves=5,
)
statements = st.recursive(
    st.tuples(st.just("set"), st.integers(0, 4), expressions) | st.tuples(st.just("return"), expressions),
    lambda inner: st.tuples(
        st.sampled_from(["if", "while"]), expressions, st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=5,
)
programs = st.lists(statements, min_size=1, max_size=4).map(tuple)


@dataclass(frozen=True)
class Hand:
    """How a program is written down: names, literals, and a source of chance for its layout, or None."""

    names: tuple[str, ...] = ("alpha", "beta", "gamma", "delta", "epsilon")
    numbers: tuple[str, ...] = ("1", "2", "3", "4")
    chance: Random | None = None

    def gap(self, *choices: str) -> str:
        return self.chance.choice(choices) if self.chance else choices[0]


def expression(tree: Tree, hand: Hand) -> str:
    space = hand.gap(" ", "  ", "")
    match tree:
        case ("name", index):
            return hand.names[index]
        case ("number", index):
            return hand.numbers[index]
        case ("binary", operator, left, right):
            return f"({expression(left, hand)}{space}{operator}{hand.gap(' ', '')}{expression(right, hand)})"
        case ("call", index, arguments):
            return (
                f"{hand.names[index]}({hand.gap(', ', ',', ' , ').join(expression(item, hand) for item in arguments)})"
            )
    raise AssertionError(tree)


def braced(
    program: Tree, hand: Hand, *, assign: str = "=", loop: str = "while", bare: bool = False, depth: int = 1
) -> str:
    lines = []
    for statement in program:
        indent = hand.gap("  ", "\t", " ") * depth
        match statement:
            case ("set", index, value):
                text = f"{hand.names[index]}{hand.gap(' ', '')}{assign}{hand.gap(' ', '  ')}{expression(value, hand)};"
            case ("return", value):
                text = f"return {hand.gap('', ' ')}{expression(value, hand)};"
            case (keyword, condition, body):
                condition = expression(condition, hand)
                condition = condition if bare else f"({condition})"
                inside = braced(body, hand, assign=assign, loop=loop, bare=bare, depth=depth + 1)
                text = f"{loop if keyword == 'while' else keyword} {condition} {{{inside}{indent}}}"
        lines.append(f"{indent}{text}{hand.gap('', ' // note', ' /* if (a) { */')}\n{hand.gap('', chr(10))}")
    return hand.gap("\n", "  \n") + "".join(lines)


def indented(program: Tree, hand: Hand, depth: str = "") -> str:
    lines = []
    depth += hand.gap("    ", "  ", "\t")
    for statement in program:
        match statement:
            case ("set", index, value):
                text = f"{hand.names[index]}{hand.gap(' ', '')}={hand.gap(' ', '  ')}{expression(value, hand)}"
            case ("return", value):
                text = f"return {hand.gap('', ' ')}{expression(value, hand)}"
            case (keyword, condition, body):
                text = f"{keyword} {expression(condition, hand)}:\n{indented(body, hand, depth)}".rstrip("\n")
        end = "" if statement[0] in ("if", "while") else hand.gap("", " # note: if x:", "  ")
        lines.append(f"{depth}{text}{end}\n{hand.gap('', chr(10))}")
    return "".join(lines)


# Not Swift, to which blanks around an operator mean something: `a -b` is not `a - b`.
WRITERS: dict[str, Callable[[Tree, Hand], str]] = {
    "python": lambda program, hand: f"def fun(beta):\n{indented(program, hand)}",
    "javascript": lambda program, hand: f"function fun(beta) {{{braced(program, hand)}}}\n",
    "typescript": lambda program, hand: f"function fun(beta: T) {{{braced(program, hand)}}}\n",
    "java": lambda program, hand: f"class A {{ int fun(int beta) {{{braced(program, hand)}}} }}\n",
    "c": lambda program, hand: f"int fun(int beta) {{{braced(program, hand)}}}\n",
    "cpp": lambda program, hand: f"int A::fun(int beta) {{{braced(program, hand)}}}\n",
    "csharp": lambda program, hand: f"class A {{ int fun(int beta) {{{braced(program, hand)}}} }}\n",
    "go": lambda program, hand: f"package a\nfunc fun(beta int) int {{{braced(program, hand, loop='for')}}}\n",
    "rust": lambda program, hand: f"fn fun(beta: u8) -> u8 {{{braced(program, hand, bare=True)}}}\n",
    "kotlin": lambda program, hand: f"fun fun1(beta: Int): Int {{{braced(program, hand)}}}\n",
    "dart": lambda program, hand: f"int fun(int beta) {{{braced(program, hand)}}}\n",
}
quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def ids(language: str, program: Tree, hand: Hand) -> tuple[str, str]:
    """Token hash and pattern id of the function."""
    text = WRITERS[language](program, hand)
    extracted = read(language, text)
    assert extracted.blobs["status"] == ["parsed"], text
    place = next(at for at, name in enumerate(extracted.snippets["name"]) if name.startswith("fun"))
    exact = extracted.texts["exact_hash"].index(extracted.snippets["exact_hash"][place])
    return extracted.texts["token_hash"][exact], extracted.snippets["pattern_id"][place]


@pytest.mark.parametrize("language", WRITERS)
@quick
@given(program=programs, chance=st.randoms(use_true_random=False))
def test_layout_and_comments_change_neither_exact_tokens_nor_pattern(
    language: str, program: Tree, chance: Random
) -> None:
    assert ids(language, program, Hand(chance=chance)) == ids(language, program, Hand())


@pytest.mark.parametrize("language", WRITERS)
@quick
@given(
    program=programs, order=st.permutations(range(5)), numbers=st.lists(st.integers(10, 10**6), min_size=4, max_size=4)
)
def test_renaming_and_other_literals_change_the_exact_tokens_and_not_the_pattern(
    language: str, program: Tree, order: list[int], numbers: list[int]
) -> None:
    names = tuple(f"name{index}" if index != 1 else "beta" for index in order)  # beta is the parameter's
    assume(names[1] == "beta")
    other = Hand(names=names, numbers=tuple(map(str, numbers)))
    written, rewritten = ids(language, program, Hand()), ids(language, program, other)
    assert written[1] == rewritten[1]
    assert written[0] != rewritten[0] or uses(program) <= {("name", 1)}


def uses(tree: Tree) -> set[tuple[str, int]]:
    """Names and numbers used in a program."""
    match tree:
        case ("name" | "number", index):
            return {(tree[0], index)}
        case ("call" | "set", index, inside):
            return {("name", index)} | uses(inside)
        case tuple():
            return set().union(*(uses(item) for item in tree if isinstance(item, tuple)))
    return set()


def mutations(tree: Tree) -> list[Tree]:
    """The program with one operator, one keyword, or one called name changed, in each place there is."""
    found: list[Tree] = []
    match tree:
        case ("binary", operator, left, right):
            found.append(("binary", OPERATORS[(OPERATORS.index(operator) + 1) % len(OPERATORS)], left, right))
        case ("if" | "while", condition, body):
            found.append(("while" if tree[0] == "if" else "if", condition, body))
        case ("call", index, (("name", other), *rest)) if index != other:
            found.append(("call", other, (("name", index), *rest)))
    if isinstance(tree, tuple):
        for place, item in enumerate(tree):
            found += [(*tree[:place], changed, *tree[place + 1 :]) for changed in mutations(item)]
    return found


@pytest.mark.parametrize("language", WRITERS)
@quick
@given(program=programs, choice=st.integers(0, 10**6))
def test_another_operator_keyword_or_call_target_changes_the_pattern(language: str, program: Tree, choice: int) -> None:
    changed = mutations(program)
    assume(changed)
    other = changed[choice % len(changed)]
    assume(first_uses(other) != first_uses(program) or shape(other) != shape(program))
    assert ids(language, other, Hand())[1] != ids(language, program, Hand())[1]


def shape(tree: Tree) -> Tree:
    """A program without its names and numbers."""
    match tree:
        case ("name" | "number", _):
            return tree[0]
        case ("call" | "set", _, inside):
            return (tree[0], shape(inside))
        case tuple():
            return tuple(shape(item) for item in tree)
    return tree


def first_uses(tree: Tree) -> list[int]:
    """The names of a program as they follow one another, each as the number of its first use; the parameter's first."""
    order = [1, *sequence(tree)]
    numbers: dict[int, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in order]


def sequence(tree: Tree) -> list[int]:
    match tree:
        case ("name", index):
            return [index]
        case ("call" | "set", index, inside):
            return [index, *sequence(inside)]
        case tuple():
            return [name for item in tree for name in sequence(item)]
    return []


def test_a_hand_that_is_replaced_writes_alike() -> None:
    program = (("set", 0, ("call", 2, (("name", 1), ("number", 0)))),)
    assert ids("python", program, Hand()) == ids("python", program, replace(Hand(), chance=Random(1)))
