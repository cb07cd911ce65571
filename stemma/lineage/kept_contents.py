"""What was read of contents for one question, kept for the next process that asks: one SQLite file of bounded size.

A record is one content, one text or one form, each kept once however many contents have it. Without the file, or where
part of a record was let go, the content is parsed: slower, never different. What is held of contents while a question
is answered is in `held_contents`.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from stemma.config import Settings
from stemma.errors import StoreError
from stemma.extract.extractor import Columns, Extracted, Known, Limits
from stemma.languages import EXTRACTOR_VERSION
from stemma.lineage.contents import PARTIAL, TEXT
from stemma.lineage.held_contents import FORM, READ
from stemma.remote.memory import Memory

logger = logging.getLogger(__name__)

FILE = "contents.sqlite"
MAX_BYTES = 256 << 20
PER_WRITE = 64
"""Contents written at a time."""
_KEPT = frozenset({"parsed", PARTIAL})
_BLOB = ("language", "status")
_Row = list[Any]
_T = TypeVar("_T")


class KeptContents:
    """Contents as they were read under some limits, by id and grammar."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._memory = Memory(settings.data_dir / FILE, MAX_BYTES)
        self._space = f"{EXTRACTOR_VERSION}/{limits.max_file_bytes}/{limits.parse_timeout_s:g}"
        self._unwritten: dict[str, bytes] = {}
        self._n_unwritten = 0
        self._is_usable = True

    def __enter__(self) -> KeptContents:
        return self

    def __exit__(self, *_: object) -> None:
        self.write()
        self._memory.close()

    def get(self, oid: str, grammar: str, known: Known) -> Extracted | None:
        """A content with those of its texts and forms that are not known, which then are; None: it must be parsed."""
        return self._tried(lambda: self._get(oid, grammar, known))

    def put(self, oid: str, grammar: str, read: Extracted) -> None:
        """Keep what was read of a content, and the texts and forms that were told with it."""
        if read.blobs["status"][0] not in _KEPT or read.blobs["reason"] == ["timeout"]:
            return
        blob = {name: read.blobs[name] for name in _BLOB}
        self._unwritten[self._key("content", grammar, oid)] = _packed(
            [blob, {name: read.snippets[name] for name in READ}]
        )
        for row in zip(*(read.texts[name] for name in TEXT), strict=True):
            self._unwritten[self._key("text", row[1], row[0])] = _packed(row)
        for form, is_trivial, shingles in zip(*(read.patterns[name] for name in FORM), strict=True):
            self._unwritten[self._key("form", "", form)] = _packed([form, is_trivial, shingles.tolist()])
        self._n_unwritten += 1
        if self._n_unwritten >= PER_WRITE:
            self.write()

    def write(self) -> None:
        """Write what waits to be written."""
        answers, self._unwritten, self._n_unwritten = self._unwritten, {}, 0
        if answers:
            self._tried(lambda: self._memory.put(self._space, answers))

    def _get(self, oid: str, grammar: str, known: Known) -> Extracted | None:
        key = self._key("content", grammar, oid)
        if (packed := self._memory.get([key]).get(key)) is None:
            return None
        blob, snippets = _unpacked(packed)
        language = blob["language"][0]
        texts = [hash_ for hash_ in dict.fromkeys(snippets["exact_hash"]) if (hash_, language) not in known]
        forms = [form for form in dict.fromkeys(snippets["pattern_id"]) if form not in known]
        text_rows, form_rows = self._rows("text", language, texts), self._rows("form", "", forms)
        if text_rows is None or form_rows is None:
            return None
        known.update((hash_, language) for hash_ in texts)
        known.update(forms)
        forms_of = [(form, is_trivial, np.array(shingles, np.int32)) for form, is_trivial, shingles in form_rows]
        return Extracted(blob, snippets, _columns(FORM, forms_of), _columns(TEXT, text_rows))

    def _rows(self, kind: str, of: str, names: Sequence[str]) -> list[_Row] | None:
        keys = [self._key(kind, of, name) for name in names]
        found = self._memory.get([key for key in keys if key not in self._unwritten]) | self._unwritten
        return [_unpacked(found[key]) for key in keys] if all(key in found for key in keys) else None

    def _key(self, *parts: str) -> str:
        return "/".join((self._space, *parts))

    def _tried(self, act: Callable[[], _T]) -> _T | None:
        """Nothing where the file cannot be used: what it would have told is read anew, and it is not tried again."""
        if self._is_usable:
            try:
                return act()
            except StoreError as error:
                logger.debug("%s", error)
                self._is_usable = False
        return None


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def _unpacked(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))
