"""What was read of contents for one question, in little space, and the answers that the trace asks of it.

A file of nine hundred definitions has most of them in each of its hundreds of contents: every text, name and hash is
held once, and a content is a table of their numbers. Which contents are read is decided in `asked_contents`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemma.extract.extractor import Columns, Extracted
from stemma.lineage.contents import ELEMENT, OUTLINE, PARTIAL, SKIPPED, TEXT
from stemma.tables import patterns, polars_schema, snippet_texts, snippets

READ = (
    *("ordinal", "parent_ordinal", "kind", "name", "qualified_name", "duplicate_index", "start_line", "end_line"),
    *("start_byte", "end_byte", "signature", "docstring", "doc_hash", "loose_hash", "is_deprecated", "exact_hash"),
    *("pattern_id", "n_tokens"),
)
"""Columns of `snippets` that are held."""
_PLACE = {name: place for place, name in enumerate(READ)}
_SCHEMA = {name: polars_schema(snippets)[name] for name in READ}
_WORDS = frozenset(name for name, kind in _SCHEMA.items() if kind == pl.String)
_TEXTS = {name: polars_schema(snippet_texts)[name] for name in TEXT}
FORM = ("pattern_id", "is_trivial", "shingles")
_FORMS = {name: polars_schema(patterns)[name] for name in FORM}
_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Reading:
    """One content: a row of cells for each definition, in source order; numbers of words, or numbers, -1 for null."""

    language: str
    status: str
    cells: npt.NDArray[np.int32]

    @property
    def is_partial(self) -> bool:
        """Whether it has errors of syntax."""
        return self.status == PARTIAL


@dataclass
class _Told:
    """Rows of one table that were told a few at a time, as a frame."""

    schema: Mapping[str, pl.DataType]
    parts: list[pl.DataFrame] = field(default_factory=list)

    def add(self, columns: Columns) -> None:
        # As a Series, arrays of one length would become an Array, whatever kind was asked for.
        if columns[next(iter(self.schema))]:
            given = {name: columns[name] for name in self.schema}
            self.parts.append(pl.DataFrame(given, schema=dict(self.schema)))

    def frame(self) -> pl.DataFrame:
        self.parts = [pl.concat(self.parts)] if self.parts else [pl.DataFrame(schema=dict(self.schema))]
        return self.parts[0]


class HeldContents:
    """Contents held in memory; those of one trace (`of`) share words, texts and forms with all the others."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._texts, self._forms = _Told(_TEXTS), _Told(_FORMS)
        self._readings: dict[tuple[str, str], Reading] = {}

    def __len__(self) -> int:
        return len(self._readings)

    def get(self, oid: str, grammar: str) -> Reading | None:
        return self._readings.get((oid, grammar))

    def add(self, oid: str, grammar: str, read: Extracted) -> Reading:
        """Hold what was read of one content; its texts and patterns are those that were not told before."""
        self._texts.add(read.texts)
        self._forms.add(read.patterns)
        cells = np.empty((len(read.snippets["ordinal"]), len(READ)), np.int32)
        for name, place in _PLACE.items():
            values = read.snippets[name]
            cells[:, place] = self._numbered(values) if name in _WORDS else _whole(values)
        blob = {name: values[0] for name, values in read.blobs.items()}
        reading = self._readings[oid, grammar] = Reading(blob["language"], blob["status"], cells)
        return reading

    def column(self, reading: Reading, name: str) -> list[Any]:
        """One column of a content, as Python values."""
        numbers = reading.cells[:, _PLACE[name]].tolist()
        if name in _WORDS:
            return [self._words[number] if number >= 0 else None for number in numbers]
        return [None if number == _NOTHING else number for number in numbers]

    def of(self, chosen: Mapping[str, Reading]) -> ChosenContents:
        """Some contents, by id, as the trace asks of them."""
        words = pl.Series(self._words, dtype=pl.String)
        return ChosenContents(chosen, words, self._texts.frame(), self._forms.frame())

    def _numbered(self, values: list[str | None]) -> list[int]:
        numbers, words = self._numbers, self._words
        found = []
        for value in values:
            if value is None:
                found.append(_NOTHING)
                continue
            if (number := numbers.get(value)) is None:
                numbers[value] = number = len(words)
                words.append(value)
            found.append(number)
        return found


class ChosenContents:
    """Some of the contents that are held, as `stemma.lineage.contents.Contents`."""

    def __init__(
        self, readings: Mapping[str, Reading], words: pl.Series, texts: pl.DataFrame, forms: pl.DataFrame
    ) -> None:
        self._readings, self._words, self._texts = readings, words, texts
        self._forms = forms.unique("pattern_id", keep="first", maintain_order=True)

    def flaws(self, blobs: Sequence[str]) -> Mapping[str, str]:
        found = {blob: self._readings[blob].status for blob in blobs if blob in self._readings}
        return {blob: status for blob, status in found.items() if status in {SKIPPED, PARTIAL}}

    def outlines(self, blobs: Sequence[str]) -> pl.DataFrame:
        return self._rows(sorted(set(blobs)), OUTLINE)

    def elements(self, wanted: pl.DataFrame) -> pl.DataFrame:
        names = [name for name in ELEMENT if name != "is_trivial"]
        trivial = self._forms.select("pattern_id", "is_trivial")
        return self._of(wanted, names).join(trivial, on="pattern_id", how="left", maintain_order="left").select(ELEMENT)

    def texts(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._texts.join(wanted, on=["exact_hash", "language"], how="semi")

    def windows(self, pattern_ids: pl.Series) -> pl.DataFrame:
        asked = pattern_ids.to_frame("pattern_id")
        return self._forms.select("pattern_id", "shingles").join(asked, on="pattern_id", how="semi")

    def declared(self, wanted: pl.DataFrame) -> pl.DataFrame:
        return self._of(wanted, ("blob_oid", "ordinal", "signature", "docstring"))

    def _of(self, wanted: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        places = wanted.select("blob_oid", pl.col("ordinal").cast(pl.Int32))
        rows = self._rows(places["blob_oid"].unique().sort().to_list(), names)
        return rows.join(places, on=["blob_oid", "ordinal"], how="semi", maintain_order="left")

    def _rows(self, blobs: Sequence[str], names: Sequence[str]) -> pl.DataFrame:
        """These columns of every definition of these contents."""
        readings = [(blob, self._readings[blob]) for blob in blobs if blob in self._readings]
        cells = np.concatenate([np.empty((0, len(READ)), np.int32), *(each.cells for _, each in readings)])
        owner = np.repeat(np.arange(len(readings)), [len(each.cells) for _, each in readings])
        columns = {}
        for name in names:
            if name in _PLACE:
                columns[name] = self._column(name, cells[:, _PLACE[name]])
            else:
                said = [blob if name == "blob_oid" else each.language for blob, each in readings]
                columns[name] = pl.Series(said, dtype=pl.String).gather(owner)
        return pl.DataFrame(columns)

    def _column(self, name: str, numbers: npt.NDArray[np.int32]) -> pl.Series:
        values = pl.Series(numbers)
        values = values.set(values == _NOTHING, None)
        return self._words.gather(values) if name in _WORDS else values.cast(_SCHEMA[name])


def _whole(values: list[int | None]) -> list[int]:
    return [_NOTHING if value is None else int(value) for value in values]
