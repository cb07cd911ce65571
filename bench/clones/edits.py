"""Type-3 mutants: statements inserted, deleted, modified and moved, up to a stated share of the tokens.

Strength is the tokens of the statements touched over the tokens of the original: inserted ones count what they hold,
modified ones whole, as do BigCloneBench's and Roy and Cordy's line-wise measures. Renaming on top is `renaming`'s.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.clones.syntax import NAME, Statement, Token, is_sound, parse, statements, tokens

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
TOLERANCE = 0.25
"""A mutant may miss its level by this share of it; what is kept with it is the strength it has."""
STRONG = 0.3
"""Up to here a mutant keeps 70 % of its tokens, which is BigCloneBench's bound of a strong Type-3."""
INSERT, DELETE, MODIFY, MOVE = "insert", "delete", "modify", "move"

_SWAPS = {
    b"+": b"-", b"-": b"+", b"*": b"+", b"/": b"*", b"==": b"!=", b"!=": b"==", b"<": b"<=", b"<=": b"<", b">": b">=",
    b">=": b">", b"&&": b"||", b"||": b"&&", b"and": b"or", b"or": b"and", b"+=": b"-=", b"-=": b"+=",
    b"===": b"!==", b"!==": b"===",
}  # fmt: skip
_BINARY = ("binary", "comparison", "boolean_operator", "augmented", "assignment")
_ARGUMENTS = ("argument_list", "arguments")
_LEAVES_FLOW = ("return", "break", "continue", "raise", "throw", "goto", "definition", "function", "class", "case")
MAX_DONOR_TOKENS = 25
ATTEMPTS = 6


@dataclass(frozen=True)
class Edited:
    """A mutant, how much of the original was touched, and by which operators."""

    text: bytes
    strength: float
    operators: tuple[str, ...]


@dataclass(frozen=True)
class _Function:
    text: bytes
    leaves: Sequence[Token]
    statements: Sequence[Statement]
    bank: Sequence[tuple[bytes, int]]


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    new: bytes


def donors(language: str, texts: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Single statements of functions, without indentation, and their tokens: what is inserted into others."""
    found = []
    for text in texts:
        for statement in statements(parse(language, text), language, text):
            line = text[statement.start : statement.end].strip()
            is_plain = b"\n" not in line and not any(mark in statement.kind for mark in _LEAVES_FLOW)
            if is_plain and 3 <= statement.n_tokens <= MAX_DONOR_TOKENS:
                found.append((line, statement.n_tokens))
    return found


def edit(
    language: str, text: bytes, rng: random.Random, level: float, bank: Sequence[tuple[bytes, int]]
) -> Edited | None:
    """A Type-3 mutant of about this strength; None where the function has no statements of the right sizes."""
    tree = parse(language, text)
    leaves = tokens(tree)
    n_tokens = len(leaves)
    function = _Function(text, leaves, statements(tree, language, text), bank)
    for _ in range(ATTEMPTS):
        edited = _attempt(function, rng, level * n_tokens)
        if edited is None:
            continue
        mutant, touched, used = edited
        strength = touched / n_tokens
        if abs(strength - level) <= TOLERANCE * level and mutant != text and is_sound(parse(language, mutant)):
            return Edited(mutant, strength, tuple(sorted(set(used))))
    return None


def _attempt(function: _Function, rng: random.Random, budget: float) -> tuple[bytes, int, list[str]] | None:
    changes: list[_Change] = []
    touched = 0
    used: list[str] = []
    left = {statement.block: statement.n_siblings for statement in function.statements}
    for statement in rng.sample(list(function.statements), len(function.statements)):
        room = budget * (1 + TOLERANCE) - touched
        if touched >= budget * (1 - TOLERANCE) and rng.random() < 0.5:
            break
        if any(statement.start < change.end and change.start < statement.end for change in changes):
            continue
        operator = rng.choice((INSERT, DELETE, MODIFY, MOVE))
        done = _apply(operator, function, rng, statement=statement, n_left=left[statement.block], room=room)
        if done is None or any(_overlaps(new, old) for new in done[0] for old in changes):
            continue
        changes += done[0]
        touched += done[1]
        used.append(operator)
        left[statement.block] -= operator == DELETE
    return (_apply_all(function.text, changes), touched, used) if changes else None


def _overlaps(one: _Change, other: _Change) -> bool:
    if one.start == one.end and other.start == other.end:
        return one.start == other.start
    return (one.start < other.end and other.start < one.end) or one.start == other.start


def _apply_all(text: bytes, changes: Sequence[_Change]) -> bytes:
    pieces, last = [], 0
    for change in sorted(changes, key=lambda change: change.start):
        pieces += [text[last : change.start], change.new]
        last = change.end
    return b"".join([*pieces, text[last:]])


def _apply(
    operator: str, function: _Function, rng: random.Random, *, statement: Statement, n_left: int, room: float
) -> tuple[list[_Change], int] | None:
    """The changes of one operator at one statement and the tokens they touch; None where it does not fit."""
    if operator == INSERT:
        line, size = rng.choice(function.bank)
        new = _Change(statement.start, statement.start, statement.indent + line + b"\n")
        return ([new], size) if size <= room else None
    if statement.n_tokens > room:
        return None
    place, whole = (statement.start, statement.end), function.text[statement.start : statement.end]
    if operator == DELETE:
        return ([_Change(*place, b"")], statement.n_tokens) if n_left > 1 else None
    if operator == MODIFY:
        new_text = _modified(function, rng, statement)
        return None if new_text is None else ([_Change(*place, new_text)], statement.n_tokens)
    others = [
        other.start
        for other in function.statements
        if other.block == statement.block and not statement.start <= other.start <= statement.end
    ]
    if not others or n_left < 3:
        return None
    to = rng.choice(others)
    return [_Change(*place, b""), _Change(to, to, whole)], statement.n_tokens


def _modified(function: _Function, rng: random.Random, statement: Statement) -> bytes | None:
    """One to three small edits inside: an operator swapped, an argument added, a value wrapped in a call."""
    inside = [token for token in function.leaves if statement.start <= token.start < statement.end]
    words = sorted({token.text for token in inside if NAME.match(token.text) and "identifier" in token.kind})
    sites = [site for token in inside if (site := _site(function.text, token, words, rng)) is not None]
    if not sites:
        return None
    chosen = rng.sample(sites, min(len(sites), rng.randint(1, 3)))
    return _apply_all(function.text[: statement.end], chosen)[statement.start :]


def _site(text: bytes, token: Token, words: Sequence[bytes], rng: random.Random) -> _Change | None:
    if token.text in _SWAPS and any(mark in token.parent for mark in _BINARY):
        return _Change(token.start, token.end, _SWAPS[token.text])
    if token.text == b"(" and words and any(mark in token.parent for mark in _ARGUMENTS):
        comma = b"" if text[token.end : token.end + 1] == b")" else b", "
        return _Change(token.end, token.end, rng.choice(words) + comma)
    is_value = token.kind == "identifier" and any(
        mark in token.parent for mark in (*_BINARY[:3], *_ARGUMENTS, "return")
    )
    if is_value and words:
        return _Change(token.start, token.end, rng.choice(words) + b"(" + token.text + b")")
    return None
