"""What is compared: the exact text, the normal form, its windows and its words. The one place that defines them.

Finding the definitions lives in `definitions`, comparing them in `stemma.match`.

**Exact text** (`exact_hash`): the bytes of the definition, decorators included, with spaces, tabs and form feeds
before a line end and at the end removed, and every line end made LF. Indentation counts: a method moved one level
deeper has another exact hash and the same pattern.

**Normal form** (`pattern_id`): the leaves of the syntax tree in order, as tokens, where
- comments, blank lines, line continuations and docstrings (a bare string as a statement of a Python block) are gone;
- an identifier is the number of its first use in the definition, the definition's own name included, so renaming
  consistently changes nothing and swapping two names does;
- a literal is its type: number, string, char, bool, regex. Adjacent strings are one. A string with expressions in it is
  a string followed by the expressions. `None`, `null`, `nil`, `this` and types spelt by keywords stay as they are;
- what layout says is written out: Python's blocks get braces, and a statement's end is a semicolon in the languages
  that need not write one; a comma before a closing bracket is gone unless it has a meaning there (`(a,)`).
Operators, keywords, brackets and the order of everything stay. The id is over the language and these tokens.

**Exact tokens** (`token_hash`): the same tokens with identifiers and literals as they are written, line ends made LF
and the blanks of text between markup tags folded. Layout, comments and docstrings change nothing in it; anything else
does. Equal: Type-1.

**Windows** (`shingles`): 32-bit hashes of every 5 neighbouring tokens, with each identifier as one and the same symbol:
numbered by first use, one inserted line would renumber, and so change, every window after it. Distinct, sorted; none
when there are fewer than 5 tokens.

**Structure** (`structure`): the tokens as one text, a character each, every identifier the same one; what alignment
compares. Keywords and literals are hashed letters: of a language's some 200 tokens, two share one in half the cases.

**Words** (`sub_tokens`): the identifiers split at underscores, case changes and digits; lower case, distinct, sorted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import cast

import numpy as np
import numpy.typing as npt
from tree_sitter import Node

from stemma.extract.grammars import (
    CLOSER,
    IDENTIFIER,
    INTERPOLATED,
    NAMED,
    SEPARATOR,
    STRING_LITERAL,
    Grammar,
    ParseTimeout,
)
from stemma.ids import content_id
from stemma.languages import STRING, TEXT
from stemma.words import split_identifier

WINDOW_TOKENS = 5
TRIVIAL_TOKENS = 30
"""Below this a pattern is a getter, a setter or a one-liner: too small for its equality to mean anything."""
NAME_BYTES = 256
_FIRST_SYMBOL, _N_SYMBOLS = 0x3400, 0x9FFF - 0x3400 + 1  # CJK ideographs: 27,648 letters of three bytes in a row

_MARK = "\x01"  # begins an identifier's token; no other token begins so
_TEXT = "\x02"  # stands in a literal's token between its type and its text
_LAYOUT = re.compile(rb"[ \t\f\v]*(?:\r\n|\r|\n)")
_CHECK_EVERY = 4096
_CACHED_CODES = 100_000
_CACHED_NAMES = 50_000


def exact_hash(text: bytes) -> str:
    """Hash of the exact text."""
    if b"\r" in text or b" \n" in text or b"\t\n" in text or b"\f\n" in text or b"\v\n" in text:
        text = _LAYOUT.sub(b"\n", text)
    return content_id(text.rstrip())


def is_trivial(n_tokens: int) -> bool:
    """Whether a normal form of so many tokens is too small to be worth matching."""
    return n_tokens < TRIVIAL_TOKENS


class _Renaming(dict[str, str]):
    def __init__(self) -> None:
        self.n_names = 0

    def __missing__(self, token: str) -> str:
        renamed = token
        if token[0] == _MARK:
            renamed = f"{_MARK}{self.n_names}"
            self.n_names += 1
        elif _TEXT in token:
            renamed = token[: token.index(_TEXT)]
        self[token] = renamed
        return renamed


def pattern_id(language: str, tokens: Sequence[str]) -> str:
    """Hash of the language and the normal form of a token sequence."""
    return content_id(language, "\0".join(map(_Renaming().__getitem__, tokens)))


def token_hash(language: str, tokens: Sequence[str]) -> str:
    """Hash of the language and a token sequence as it is written."""
    return content_id(language, "\0".join(tokens))


def _symbol(token: str) -> str:
    """A token with what is told apart only in its exact form taken away."""
    return _MARK if token[0] == _MARK else token.partition(_TEXT)[0]


class _Codes(dict[str, int]):
    def __missing__(self, token: str) -> int:
        symbol = _symbol(token)
        code = int.from_bytes(blake2b(symbol.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        if len(self) >= _CACHED_CODES:
            self.clear()
        self[token] = code
        return code


_CODES = _Codes()
_FACTOR = 0x9E3779B97F4A7C15  # odd, so multiplying by it loses nothing modulo 2**64


def windows(tokens: Sequence[str]) -> npt.NDArray[np.int32]:
    """Hash of each window, in order: the high half of a polynomial hash modulo 2**64 over token hashes."""
    n_windows = len(tokens) - WINDOW_TOKENS + 1
    if n_windows < 1:
        return np.empty(0, np.int32)
    codes = np.fromiter(map(_CODES.__getitem__, tokens), np.uint64, len(tokens))
    hashes = np.zeros(n_windows, np.uint64)
    for offset in range(WINDOW_TOKENS):
        hashes *= np.uint64(_FACTOR)
        hashes += codes[offset : offset + n_windows]
    return (hashes >> np.uint64(32)).astype(np.uint32).view(np.int32)


def shingles(tokens: Sequence[str]) -> npt.NDArray[np.int32]:
    """Sorted distinct hashes of the windows."""
    return np.unique(windows(tokens))


class _Symbols(dict[str, str]):
    def __missing__(self, token: str) -> str:
        symbol = _symbol(token)
        if len(symbol) == 1 and "!" <= symbol <= "~":
            character = symbol
        else:
            digest = blake2b(symbol.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            character = chr(_FIRST_SYMBOL + int.from_bytes(digest, "little") % _N_SYMBOLS)
        if len(self) >= _CACHED_CODES:
            self.clear()
        self[token] = character
        return character


_SYMBOLS = _Symbols()


def structure(tokens: Sequence[str]) -> str:
    """One character a token: an ASCII mark is itself, any other token a hashed letter, every identifier the same."""
    return "".join(map(_SYMBOLS.__getitem__, tokens))


def sub_tokens(tokens: Sequence[str]) -> list[str]:
    """Sorted distinct words of the identifiers."""
    return sorted({part for token in set(tokens) if token[0] == _MARK for part in split_identifier(token[1:])})


def bounded_name(name: bytes) -> str:
    """The name as text; one that is too long is cut, and told from others that begin alike by its hash."""
    if len(name) > NAME_BYTES:
        return f"{name[: NAME_BYTES - 40].decode('utf-8', 'replace')}~{content_id(name)}"
    return name.decode("utf-8", "replace")


def _literal(placeholder: str, text: bytes) -> str:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return f"{placeholder}{_TEXT}{bounded_name(text)}"


class _Identifiers(dict[bytes, str]):
    def __missing__(self, name: bytes) -> str:
        token = _MARK + bounded_name(name)
        if len(self) >= _CACHED_NAMES:
            self.clear()
        if len(name) <= NAME_BYTES:
            self[name] = token
        return token


_IDENTIFIERS = _Identifiers()


def _written(node: Node, source: bytes, pieces: frozenset[int]) -> bytes:
    """What a string with expressions in it says itself: all but those, and the pieces that format them."""
    parts: list[bytes] = []
    position = node.start_byte  # some grammars have no node for the text, or none for the quotes
    for child in node.children:
        if child.kind_id not in pieces:
            parts += [source[position : child.start_byte], b"{}"]
            parts += [source[part.start_byte : part.end_byte] for part in child.children if part.kind_id in pieces]
            position = child.end_byte
    return b"".join([*parts, source[position : node.end_byte]])


@dataclass
class Walk:
    """The tokens of the nodes of one definition, and where the definitions inside it begin and end among them.

    Args:
        grammar: the grammar that made the nodes.
        source: what they were parsed from.
        is_late: asked now and then.
        wanted: node id -> (key, first byte) of each definition inside whose place is wanted; the first byte is its
            first attribute's, where it has one, else its own.
        ready: node id -> tokens of each definition inside whose tokens are known: it is not walked.
    """

    grammar: Grammar
    source: bytes
    is_late: Callable[[], bool]
    wanted: dict[int, tuple[int, int]] = field(default_factory=dict)
    ready: dict[int, Sequence[str]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Key -> first token and the one past the last, of each wanted definition."""

    def __post_init__(self) -> None:
        self._starts = {start for _, start in self.wanted.values()}
        self._token_at: dict[int, int] = {}  # first byte of a wanted definition -> its first token

    def add(self, root: Node) -> None:  # noqa: PLR0912, PLR0915 - one loop over all nodes: a call each would double it
        """Append the tokens of a node.

        Raises:
            ParseTimeout: `is_late` said yes.
        """
        grammar, source, tokens = self.grammar, self.source, self.tokens
        actions, texts, lists, blocks = grammar.actions, grammar.texts, grammar.statement_lists, grammar.blocks
        terminated, kept_commas = grammar.terminated, grammar.kept_commas
        literals = grammar.literals
        wanted, ready, starts, token_at = self.wanted, self.ready, self._starts, self._token_at
        cursor = root.walk()
        descend, advance, ascend = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
        emit = tokens.append
        kinds: list[int] = []  # of the nodes above this one
        open_inner: list[tuple[int, int, int]] = []  # (depth, key, first token)
        is_listing = False  # the node above is a list of statements
        n_nodes = 0
        while True:
            n_nodes += 1
            if not n_nodes % _CHECK_EVERY and self.is_late():
                raise ParseTimeout
            node = cast(Node, cursor.node)
            kind = node.kind_id
            action = actions[kind] if kind < len(actions) else NAMED  # an error node's kind is 65535
            if action.__class__ is str:
                if kind in literals:
                    text = source[node.start_byte : node.end_byte]
                    emit(_literal(cast(str, action), b" ".join(text.split()) if action == TEXT else text))
                else:
                    emit(action)  # type: ignore[arg-type]
            elif action == IDENTIFIER:
                emit(_IDENTIFIERS[source[node.start_byte : node.end_byte]])
            elif action == NAMED:
                known = None
                if starts and kind not in blocks:  # a block starts where its first statement does
                    if (start := node.start_byte) in starts:
                        token_at.setdefault(start, len(tokens))
                    if (inner := wanted.get(node.id)) is not None:
                        open_inner.append((len(kinds), inner[0], token_at.get(inner[1], len(tokens))))
                if ready:
                    known = ready.get(node.id)
                if known is not None:
                    tokens += known
                else:
                    if kind in blocks:
                        emit("{")
                    if descend():
                        kinds.append(kind)
                        is_listing = kind in lists
                        continue
                    if kind in blocks:
                        emit("}")
                    elif text := source[node.start_byte : node.end_byte]:
                        emit(text.decode("utf-8", "replace"))
            elif action == CLOSER:
                if tokens and tokens[-1] == "," and kinds and kinds[-1] not in kept_commas:
                    tokens.pop()
                emit(texts[kind])
            elif action == SEPARATOR:
                emit(";" if is_listing else texts[kind])
                if is_listing and len(tokens) > 1 and tokens[-2] in (";", "{"):
                    tokens.pop()
            elif action in (STRING_LITERAL, INTERPOLATED) and not (is_listing and blocks):  # else a docstring
                if action == INTERPOLATED:
                    text = _written(node, source, grammar.pieces)
                else:
                    text = source[node.start_byte : node.end_byte]
                    if kind in grammar.markup:
                        text = b" ".join(text.split())
                if text:
                    token = _literal(STRING, text)
                    if tokens and tokens[-1].startswith(STRING):
                        token = tokens.pop() + token.removeprefix(STRING)
                    emit(token)
                if action == INTERPOLATED and descend():
                    kinds.append(kind)
                    is_listing = False
                    continue
            if is_listing and action != CLOSER and tokens and tokens[-1] not in (";", "{"):
                emit(";")
            while not advance():
                if not kinds:
                    return
                ascend()
                kind = kinds.pop()
                if kind in blocks:
                    emit("}")
                if kind in terminated and tokens[-1] != ";":
                    emit(";")
                while open_inner and open_inner[-1][0] == len(kinds):
                    _, key, first = open_inner.pop()
                    self.places[key] = (first, len(tokens))
                is_listing = bool(kinds) and kinds[-1] in lists
                if is_listing and tokens and tokens[-1] not in (";", "{"):
                    emit(";")
