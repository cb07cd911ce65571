"""File contents to columns of blobs, snippets and patterns; runs inside a worker process and touches no store.

Where the contents come from and the columns go lives in `ingest`.
"""

from __future__ import annotations

import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemma.extract.definitions import Definition, find_definitions
from stemma.extract.grammars import Grammar, ParseTimeout, load
from stemma.extract.normal_form import (
    Walk,
    exact_hash,
    is_trivial,
    pattern_id,
    structure,
    sub_tokens,
    token_hash,
    windows,
)
from stemma.extract.source import prepare
from stemma.languages import LANGUAGES

CODE_CHARS = 100_000
CACHE_BYTES = 64 << 20

Columns = dict[str, list[Any]]

_BLOB = "blob_oid language n_bytes n_lines status reason n_errors n_snippets parse_ms imports"
_SNIPPET = (
    "blob_oid ordinal parent_ordinal kind name qualified_name duplicate_index start_line end_line start_byte end_byte "
    "signature docstring is_deprecated is_test exact_hash pattern_id n_lines n_tokens"
)
_PATTERN = (
    "pattern_id language kind name signature docstring code n_lines n_tokens shingles sub_tokens is_trivial "
    "trivial_reason structure"
)
_TEXT = "exact_hash language token_hash parameters modifiers calls defines complexity"


@dataclass(frozen=True)
class File:
    """One content to read: its git object id, the grammar its path asks for, its bytes or why there are none."""

    blob_oid: str
    grammar: str
    content: bytes | None
    n_bytes: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Limits:
    """Bounds of one file. Time is the CPU's: a busy machine must not decide what is in the database."""

    max_file_bytes: int
    parse_timeout_s: float


@dataclass(frozen=True)
class Extracted:
    """Columns of the tables of the same names, without `extractor_version`; patterns and texts are distinct."""

    blobs: Columns
    snippets: Columns
    patterns: Columns
    texts: Columns


@dataclass(frozen=True)
class _Content:
    """What depends on a definition's text alone."""

    pattern_id: str
    token_hash: str
    tokens: list[str]
    shingles: npt.NDArray[np.int32]
    sub_tokens: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        return 400 + 8 * len(self.tokens) + self.shingles.nbytes + sum(60 + len(word) for word in self.sub_tokens)


class _Cache:
    """The latest contents by (grammar, node type, exact hash): a history repeats one function in hundreds of blobs."""

    def __init__(self, max_bytes: int) -> None:
        self._items: OrderedDict[tuple[str, int, bool, str], _Content] = OrderedDict()
        self._n_bytes = 0
        self._max_bytes = max_bytes

    def get(self, key: tuple[str, int, bool, str]) -> _Content | None:
        if (content := self._items.get(key)) is not None:
            self._items.move_to_end(key)
        return content

    def put(self, key: tuple[str, int, bool, str], content: _Content) -> None:
        if key in self._items:
            return
        self._items[key] = content
        self._n_bytes += content.n_bytes
        while self._n_bytes > self._max_bytes:
            self._n_bytes -= self._items.popitem(last=False)[1].n_bytes


_CACHE = _Cache(CACHE_BYTES)
_CLOCK_EVERY = 16
_Found = tuple[Definition, str, _Content]


def extract(files: Sequence[File], limits: Limits) -> Extracted:
    """Read a batch of files. No file can fail it: what cannot be read has status `skipped` and a reason."""
    out = Extracted(*({name: [] for name in names.split()} for names in (_BLOB, _SNIPPET, _PATTERN, _TEXT)))
    known: set[str] = set()
    for file in files:
        _extract_file(file, limits, out, known)
    return out


def crashed(files: Sequence[File]) -> Extracted:
    """Rows for files that killed the process reading them."""
    return extract([File(file.blob_oid, file.grammar, None, file.n_bytes, "crashed") for file in files], Limits(1, 1))


def _extract_file(file: File, limits: Limits, out: Extracted, known: set[str]) -> None:
    started = time.thread_time()
    deadline = started + limits.parse_timeout_s
    grammar = load(file.grammar)
    n_bytes = file.n_bytes if file.content is None else len(file.content)
    source = prepare(file.content, limits.max_file_bytes) if file.content is not None else None
    n_lines, reason = (source.n_lines, source.reason) if source else (0, file.reason or "missing")
    status, n_errors, n_snippets = "skipped", 0, 0
    if source is not None and reason is None:
        grammar = _upgraded(grammar, source.text)
        try:
            n_errors, is_cut, found = _read(grammar, source.text, deadline)
        except ParseTimeout:
            reason = "timeout"
        except Exception as error:  # one file's oddity must not end a run over a hundred thousand: it is named
            reason = f"failed: {type(error).__name__}"
        else:
            _append_found(grammar, source.text, file.blob_oid, found, out=out, known=known)
            reason = "syntax_error" if n_errors else "too_deep" if is_cut else None
            status = "parsed" if reason is None else "partial"
            n_snippets = len(found)
    row: tuple[Any, ...] = (
        file.blob_oid, grammar.language.name, n_bytes, n_lines, status, reason, n_errors, n_snippets,
        (time.thread_time() - started) * 1000, [],
    )  # fmt: skip
    _append(out.blobs, row)


def _upgraded(grammar: Grammar, text: bytes) -> Grammar:
    """A `.h` may hold C++; a file that shows it is read as what it is."""
    if (upgrade := grammar.language.upgrades) is None or not re.search(upgrade[0].encode(), text):
        return grammar
    return load(next(iter(LANGUAGES[upgrade[1]].grammars)))


def _read(grammar: Grammar, text: bytes, deadline: float) -> tuple[int, bool, list[_Found]]:
    """Parse one text: error nodes, whether definitions were left out for their depth, and each with its content."""

    n_asked = 0

    def is_late() -> bool:
        nonlocal n_asked
        n_asked += 1  # the clock is a system call, the question is asked every few microseconds
        return not n_asked % _CLOCK_EVERY and time.thread_time() > deadline

    tree = grammar.parse(text, is_late)
    definitions, is_cut = find_definitions(grammar, tree, text, is_late)
    n_errors = len(grammar.matches(grammar.errors, tree)) if tree.root_node.has_error else 0
    contents = _contents(grammar, text, definitions, is_late)
    return n_errors, is_cut, [(definition, *content) for definition, content in zip(definitions, contents, strict=True)]


def _append_found(
    grammar: Grammar, text: bytes, blob_oid: str, found: list[_Found], *, out: Extracted, known: set[str]
) -> None:
    duplicates: Counter[tuple[str, str]] = Counter()
    for ordinal, (definition, exact, content) in enumerate(found):
        place = (definition.kind, definition.qualified_name)
        end = definition.outer.end_point
        end_row = end.row - 1 if end.column == 0 and end.row > definition.start_row else end.row
        n_lines = end_row - definition.start_row + 1
        row = (
            blob_oid, ordinal, definition.parent, definition.kind, definition.name, definition.qualified_name,
            duplicates[place], definition.start_row + 1, end_row + 1, definition.start_byte, definition.outer.end_byte,
            definition.signature, definition.docstring, definition.is_deprecated, definition.is_test,
            exact, content.pattern_id, n_lines, len(content.tokens),
        )  # fmt: skip
        _append(out.snippets, row)
        duplicates[place] += 1
        if exact not in known:
            known.add(exact)
            _append(out.texts, (exact, grammar.language.name, content.token_hash, [], [], [], [], 1))
        if content.pattern_id not in known:
            known.add(content.pattern_id)
            _append(out.patterns, _pattern(grammar, text, definition, content, n_lines))


def _pattern(grammar: Grammar, text: bytes, definition: Definition, content: _Content, n_lines: int) -> tuple[Any, ...]:
    end = min(definition.outer.end_byte, definition.start_byte + 4 * CODE_CHARS)
    code = text[definition.start_byte : end].decode("utf-8", "replace")[:CODE_CHARS]
    return (
        content.pattern_id, grammar.language.name, definition.kind, definition.name, definition.signature,
        definition.docstring, code, n_lines, len(content.tokens), content.shingles, list(content.sub_tokens),
        is_trivial(len(content.tokens)), "tiny" if is_trivial(len(content.tokens)) else None,
        structure(content.tokens),
    )  # fmt: skip


def _append(columns: Columns, row: tuple[Any, ...]) -> None:
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)


def _contents(
    grammar: Grammar, text: bytes, definitions: list[Definition], is_late: Callable[[], bool]
) -> list[tuple[str, _Content]]:
    """Exact hash and content of each definition. Only texts not in the cache are walked, the outermost ones once."""
    keys = []
    for definition in definitions:
        if is_late():
            raise ParseTimeout
        exact = exact_hash(text[definition.start_byte : definition.outer.end_byte])
        keys.append((grammar.language.name, definition.node.kind_id, definition.node.has_error, exact))
    contents = [_CACHE.get(key) for key in keys]
    for position, definition in enumerate(definitions):
        if contents[position] is not None:
            continue
        walk = Walk(grammar, text, is_late, *_inner(definitions, contents, position))
        for part in (*definition.attributes, definition.outer):
            walk.add(part)
        hashes = windows(walk.tokens)
        places = {position: (0, len(walk.tokens)), **walk.places}
        for key, (first, end) in places.items():
            contents[key] = content = _content(grammar, walk.tokens[first:end], hashes[first : max(first, end - 4)])
            _CACHE.put(keys[key], content)
    return [(key[3], content) for key, content in zip(keys, contents, strict=True) if content is not None]


def _inner(
    definitions: list[Definition], contents: list[_Content | None], position: int
) -> tuple[dict[int, tuple[int, int]], dict[int, Sequence[str]]]:
    """What a walk of one definition needs to know of those inside: which are wanted, and the tokens of the others."""
    wanted: dict[int, tuple[int, int]] = {}
    ready: dict[int, Sequence[str]] = {}
    end = definitions[position].outer.end_byte
    for other in range(position + 1, len(definitions)):
        inner, content = definitions[other], contents[other]
        if inner.start_byte >= end:
            break
        if content is None:
            wanted[inner.outer.id] = (other, inner.start_byte)
        elif not inner.attributes:  # those stand before its node, and are walked with what is around it
            ready[inner.outer.id] = content.tokens
    return wanted, ready


def _content(grammar: Grammar, tokens: list[str], hashes: npt.NDArray[np.int32]) -> _Content:
    language = grammar.language.name
    return _Content(
        pattern_id(language, tokens),
        token_hash(language, tokens),
        tokens,
        np.unique(hashes),
        tuple(sub_tokens(tokens)),
    )
