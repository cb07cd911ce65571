"""The tokens of one piece of code with their places in its text, for what is shown to people. Nothing is executed.

What is compared in bulk is the normal form (`extract.normal_form`); how two token sequences are laid side by side is
said in `alignment`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import count, pairwise
from typing import cast

from tree_sitter import Node, Tree

from stemma.extract.grammars import Grammar, ParseTimeout, load
from stemma.languages import LANGUAGES, STRING, Language

NAME, LITERAL, MARK = "name", "literal", "mark"

MAX_TOKENS = 5_000
"""Of a text, the first so many are read: a function of some 700 lines. Aligning two of that length takes 20 ms."""
KEPT = 4
"""Texts kept: one medoid is laid beside each of its family's members."""
PARSE_S = 1.0
_CLOCK_EVERY = 16

_PREFIX = {"php": "<?php "}  # without it all is text between tags
_WORD = re.compile(rb"(?P<name>[A-Za-z_\x80-\xff][\w\x80-\xff]*)|(?P<literal>\d[\w.]*)|(?P<mark>[^\w\s])")


@dataclass(frozen=True, slots=True)
class Token:
    """A name, a literal or a mark (anything else), the line it begins on (from 0) and where it stands in the bytes."""

    kind: str
    text: str
    line: int
    start: int
    end: int

    @property
    def shape(self) -> str:
        """The same for all names, and for all literals."""
        return self.text if self.kind == MARK else f"\0{self.kind}"


@dataclass(frozen=True)
class Text:
    """A piece of code read into tokens; `is_cut` when it is longer than what was read."""

    source: bytes
    tokens: tuple[Token, ...]
    is_cut: bool
    has_layout: bool
    """Its language delimits blocks by indentation."""

    @cached_property
    def lines(self) -> tuple[range, ...]:
        """Positions of the tokens of each line that has any: neither blank nor a comment."""
        starts = [i for i, token in enumerate(self.tokens) if not i or token.line != self.tokens[i - 1].line]
        return tuple(range(start, end) for start, end in pairwise([*starts, len(self.tokens)]))

    @cached_property
    def margin(self) -> int:
        """How far in the definition stood: its code begins with its first character, but its other lines do not.

        A closing bracket, or what a decorator stands on, is as far in as the definition; a body is a level further.
        """
        indents = [self.indent(self.tokens[line.start]) for line in self.lines[1:]]
        least = min((indent for indent in indents if not indent.strip()), key=len, default="")
        if not self.has_layout or not self.tokens or self.tokens[0].text == "@":
            return len(least)
        return max(len(least) - (1 if least.endswith("\t") else 4), 0)

    def indent(self, token: Token) -> str:
        """What stands before a token on its line."""
        return self.between(self.source.rfind(b"\n", 0, token.start) + 1, token.start)

    def between(self, start: int, end: int) -> str:
        """The text of the bytes from `start` to `end`."""
        return self.source[start:end].decode("utf-8", "replace")


@lru_cache(maxsize=KEPT)
def read(code: str, language: str) -> Text:
    """The tokens of a definition. Comments and docstrings are none; a string is one, with the expressions in it.

    Where the language is unknown or the parser takes longer than `PARSE_S`, words, numbers and single characters.
    """
    row = LANGUAGES.get(language)
    prefix = _PREFIX.get(language, "").encode() if row else b""
    source, skipped = prefix + code.encode("utf-8", "replace"), len(prefix)
    found = _parsed(source, sorted(row.grammars)) if row else _split(source)
    tokens = [
        Token(token.kind, token.text, token.line, token.start - skipped, token.end - skipped)
        for token in found
        if token.start >= skipped
    ]
    return Text(source[skipped:], tuple(tokens[:MAX_TOKENS]), len(tokens) > MAX_TOKENS, bool(row and row.blocks))


def _parsed(source: bytes, grammars: list[str]) -> Iterator[Token]:
    """By the first of a language's grammars that knows all of it, else by the first."""
    is_late = _alarm(PARSE_S)
    first: tuple[Grammar, Tree] | None = None
    try:
        for name in grammars:
            grammar = load(name)
            tree = grammar.parse(source, is_late)
            first = first or (grammar, tree)
            if not tree.root_node.has_error:
                return _leaves(grammar, tree, source)
    except ParseTimeout:
        pass
    return _leaves(*first, source) if first else _split(source)


def _alarm(seconds: float) -> Callable[[], bool]:
    """Whether so much of the processor's time has gone; the clock is a system call, so it is looked at now and then."""
    deadline, asked = time.thread_time() + seconds, count(1)
    return lambda: next(asked) % _CLOCK_EVERY == 0 and time.thread_time() > deadline


def _leaves(grammar: Grammar, tree: Tree, source: bytes) -> Iterator[Token]:
    cursor = tree.walk()
    n_found = 0
    while n_found <= MAX_TOKENS + 1:  # beyond the bound only whether there are more is of interest
        node = cast(Node, cursor.node)
        kind = _kind_of(grammar.language, node)
        if kind is None and cursor.goto_first_child():
            continue
        if kind != "" and node.end_byte > node.start_byte:
            text = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
            if text.strip():
                n_found += 1
                yield Token(kind or MARK, text, node.start_point.row, node.start_byte, node.end_byte)
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _kind_of(row: Language, node: Node) -> str | None:
    """What a node is as a token; "" when it says nothing, None when its children, if it has any, are asked."""
    kind = node.type
    if kind in row.silent:
        return ""
    if not node.is_named:
        return None
    if kind in row.identifiers:
        return NAME
    if kind in row.interpolated or row.literals.get(kind) == STRING:
        return "" if _is_docstring(row, node) else LITERAL
    return LITERAL if kind in row.literals else None


def _is_docstring(row: Language, node: Node) -> bool:
    """Whether a string is a statement of a block that layout delimits, as for the normal form."""
    above = node.parent
    if above is not None and above.child_count == 1 and above.type not in row.statement_lists:
        above = above.parent
    return bool(row.blocks) and above is not None and above.type in row.statement_lists


def _split(source: bytes) -> Iterator[Token]:
    line = at = 0
    for found in _WORD.finditer(source):
        line += source.count(b"\n", at, found.start())
        at = found.start()
        text = found.group().decode("utf-8", "replace")
        yield Token(str(found.lastgroup), text, line, found.start(), found.end())
