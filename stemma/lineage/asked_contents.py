"""File contents as one question about one element needs them: read in the order of the walk, parsed only where asked.

What is looked for in them lives in `asked_walk`; how a content is read, in `stemma.extract.extractor`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from stemma.extract.extractor import Columns, Extracted, File, Limits, extract
from stemma.extract.source import prepare
from stemma.git import cat_file
from stemma.git.store import Store
from stemma.lineage.contents import ELEMENT, TEXT, FrameContents
from stemma.tables import patterns, polars_schema, snippet_texts, snippets

_SCHEMAS = {table.name: polars_schema(table) for table in (snippets, snippet_texts, patterns)}
_SNIPPETS = {
    name: _SCHEMAS["snippets"][name]
    for name in (*(name for name in ELEMENT if name in _SCHEMAS["snippets"]), "signature", "docstring")
}
_TEXTS = {name: _SCHEMAS["snippet_texts"][name] for name in TEXT}
_PATTERNS = {name: _SCHEMAS["patterns"][name] for name in ("pattern_id", "language", "is_trivial", "shingles")}
CHUNK = 64
"""Contents read at a time, ahead of the walk."""
HELD_BYTES = 256 * 2**20
"""Texts held at most; those read longest ago go first."""
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class Key:
    """What an element is called in its file."""

    kind: str
    qualified_name: str
    duplicate_index: int


@dataclass(frozen=True, slots=True)
class Found:
    """One definition of one content: its key, its place in the text, what of its text decides equality."""

    key: Key
    ordinal: int
    name: str
    signature: str
    exact_hash: str
    start_line: int
    end_line: int
    start_byte: int
    end_byte: int
    parent_ordinal: int | None


@dataclass(frozen=True)
class Parsed:
    """The definitions of one content, in source order, and the extractor's columns of it."""

    found: list[Found]
    columns: Extracted

    @property
    def is_partial(self) -> bool:
        """Whether it has errors of syntax."""
        return bool(self.columns.blobs["status"] == ["partial"])

    @cached_property
    def by_key(self) -> dict[Key, Found]:
        return {found.key: found for found in self.found}

    def at_line(self, line: int) -> Found | None:
        """The innermost definition that holds the line; of two that begin and end alike, the later."""
        around = [found for found in self.found if found.start_line <= line <= found.end_line]
        return max(around, key=lambda found: (found.start_byte, found.ordinal), default=None)

    def named(self, name: str) -> list[Found]:
        """The definitions of that qualified name, or else those whose qualified name ends with it."""
        named = [each for each in self.found if each.key.qualified_name == name]
        return named or [each for each in self.found if each.key.qualified_name.endswith(f".{name}")]

    def enclosing(self, found: Found) -> list[Found]:
        """The definitions around one, innermost first."""
        above = []
        while found.parent_ordinal is not None:
            found = self.found[found.parent_ordinal]
            above.append(found)
        return above


class Contents:
    """Texts and definitions of the blobs of one repository; each is read from git and parsed once while it is held."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._texts: dict[str, bytes | None] = {}
        self._held = 0
        self._expected: dict[str, None] = {}
        self._parsed: dict[tuple[str, str], Parsed] = {}

    @property
    def n_parsed(self) -> int:
        """Contents parsed so far."""
        return len(self._parsed)

    def expect(self, oids: Iterable[str]) -> None:
        """Say in which order contents will be wanted, so that they are read by the chunk."""
        self._expected = dict.fromkeys(oids)

    def text(self, oid: str) -> bytes | None:
        """The text as the parser takes it; None where it cannot be had, or is no text to parse."""
        if oid not in self._texts:
            self._read(oid)
        return self._texts[oid]

    def read(self, oids: Sequence[str]) -> None:
        """Bring contents in at once."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._texts]
        headers = cat_file.headers(self._store, wanted)
        fitting = [header.oid for header in headers if self._fits(header)]
        self._texts |= dict.fromkeys(wanted)
        for header, content in cat_file.contents(self._store, fitting):
            source = prepare(content, self._limits.max_file_bytes) if content is not None else None
            text = source.text if source is not None and source.reason is None else None
            self._texts[header.oid] = text
            self._held += len(text or b"")
        for oid in list(self._texts):
            if self._held <= HELD_BYTES or oid in fitting:
                break
            self._held -= len(self._texts.pop(oid) or b"")

    def parsed(self, oid: str, grammar: str) -> Parsed:
        """The definitions of a content; none where it cannot be parsed."""
        if (known := self._parsed.get((oid, grammar))) is None:
            columns = extract([File(oid, grammar, self.text(oid))], self._limits)
            known = self._parsed[oid, grammar] = Parsed(_definitions(columns.snippets), columns)
        return known

    def definitions(self, grammars: Mapping[str, str]) -> FrameContents:
        """All that the trace asks of these contents (each with its grammar); what cannot be read is named in it."""
        read = [self.parsed(oid, grammar).columns for oid, grammar in grammars.items()]
        places, texts, forms = (
            _frame([getattr(columns, name) for columns in read], columns_of)
            for name, columns_of in (("snippets", _SNIPPETS), ("texts", _TEXTS), ("patterns", _PATTERNS))
        )
        language = forms.unique("pattern_id", keep="first", maintain_order=True)
        rows = places.join(language, on="pattern_id", how="left", maintain_order="left").join(
            texts.unique(["exact_hash", "language"], keep="first", maintain_order=True),
            on=["exact_hash", "language"],
            how="left",
            maintain_order="left",
        )
        unread, partial = (
            [oid for oid, columns in zip(grammars, read, strict=True) if columns.blobs["status"] == [status]]
            for status in ("skipped", "partial")
        )
        return FrameContents(rows, unread, partial)

    def _read(self, oid: str) -> None:
        ahead = list(self._expected)
        start = ahead.index(oid) if oid in self._expected else 0
        chunk = [oid, *ahead[start + 1 : start + CHUNK]] if oid in self._expected else [oid]
        self.read(chunk)

    def _fits(self, header: cat_file.Header) -> bool:
        return header.kind == "blob" and header.n_bytes <= self._limits.max_file_bytes


def region(text: bytes, parsed: Parsed, found: Found) -> tuple[int, int]:
    """Where a definition with the comment before it stands: from the last blank line outside a comment.

    It never reaches into the definition before, nor above the head of the one around. The line before belongs to it:
    the same text with another comment before it is not the same.
    """
    floor = 0
    for other in parsed.found:
        if other.end_byte <= found.start_byte:
            floor = max(floor, other.end_byte)
        elif other.start_byte < found.start_byte:
            floor = max(floor, other.start_byte)
    start = floor
    before = text[floor : found.start_byte]
    for blank in reversed(list(_BLANK_LINE.finditer(before))):
        tail = before[blank.end() :]
        if tail.count(b"/*") == tail.count(b"*/"):
            start = floor + blank.end()
            break
    line = text.rfind(b"\n", 0, start)
    return max(text.rfind(b"\n", 0, max(line, 0)), 0), found.end_byte


def _frame(parts: Sequence[Columns], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    # As a Series, arrays of one length would become an Array, whatever kind was asked for.
    return pl.DataFrame({name: [each for part in parts for each in part[name]] for name in schema}, schema=dict(schema))


def _definitions(snippets: dict[str, list[Any]]) -> list[Found]:
    columns = (
        "kind", "qualified_name", "duplicate_index", "ordinal", "name", "signature", "exact_hash", "start_line",
        "end_line", "start_byte", "end_byte", "parent_ordinal",
    )  # fmt: skip
    rows = zip(*(snippets[name] for name in columns), strict=True)
    return [Found(Key(kind, name, index), *rest) for kind, name, index, *rest in rows]
