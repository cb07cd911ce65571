"""Which pairs are worth scoring, without looking at all pairs: those that share a run of tokens.

How alike a pair is, is said in `scores`; pairs by near vectors are found in `neighbours`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.kinds import scopes_of

Rows = NDArray[np.int64]
Keys = NDArray[np.int64]
Flags = NDArray[np.bool_]

RUN = 12
"""Tokens of a fingerprint. Runs of 5 say nothing (84 % of those of 40,000 real patterns stand in more than 32 of them),
runs of 24 break at every edit."""

SKETCH = 48
"""Fingerprints of a pattern: its smallest, which of two patterns are drawn alike (a bottom-k sketch, Cohen and Kaplan
2007). Two patterns whose runs have Jaccard similarity J share one with probability of at least 1 - (1 - J)**SKETCH over
fingerprints that are not frequent: .992 at J = .1. A pattern of fewer than `SKETCH` runs keeps them all."""

REACH = 32
"""A fingerprint in more than this many patterns is frequent: its pairs grow with the square, so each pattern meets only
the `REACH` before and after it in order of sketch, where near copies stand together."""

RARE_ENOUGH = 8
"""A pattern asks for frequent fingerprints only as far as it has fewer than this many others."""

CHARACTERS = 2_000_000  # hashed at once: 100 MB
ENTRIES = 16_000_000  # pairs, not yet distinct, held at once: 400 MB

_ROW_BITS, _HASH_BITS = 24, 32
_FACTOR = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Sketches:
    """Fingerprints of rows: row r has values[offsets[r]:offsets[r + 1]], ascending and distinct."""

    offsets: Rows
    values: NDArray[np.uint32]

    @property
    def sizes(self) -> Rows:
        return np.diff(self.offsets)

    def lists(self, rows: Rows) -> pl.Series:
        """Those of some rows as they are stored: a list of 32-bit integers each."""
        sizes = self.sizes[rows]
        flat = np.repeat(self.offsets[:-1][rows] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        values = pl.DataFrame(
            {"row": np.repeat(np.arange(len(rows)), sizes), "value": self.values[flat].view(np.int32)}
        )
        lists = values.group_by("row", maintain_order=True).agg("value")
        every = pl.DataFrame({"row": np.arange(len(rows))}).join(lists, on="row", how="left", maintain_order="left")
        return every["value"].fill_null([])

    @staticmethod
    def joined(is_new: Flags, made: Sequence[Sketches], stored: pl.Series) -> Sketches:
        """Those of all rows: of new rows as they were made, in order, of the others as they were stored."""
        old = stored.filter(pl.Series(~is_new))
        sizes = np.empty(len(is_new), np.int64)
        sizes[is_new] = np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in made)])
        sizes[~is_new] = old.list.len().fill_null(0).to_numpy()
        values = np.empty(sizes.sum(), np.uint32)
        is_value_new = np.repeat(is_new, sizes)
        values[is_value_new] = np.concatenate([np.zeros(0, np.uint32), *(part.values for part in made)])
        flat = old.explode(empty_as_null=False, keep_nulls=False).cast(pl.Int32)
        values[~is_value_new] = flat.to_numpy().view(np.uint32)
        return Sketches(np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]), values)


def sketch(structure: pl.Series) -> Sketches:
    """The fingerprints of each token sequence. A sequence shorter than a run is one run; an empty one has none."""
    lengths = structure.str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    parts = [_sketch(structure[start:stop], lengths[start:stop]) for start, stop in _slices(lengths, CHARACTERS)]
    sizes = np.concatenate([np.zeros(1, np.int64), *(sizes for sizes, _ in parts)])
    return Sketches(np.cumsum(sizes), np.concatenate([np.zeros(0, np.uint32), *(values for _, values in parts)]))


def _slices(lengths: Rows, most: int) -> Iterator[tuple[int, int]]:
    """Runs of rows that together are not longer than `most`, or hold one row."""
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        base = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + most, side="right")))
        yield start, stop
        start = stop


def _sketch(structure: pl.Series, lengths: Rows) -> tuple[Rows, NDArray[np.uint32]]:
    n = len(lengths)
    text = "".join(structure.fill_null("").to_list())
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    codes = (codes + np.uint64(1)) * np.uint64(_FACTOR)
    codes ^= codes >> np.uint64(29)
    codes *= np.uint64(_MIX)
    rows = np.repeat(np.arange(n, dtype=np.int64), lengths)
    hashes = _runs(codes)
    is_whole = rows[: len(hashes)] == rows[len(rows) - len(hashes) :]
    hashes, rows_of = hashes[is_whole], rows[: len(hashes)][is_whole]
    short = np.flatnonzero((lengths > 0) & (lengths < RUN))
    if len(short):
        is_short = np.isin(rows, short)
        sums = np.zeros(n, np.uint64)
        position = (np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)).astype(np.uint64)
        np.add.at(sums, rows[is_short], codes[is_short] * (position[is_short] * np.uint64(2) + np.uint64(1)))
        hashes, rows_of = np.concatenate([hashes, sums[short]]), np.concatenate([rows_of, short])
    keys = rows_of << _HASH_BITS | (hashes >> np.uint64(64 - _HASH_BITS)).astype(np.int64)
    keys = distinct(keys)
    rows_of = keys >> _HASH_BITS
    sizes = np.bincount(rows_of, minlength=n)
    rank = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = keys[rank < SKETCH]
    return np.minimum(sizes, SKETCH), (kept & ((1 << _HASH_BITS) - 1)).astype(np.uint32)


def _runs(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Polynomial hash modulo 2**64 of each run of `RUN` = 12 tokens: of 2, of 4, of 8 and 4."""

    def joined(left: NDArray[np.uint64], right: NDArray[np.uint64], by: int) -> NDArray[np.uint64]:
        n = len(right) - by
        return left[: max(n, 0)] * np.uint64(pow(_FACTOR, by, 1 << 64)) + right[by:]

    of_2 = joined(codes, codes, 1)
    of_4 = joined(of_2, of_2, 2)
    of_8 = joined(of_4, of_4, 4)
    n = max(len(codes) - RUN + 1, 0)
    of_12: NDArray[np.uint64] = of_8[:n] * np.uint64(pow(_FACTOR, 4, 1 << 64)) + of_4[8 : 8 + n]
    return of_12


class Fingerprints:
    """Who shares a fingerprint with whom.

    Args:
        scopes: number of the scope of each row; pairs stay inside one.
        sketches: of each row.
        batches: the batch of each row, -1 for old ones. A pair belongs to the later batch of its two rows, and two old
            rows are no pair.
    """

    def __init__(self, scopes: Rows, sketches: Sketches, batches: NDArray[np.int32]) -> None:
        self._n = len(scopes)
        self._order = in_order(scopes, sketches)  # place -> row
        place = np.empty(self._n, np.int64)
        place[self._order] = np.arange(self._n)
        self._batches = batches[self._order]
        sizes = sketches.sizes
        values = sketches.values.astype(np.int64)
        rows = np.repeat(np.arange(self._n), sizes)
        if (batches < 0).any():  # what no new row has is of no use
            wanted = np.unique(values[batches[rows] >= 0])
            at = np.minimum(np.searchsorted(wanted, values), max(len(wanted) - 1, 0))
            is_wanted = wanted[at] == values if len(wanted) else np.zeros(len(values), np.bool_)
            rows, values = rows[is_wanted], values[is_wanted]
        keys = (scopes[rows] << _HASH_BITS | values) << _ROW_BITS | place[rows]
        keys.sort()
        self._places = keys & ((1 << _ROW_BITS) - 1)
        groups = keys >> _ROW_BITS
        is_first = np.ones(len(keys), np.bool_)
        is_first[1:] = groups[1:] != groups[:-1]
        starts = np.flatnonzero(is_first)
        n_in = np.diff(starts, append=len(keys))
        is_kept = np.repeat(n_in > 1, n_in)  # alone in its group: nobody to meet
        self._places = self._places[is_kept]
        n_in = n_in[n_in > 1]
        self._starts = np.repeat(np.cumsum(n_in) - n_in, n_in)
        self._sizes = np.repeat(n_in, n_in)
        self._asked = self._ask()
        self._batch_of_asked = self._batches[self._places[self._asked]]

    def _ask(self) -> Rows:
        """Positions that new rows ask from: all that are not frequent, and of the others the least frequent few."""
        positions = np.flatnonzero(self._batches[self._places] >= 0)
        places, sizes = self._places[positions], self._sizes[positions]
        is_frequent = sizes > REACH
        n_rare = np.bincount(places[~is_frequent], minlength=self._n)
        is_open = is_frequent & (n_rare[places] < RARE_ENOUGH)
        open_positions = positions[is_open]
        open_places = places[is_open]
        by_size = np.lexsort((open_positions, sizes[is_open], open_places))
        open_positions, open_places = open_positions[by_size], open_places[by_size]
        n_open = np.bincount(open_places, minlength=self._n)
        rank = np.arange(len(open_places)) - np.repeat(np.cumsum(n_open) - n_open, n_open)
        chosen = open_positions[rank < RARE_ENOUGH - n_rare[open_places]]
        return np.sort(np.concatenate([positions[~is_frequent], chosen]))

    def pairs(self, batch: int) -> tuple[Rows, Rows]:
        """Rows a < b of the pairs of one batch."""
        positions = self._asked[self._batch_of_asked == batch]
        starts, sizes = self._starts[positions], self._sizes[positions]
        firsts = np.maximum(starts, positions - REACH)
        n_met = np.minimum(starts + sizes, positions + REACH + 1) - firsts
        found = [np.empty(0, np.int64)]
        for low, high in _slices(n_met, ENTRIES):
            found.append(self._meet(positions[low:high], firsts[low:high], n_met[low:high], batch))
        keys = distinct(np.concatenate(found))
        a, b = self._order[keys >> _ROW_BITS], self._order[keys & ((1 << _ROW_BITS) - 1)]
        return np.minimum(a, b), np.maximum(a, b)

    def _meet(self, positions: Rows, firsts: Rows, n_met: Rows, batch: int) -> Keys:
        met = np.repeat(firsts - np.cumsum(n_met) + n_met, n_met) + np.arange(n_met.sum())
        asking = np.repeat(positions, n_met)
        batches = self._batches[self._places[met]]
        # A rare fingerprint is asked for by both: once is enough. Of a frequent one each asks as it needs.
        is_first = np.where(self._sizes[asking] > REACH, met != asking, (met > asking) | (batches < batch))
        is_wanted = (batches <= batch) & is_first
        one, other = self._places[asking[is_wanted]], self._places[met[is_wanted]]
        keys: Keys = np.minimum(one, other) << _ROW_BITS | np.maximum(one, other)
        return keys


def in_order(scopes: Rows, sketches: Sketches) -> Rows:
    """Rows by scope and smallest fingerprints: near copies stand together."""
    sizes = sketches.sizes
    columns: list[Rows] = []
    for rank in range(4):
        values = np.zeros(len(scopes), np.int64)
        has = sizes > rank
        values[has] = sketches.values[sketches.offsets[:-1][has] + rank].astype(np.int64) + 1
        columns.append(values)
    order: Rows = np.lexsort((*reversed(columns), scopes))
    return order


def scope_numbers(patterns: pl.DataFrame) -> Rows:
    """A number for each language and group of kinds: only inside one can there be copies."""
    return scopes_of(patterns["language"], patterns["kind"]).rank("dense").to_numpy().astype(np.int64)


def distinct(keys: Keys) -> Keys:
    """Sorted and distinct. `np.unique` hashes, and takes ten times as long on millions of keys."""
    keys = np.sort(keys)
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = keys[1:] != keys[:-1]
    found: Keys = keys[is_first]
    return found
