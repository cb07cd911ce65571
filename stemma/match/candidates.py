"""Which pairs are worth scoring, without looking at all pairs: those that share a run of tokens.

How alike a pair is, is said in `scores`; pairs by near vectors are found in `neighbours`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.kinds import scopes_of

Rows = NDArray[np.int64]
Keys = NDArray[np.int64]
Flags = NDArray[np.bool_]
Found = tuple[Rows, Rows]
"""Two arrays of rows, a pair at each place; in any order, and more than once."""

NOBODY: Found = (np.empty(0, np.int64), np.empty(0, np.int64))

RUN = 12
"""Tokens of a fingerprint. Of runs of 5 tokens 91 % stand in more than 32 of 40,000 real patterns and tell little, of
runs of 12 31 %; of runs of 24 few outlive an edit."""

SKETCH = 48
"""Fingerprints of a pattern: its smallest, which of two patterns are drawn alike (a bottom-k sketch, Cohen and Kaplan
2007). A pattern of fewer runs keeps them all."""

SHARED = 0.05
"""Least share of the smaller sketch that a pair is found by: 3 of 48. Of patterns whose runs have Jaccard similarity J
so many are common to both with probability .87 at J = .1, .998 at J = .2, over fingerprints that are not frequent.
Measured, frequent ones included, beside 30,000 functions of installed packages: of mutants of which up to 30 % of the
tokens were edited, half of them renamed too, .998 are found, at 40 % .993; of BigCloneBench's strong Type-3 .991."""

REACH = 32
"""A fingerprint in more than this many patterns is frequent: its pairs would grow with the square. Under a rare one all
meet, under a frequent one each the `NEAREST` before and after it in order of the fingerprint that comes next in their
sketches, where those stand together that share two."""
NEAREST = 32

ASKED = 32
"""Frequent fingerprints are asked for as far as a pattern has fewer than this many rare ones, the rarest first."""

CHARACTERS = 2_000_000  # hashed at once: 100 MB
ENTRIES = 8_000_000  # pairs made at once: 200 MB

_ROW_BITS, _HASH_BITS = 24, 32
_ROW_MASK = (1 << _ROW_BITS) - 1
_FACTOR = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9


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
    """Who shares fingerprints with whom.

    Args:
        scopes: number of the scope of each row; pairs stay inside one.
        sketches: of each row.
        batches: the batch of each row, -1 for old ones. A pair belongs to the later batch of its two rows, and two old
            rows are no pair.
    """

    def __init__(self, scopes: Rows, sketches: Sketches, batches: NDArray[np.int32]) -> None:
        self._n = len(scopes)
        if self._n > _ROW_MASK:
            raise ValueError(f"{self._n:,} patterns are more than the {_ROW_MASK:,} that can be numbered")
        self._sizes = sketches.sizes
        self._row_at = np.argsort(batches, kind="stable")  # places: rows by batch, old ones first
        self._batches = batches[self._row_at]
        place_of = np.empty(self._n, np.int64)
        place_of[self._row_at] = np.arange(self._n)
        rows = np.repeat(np.arange(self._n), self._sizes)
        values, next_values = sketches.values.astype(np.int64), _next_in_row(sketches)
        if (batches < 0).any():  # what no new row has is of no use
            is_wanted = _is_in(values, values[batches[rows] >= 0])
            rows, values, next_values = rows[is_wanted], values[is_wanted], next_values[is_wanted]
        keys = (scopes[rows] << _HASH_BITS | values) << _ROW_BITS | place_of[rows]
        order = np.argsort(keys)
        keys = keys[order]
        starts = starts_of(keys >> _ROW_BITS)
        n_in = np.diff(starts, append=len(keys))
        n_sharing = np.repeat(n_in, n_in)
        places = keys & _ROW_MASK
        is_rare = (n_sharing > 1) & (n_sharing <= REACH)
        self._rare = places[is_rare]
        self._rare_before = (np.arange(len(keys)) - np.repeat(starts, n_in))[is_rare]
        self._rare_batch = self._batches[self._rare]
        n_rare = np.bincount(self._rare, minlength=self._n)
        is_frequent = n_sharing > REACH
        groups = np.cumsum(n_in > REACH, dtype=np.int64).repeat(n_in)[is_frequent]
        self._set_frequent(groups, next_values[order[is_frequent]], places[is_frequent], n_rare)

    def _set_frequent(self, groups: Rows, next_values: Rows, places: Rows, n_rare: Rows) -> None:
        """Entries of frequent fingerprints, in each by the next fingerprint of the row; and which of them are asked."""
        bits = 63 - _ROW_BITS - int(groups.max(initial=0)).bit_length()
        keys = (groups << bits | next_values >> max(_HASH_BITS - bits, 0)) << _ROW_BITS | places
        keys.sort()
        self._frequent = keys & _ROW_MASK
        self._frequent_group = (keys >> _ROW_BITS + bits).astype(np.int32)
        self._frequent_batch = self._batches[self._frequent]
        new = np.flatnonzero(self._frequent_batch >= 0)
        asking = self._frequent[new]
        order = np.lexsort((np.bincount(self._frequent_group)[self._frequent_group[new]], asking))
        n_asking = np.bincount(asking, minlength=self._n)
        rank = np.arange(len(new)) - np.repeat(np.cumsum(n_asking) - n_asking, n_asking)
        self._is_asked = np.zeros(len(keys), np.bool_)
        self._is_asked[new[order[rank < (ASKED - n_rare)[asking[order]]]]] = True

    def pairs(self, batch: int) -> tuple[Rows, Rows]:
        """Rows a < b of the pairs of one batch."""
        found = np.concatenate([*self._by_rare(batch), *self._by_frequent(batch)])
        found.sort()
        starts = starts_of(found)
        n_shared = np.diff(starts, append=len(found))
        found = found[starts]
        least = (SHARED * self._sizes[self._row_at]).astype(np.float32)
        a, b = found >> _ROW_BITS, found & _ROW_MASK
        is_enough = n_shared >= np.minimum(least[a], least[b])
        a, b = self._row_at[a[is_enough]], self._row_at[b[is_enough]]
        return np.minimum(a, b), np.maximum(a, b)

    def _by_rare(self, batch: int) -> Iterator[Keys]:
        """Everyone of the batch meets all that stand before it under a fingerprint: the old, the earlier, its own."""
        positions = np.flatnonzero(self._rare_batch == batch)
        n_met = self._rare_before[positions]
        yield np.empty(0, np.int64)
        for low, high in _slices(n_met, ENTRIES):
            part, n = positions[low:high], n_met[low:high]
            met = np.repeat(part - np.cumsum(n), n) + np.arange(n.sum())
            yield self._rare[met] << _ROW_BITS | np.repeat(self._rare[part], n)

    def _by_frequent(self, batch: int) -> Iterator[Keys]:
        """Those of the batch that ask meet the `NEAREST` before and after them, each pair once a fingerprint."""
        positions = np.flatnonzero(self._is_asked & (self._frequent_batch == batch))
        for step in (*range(-NEAREST, 0), *range(1, NEAREST + 1)):
            met = positions + step
            is_inside = (met >= 0) & (met < len(self._frequent))
            one, other = positions[is_inside], met[is_inside]
            batches = self._frequent_batch[other]
            is_pair = (self._frequent_group[one] == self._frequent_group[other]) & (batches <= batch)
            if step < 0:
                is_pair &= ~(self._is_asked[other] & (batches == batch))  # the other has asked already
            one, other = self._frequent[one[is_pair]], self._frequent[other[is_pair]]
            yield np.minimum(one, other) << _ROW_BITS | np.maximum(one, other)


def _next_in_row(sketches: Sketches) -> Rows:
    """For each fingerprint the next of its row, for the last the first: what else a row has, seen from each."""
    values = sketches.values.astype(np.int64)
    following = np.roll(values, -1)
    has_any = sketches.sizes > 0
    following[sketches.offsets[1:][has_any] - 1] = values[sketches.offsets[:-1][has_any]]
    return following


def starts_of(keys: NDArray[Any]) -> Rows:
    """Where each distinct value of sorted keys begins."""
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = keys[1:] != keys[:-1]
    return np.flatnonzero(is_first)


def _is_in(values: Rows, wanted: Rows) -> Flags:
    """Like `np.isin`, several times as fast where few of many are wanted."""
    wanted = distinct(wanted)
    if not len(wanted):
        return np.zeros(len(values), np.bool_)
    found: Flags = wanted[np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)] == values
    return found


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
    return keys[starts_of(keys)]
