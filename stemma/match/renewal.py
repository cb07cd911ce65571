"""A published index carried over into the next: rows that still hold are taken from it, others are put between them.

What is read for those others, and when an index is made, lives in `publish`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.candidates import Sketches, starts_of
from stemma.match.index import Index

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
_ROW_BITS = np.uint64(32)


@dataclass(frozen=True)
class Lists:
    """A list a row, in the order of the rows: their values one after another, and how many each has."""

    values: NDArray[Any]
    sizes: Rows

    @property
    def ends(self) -> Rows:
        return np.cumsum(self.sizes, dtype=np.int64)


def rows_in(former: Index, ids: NDArray[np.uint64]) -> tuple[Rows, Flags]:
    """For each id its row in the former index, and whether it has one."""
    old = former.arrays["ids"]
    if not len(old):
        return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
    at = np.minimum(np.searchsorted(old[:, 0], ids[:, 0]), len(old) - 1)
    return at, (old[at] == ids).all(axis=1)


class Renewal:
    """Which rows of the next index are rows of the former one.

    Args:
        former: None where there is none.
        ids: of the rows of the next index.
        states: of each row, a number that differs where it was read anew.
    """

    def __init__(self, former: Index | None, ids: NDArray[np.uint64], states: NDArray[np.int64]) -> None:
        self._former = former if former is not None and "states" in former.arrays else None
        if self._former is None:
            self._at, self.is_held = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        else:
            self._at, is_there = rows_in(self._former, ids)
            self.is_held = is_there
            self.is_held[is_there] = self._former.arrays["states"][self._at[is_there]] == states[is_there]

    def lists(self, name: str, ends: str, fresh: Lists) -> Lists:
        """The lists of all rows: of those that hold from the former index, of the others from `fresh`, in order."""
        if self._former is None:
            return fresh
        old_ends = self._former.arrays[ends]
        old = Lists(self._former.arrays[name], np.diff(old_ends, prepend=0))
        sizes, starts = np.empty(len(self.is_held), np.int64), np.empty(len(self.is_held), np.int64)
        held = self._at[self.is_held]
        sizes[self.is_held], starts[self.is_held] = old.sizes[held], old_ends[held] - old.sizes[held]
        sizes[~self.is_held], starts[~self.is_held] = fresh.sizes, fresh.ends - fresh.sizes
        stops = starts + sizes
        # Neighbours that were neighbours are copied as one; a few changes leave a few runs.
        is_first = np.ones(len(sizes), np.bool_)
        is_first[1:] = (self.is_held[1:] != self.is_held[:-1]) | (starts[1:] != stops[:-1])
        first = np.flatnonzero(is_first)
        last = np.append(first[1:], len(sizes)) - 1
        parts = [
            (old if is_held else fresh).values[start:stop]
            for is_held, start, stop in zip(self.is_held[first], starts[first], stops[last], strict=True)
        ]
        return Lists(np.concatenate([fresh.values[:0], *parts]), sizes)

    def vocabulary(self) -> pl.Series:
        """The words that the former index numbers, in that order; a word that nobody has any more keeps its number."""
        if self._former is None:
            return pl.Series([], dtype=pl.String)
        texts = self._former.vocabulary
        ends = self._former.arrays["vocabulary_ends"].tolist()
        data = texts.data.tobytes()
        return pl.Series([data[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)], dtype=pl.String)

    def postings(self, sketches: Sketches, is_trivial: Flags) -> dict[str, NDArray[Any]]:
        """Fingerprint -> rows of patterns that are not trivial. One sort of (fingerprint, row) as single integers.

        Args:
            sketches: of the rows that are not held, in order.
            is_trivial: of all rows.
        """
        new = np.flatnonzero(~self.is_held)
        rows = np.repeat(new, sketches.sizes)
        is_kept = ~is_trivial[rows]
        keys = [_keys(sketches.values[is_kept], rows[is_kept])]
        sizes = np.zeros(len(self.is_held), np.uint8)
        sizes[new] = sketches.sizes
        if self._former is not None:
            arrays = self._former.arrays
            row_now = np.full(len(self._former), -1, np.int64)
            row_now[self._at[self.is_held]] = np.flatnonzero(self.is_held)
            rows = row_now[arrays["posting_rows"]]
            hashes = np.repeat(arrays["posting_hashes"], np.diff(arrays["posting_starts"]))
            keys.append(_keys(hashes[rows >= 0], rows[rows >= 0]))
            sizes[self.is_held] = arrays["sketch_sizes"][self._at[self.is_held]]
        together = np.concatenate(keys)
        together.sort()
        hashes = (together >> _ROW_BITS).astype(np.uint32)
        starts = starts_of(hashes)
        return {
            "posting_hashes": hashes[starts],
            "posting_starts": np.append(starts, len(hashes)).astype(np.int64),
            "posting_rows": (together & np.uint64(0xFFFFFFFF)).astype(np.int32),
            "sketch_sizes": sizes,
        }


def _keys(hashes: NDArray[np.uint32], rows: Rows) -> NDArray[np.uint64]:
    return hashes.astype(np.uint64) << _ROW_BITS | rows.astype(np.uint64)
