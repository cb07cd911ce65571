"""File contents as one question about one element needs them: read in the order of the walk, parsed only where asked.

What is looked for in them lives in `asked_walk`; how a content is read, in `stemma.extract.extractor`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stemma.extract.extractor import Extracted, File, Known, Limits, extract
from stemma.extract.source import prepare
from stemma.git import cat_file
from stemma.git.store import Store
from stemma.lineage.held_contents import ChosenContents, HeldContents, Reading
from stemma.lineage.kept_contents import KeptContents

CHUNK = 64
"""Contents read at a time, ahead of the walk."""
HELD_BYTES = 64 * 2**20
"""Texts held at most; those read longest ago go first."""
HELD_PARSED = 64
"""Contents whose definitions are held as objects; of the others they are made again of what is held in columns."""
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
    """The definitions of one content, in source order, and whether it has errors of syntax."""

    found: list[Found]
    is_partial: bool

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
    """Texts and definitions of the blobs of one repository; each is parsed once, ever, where contents are kept."""

    def __init__(self, store: Store, limits: Limits, kept: KeptContents | None = None) -> None:
        self._store, self._kept = store, kept
        self._limits = limits
        self._texts: dict[str, bytes | None] = {}
        self._held = 0
        self._expected: dict[str, None] = {}
        self._known: Known = set()
        self._all = HeldContents()
        self._parsed: OrderedDict[tuple[str, str], Parsed] = OrderedDict()

    @property
    def n_parsed(self) -> int:
        """Contents parsed so far."""
        return len(self._all)

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
        key = (oid, grammar)
        if (known := self._parsed.get(key)) is None:
            reading = self._reading(oid, grammar)
            known = self._parsed[key] = Parsed(_definitions(reading, self._all), reading.is_partial)
            if len(self._parsed) > HELD_PARSED:
                self._parsed.popitem(last=False)
        else:
            self._parsed.move_to_end(key)
        return known

    def definitions(self, grammars: Mapping[str, str]) -> ChosenContents:
        """All that the trace asks of these contents, each with its grammar."""
        return self._all.of({oid: self._reading(oid, grammar) for oid, grammar in grammars.items()})

    def _reading(self, oid: str, grammar: str) -> Reading:
        if (known := self._all.get(oid, grammar)) is None:
            known = self._all.add(oid, grammar, self._extracted(oid, grammar))
        return known

    def _extracted(self, oid: str, grammar: str) -> Extracted:
        if self._kept is not None and (read := self._kept.get(oid, grammar, self._known)) is not None:
            return read
        read = extract([File(oid, grammar, self.text(oid))], self._limits, self._known)
        if self._kept is not None:
            self._kept.put(oid, grammar, read)
        return read

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


def _definitions(reading: Reading, held: HeldContents) -> list[Found]:
    columns = (
        "kind", "qualified_name", "duplicate_index", "ordinal", "name", "signature", "exact_hash", "start_line",
        "end_line", "start_byte", "end_byte", "parent_ordinal",
    )  # fmt: skip
    rows = zip(*(held.column(reading, name) for name in columns), strict=True)
    return [Found(Key(kind, name, index), *rest) for kind, name, index, *rest in rows]
