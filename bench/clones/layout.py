"""Type-1 mutants: another layout and other comments, the same tokens (Roy and Cordy's mCW, mCC and mCF).

Each operator rewrites the white space between two tokens and nothing else; a mutant whose tokens or tree came out
otherwise, as where a language takes a line's end for a semicolon, is thrown away.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from bench.clones.syntax import DIALECTS, Token, is_comment, is_sound, parse, shape, tokens

Operator = Callable[[str, bytes, random.Random], bytes]

_LINE = re.compile(rb"(?m)^[ \t]*(?=\S)")
_NOTES = (b"see the issue", b"checked by hand", b"keep the order", b"fast path", b"as before", b"for older callers")


def _gaps(language: str, text: bytes) -> Iterator[tuple[Token, Token, bytes]]:
    """Neighbouring tokens, comments among them, and the white space between; other gaps are left alone."""
    found = tokens(parse(language, text), with_comments=True)
    for left, right in pairwise(found):
        gap = text[left.end : right.start]
        if not gap.strip():
            yield left, right, gap


def _rewrite(language: str, text: bytes, change: Callable[[Token, Token, bytes], bytes]) -> bytes:
    pieces, last = [], 0
    for left, right, gap in _gaps(language, text):
        pieces += [text[last : left.end], change(left, right, gap)]
        last = right.start
    return b"".join([*pieces, text[last:]])


def respace(language: str, text: bytes, rng: random.Random) -> bytes:
    """More spaces inside lines: where there are some, and beside brackets and commas."""
    beside = (b"(", b")", b",", b"[", b"]")

    def change(left: Token, right: Token, gap: bytes) -> bytes:
        if b"\n" in gap or is_comment(left.kind):
            return gap
        if gap and rng.random() < 0.4:
            return gap + b" " * rng.randint(1, 3)
        if not gap and (left.text in beside or right.text in beside) and rng.random() < 0.3:
            return b" "
        return gap

    return _rewrite(language, text, change)


def reindent(language: str, text: bytes, rng: random.Random) -> bytes:
    """Another indentation throughout: tabs, twice as wide, or one level deeper. Lines inside strings stay."""
    starts = {token.start for token in tokens(parse(language, text), with_comments=True)}
    way = rng.choice(("tabs", "double", "deeper"))

    def change(match: re.Match[bytes]) -> bytes:
        if match.end() not in starts:
            return match.group()
        width = len(match.group().expandtabs(4))
        if way == "tabs":
            return b"\t" * (width // 4) + b" " * (width % 4)
        return b" " * (2 * width if way == "double" else width + 4 * (width > 0))

    return _LINE.sub(change, text)


def blank_lines(language: str, text: bytes, rng: random.Random) -> bytes:
    """Empty lines between lines, and spaces at their ends."""

    def change(left: Token, right: Token, gap: bytes) -> bytes:
        if b"\n" not in gap or rng.random() > 0.3:
            return gap
        return gap.replace(b"\n", rng.choice((b"\n\n", b"  \n", b"\n\n\n")), 1)

    return _rewrite(language, text, change)


def comment_lines(language: str, text: bytes, rng: random.Random) -> bytes:
    """Comments on lines of their own and at the ends of lines."""
    mark = DIALECTS[language].line_comment

    def change(left: Token, right: Token, gap: bytes) -> bytes:
        if b"\n" not in gap or is_comment(left.kind) or rng.random() > 0.25:
            return gap
        note, indent = rng.choice(_NOTES), gap.rpartition(b"\n")[2]
        if rng.random() < 0.5:
            return b"  " + mark + b" " + note + gap
        return gap + mark + b" " + note + b"\n" + indent

    return _rewrite(language, text, change)


def inner_comments(language: str, text: bytes, rng: random.Random) -> bytes:
    """Comments inside lines, where the language has such."""
    if not DIALECTS[language].has_braces:
        return text

    def change(left: Token, right: Token, gap: bytes) -> bytes:
        is_here = gap and b"\n" not in gap and not is_comment(left.kind) and rng.random() < 0.15
        return gap + b"/* " + rng.choice(_NOTES) + b" */ " if is_here else gap

    return _rewrite(language, text, change)


def without_comments(language: str, text: bytes, rng: random.Random) -> bytes:
    pieces, last = [], 0
    for token in tokens(parse(language, text), with_comments=True):
        if is_comment(token.kind):
            pieces.append(text[last : token.start])
            last = token.end - token.text.endswith(b"\n")
    return b"".join([*pieces, text[last:]])


def rebreak(language: str, text: bytes, rng: random.Random) -> bytes:
    """Lines ended elsewhere: after commas and opening brackets, joined after braces, braces on lines of their own."""
    dialect = DIALECTS[language]
    depth = 0

    def change(left: Token, right: Token, gap: bytes) -> bytes:
        nonlocal depth
        depth += (left.text in (b"(", b"[")) - (left.text in (b")", b"]"))
        if is_comment(left.kind) or is_comment(right.kind):
            return gap
        indent = b" " * rng.randint(4, 16)
        if b"\n" not in gap and left.text in (b",", b"(") and depth > 0 and rng.random() < 0.4:
            return b"\n" + indent
        if dialect.has_braces and b"\n" in gap and left.text == b"{" and rng.random() < 0.3:
            return b" "
        if dialect.has_braces and b"\n" not in gap and right.text == b"{" and rng.random() < 0.3:
            return b"\n" + indent
        return gap

    return _rewrite(language, text, change)


OPERATORS: dict[str, Operator] = {
    "spaces": respace,
    "indentation": reindent,
    "blank lines": blank_lines,
    "comment lines": comment_lines,
    "inner comments": inner_comments,
    "comments removed": without_comments,
    "line breaks": rebreak,
}


def is_type_1(language: str, original: bytes, mutant: bytes) -> bool:
    """Whether only layout and comments differ, by the grammar: the same tokens under the same tree."""
    one, other = parse(language, original), parse(language, mutant)
    return (
        is_sound(other)
        and [token.text for token in tokens(one)] == [token.text for token in tokens(other)]
        and shape(one) == shape(other)
    )


def relayout(language: str, text: bytes, rng: random.Random) -> tuple[bytes, str] | None:
    """A Type-1 mutant by one to three operators and their names; None where none of them took."""
    wanted = rng.sample(sorted(OPERATORS), rng.randint(1, 3))
    used = []
    mutant = text
    for name in wanted:
        changed = OPERATORS[name](language, mutant, rng)
        if changed != mutant and is_type_1(language, text, changed):
            mutant = changed
            used.append(name)
    return (mutant, ", ".join(sorted(used))) if used else None
