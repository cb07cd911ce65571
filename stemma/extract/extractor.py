"""File contents to columns of blobs, snippets and patterns; runs inside a worker process and touches no store.

Where the contents come from and the columns go lives in `ingest`.
"""

from __future__ import annotations

import gc
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stemma.extract.contents import Content, contents
from stemma.extract.definitions import Definition, find_definitions
from stemma.extract.facts import imported
from stemma.extract.grammars import Grammar, ParseTimeout, load
from stemma.extract.normal_form import sub_tokens, text_hashes
from stemma.extract.source import prepare
from stemma.extract.triviality import is_generated, trivial_reason
from stemma.ids import content_id
from stemma.languages import LANGUAGES

CODE_CHARS = 100_000

Columns = dict[str, list[Any]]
Known = set[str | tuple[str, str]]
"""Patterns by id, texts by hash and language."""

_BLOB = "blob_oid language n_bytes n_lines status reason n_errors n_snippets parse_ms imports"
_SNIPPET = (
    "blob_oid ordinal parent_ordinal kind name qualified_name duplicate_index start_line end_line start_byte end_byte "
    "signature docstring doc_hash loose_hash is_deprecated is_test exact_hash pattern_id n_lines n_tokens"
)
_PATTERN = (
    "pattern_id language kind name signature docstring code n_lines n_tokens shingles sub_tokens is_trivial "
    "trivial_reason structure"
)
_TEXT = (
    "exact_hash language token_hash parameters modifiers calls defines complexity body_hash comments_hash "
    "parameter_list return_type annotations raises"
)


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


_Found = tuple[Definition, Content, str | None]  # with its loose hash


def extract(files: Sequence[File], limits: Limits, known: Known | None = None) -> Extracted:
    """Read a batch of files. No file can fail it: what cannot be read has status `skipped` and a reason.

    Args:
        known: patterns and texts of which nothing more need be told; those told now are added.
    """
    rows = _Rows(set() if known is None else known)
    with _uncollected():
        for file in files:
            _extract_file(file, limits, rows)
    return rows.columns()


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles: reading makes none, and each search would visit every node that is held."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def crashed(files: Sequence[File]) -> Extracted:
    """Rows for files that killed the process reading them."""
    return extract([File(file.blob_oid, file.grammar, None, file.n_bytes, "crashed") for file in files], Limits(1, 1))


def _extract_file(file: File, limits: Limits, rows: _Rows) -> None:
    started = time.thread_time()
    deadline = started + limits.parse_timeout_s
    grammar = load(file.grammar)
    n_bytes = file.n_bytes if file.content is None else len(file.content)
    source = prepare(file.content, limits.max_file_bytes) if file.content is not None else None
    n_lines, reason = (source.n_lines, source.reason) if source else (0, file.reason or "missing")
    status, read = "skipped", _Read(0, False, [], [])
    if source is not None and reason is None:
        grammar = _upgraded(grammar, source.text)
        try:
            read = _read(grammar, source.text, deadline)
        except ParseTimeout:
            reason = "timeout"
        except Exception as error:  # one file's oddity must not end a run over a hundred thousand: it is named
            reason = f"failed: {type(error).__name__}"
        else:
            rows.add_found(grammar, source.text, file.blob_oid, read.found)
            reason = "syntax_error" if read.n_errors else "too_deep" if read.is_cut else None
            status = "parsed" if reason is None else "partial"
    rows.blobs.append((
        file.blob_oid, grammar.language.name, n_bytes, n_lines, status, reason, read.n_errors, len(read.found),
        (time.thread_time() - started) * 1000, read.imports,
    ))  # fmt: skip


def _upgraded(grammar: Grammar, text: bytes) -> Grammar:
    """A `.h` may hold C++; a file that shows it is read as what it is."""
    if (upgrade := grammar.language.upgrades) is None or not re.search(upgrade[0].encode(), text):
        return grammar
    return load(next(iter(LANGUAGES[upgrade[1]].grammars)))


@dataclass(frozen=True)
class _Read:
    """What was read in one text: error nodes, definitions with their contents, what is imported."""

    n_errors: int
    is_cut: bool
    found: list[_Found]
    imports: list[str]


def _read(grammar: Grammar, text: bytes, deadline: float) -> _Read:
    def is_late() -> bool:
        return time.thread_time() > deadline

    tree = grammar.parse(text, is_late)
    definitions = find_definitions(grammar, tree, text, is_late)
    n_errors = len(grammar.matches(grammar.errors, tree)) if tree.root_node.has_error else 0
    spans = [(definition.start_byte, definition.outer.end_byte) for definition in definitions.found]
    hashes = text_hashes(text, spans)
    read = contents(grammar, text, definitions, [exact for exact, _ in hashes], is_late)
    loose = [
        _with_comment(text, definition, own) for definition, (_, own) in zip(definitions.found, hashes, strict=True)
    ]
    found = list(zip(definitions.found, read, loose, strict=True))
    return _Read(n_errors, definitions.is_cut, found, imported(definitions.imports, text))


def _with_comment(text: bytes, definition: Definition, loose: str | None) -> str | None:
    """The loose hash with the comment before the definition as it stands, whose lines can be laid anew."""
    first = min(definition.documents, default=definition.start_byte)
    if first >= definition.start_byte:
        return loose
    comment = text[first : definition.start_byte].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content_id(comment, loose or "")


class _Rows:
    """Rows of a batch, table by table, as they are found; columns are made of them once."""

    def __init__(self, known: Known) -> None:
        self.blobs: list[tuple[Any, ...]] = []
        self.snippets: list[tuple[Any, ...]] = []
        self.patterns: dict[str, tuple[Any, ...]] = {}
        self.texts: list[tuple[Any, ...]] = []
        self._known = known

    def add_found(self, grammar: Grammar, text: bytes, blob_oid: str, found: list[_Found]) -> None:
        language, in_generated = grammar.language.name, is_generated(text)
        duplicates: Counter[tuple[str, str]] = Counter()
        for ordinal, (definition, content, loose) in enumerate(found):
            place = (definition.kind, definition.qualified_name)
            end = definition.outer.end_point
            end_row = end.row - 1 if end.column == 0 and end.row > definition.start_row else end.row
            n_lines = end_row - definition.start_row + 1
            self.snippets.append((
                blob_oid, ordinal, definition.parent, definition.kind, definition.name, definition.qualified_name,
                duplicates[place], definition.start_row + 1, end_row + 1, definition.start_byte,
                definition.outer.end_byte, content.head.signature, definition.docstring,
                definition.doc_hash, loose, content.head.is_deprecated or definition.is_noted_deprecated,
                content.head.is_test or definition.is_named_test,
                content.exact_hash, content.pattern_id, n_lines, len(content.tokens),
            ))  # fmt: skip
            duplicates[place] += 1
            if (key := (content.exact_hash, language)) not in self._known:
                self._known.add(key)
                said, declared = content.facts, content.declared
                self.texts.append((
                    content.exact_hash, language, content.token_hash, said.parameters, said.modifiers, said.calls,
                    said.defines, said.complexity, content.body_hash, content.comments_hash, declared.parameter_list,
                    declared.return_type, declared.annotations, declared.raises,
                ))  # fmt: skip
            if content.pattern_id not in self._known:
                # Where a pattern is met in generated code and elsewhere, the other stands for it.
                if not in_generated:
                    self._known.add(content.pattern_id)
                self.patterns[content.pattern_id] = _pattern(
                    language, text, definition, content, n_lines, in_generated=in_generated
                )

    def columns(self) -> Extracted:
        named = (
            (_BLOB, self.blobs),
            (_SNIPPET, self.snippets),
            (_PATTERN, self.patterns.values()),
            (_TEXT, self.texts),
        )
        return Extracted(*(_columns(names.split(), list(rows)) for names, rows in named))


def _columns(names: list[str], rows: list[tuple[Any, ...]]) -> Columns:
    if not rows:
        return {name: [] for name in names}
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _pattern(
    language: str, text: bytes, definition: Definition, content: Content, n_lines: int, *, in_generated: bool
) -> tuple[Any, ...]:
    end = min(definition.outer.end_byte, definition.start_byte + 4 * CODE_CHARS)
    code = text[definition.start_byte : end].decode("utf-8", "replace")[:CODE_CHARS]
    reason = trivial_reason(definition.kind, content, in_generated=in_generated)
    return (
        content.pattern_id, language, definition.kind, definition.name, content.head.signature, definition.docstring,
        code, n_lines, len(content.tokens), content.shingles, sub_tokens(content.tokens), reason is not None, reason,
        content.structure,
    )  # fmt: skip
