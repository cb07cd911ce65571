"""Which features have a vector, and the numbers of those vectors: hashes of features to rows of the model's table.

What the features are lives in `features`; the vectors themselves in `static`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stemma.embed.features import Features, Hashes, Ints, Occurrences

SLOT_BITS = 20
N_BUCKETS_OF_A_WORD = 2
"""A word without a vector of its own is the sum of two shared ones: two words rarely share both."""


@dataclass(frozen=True)
class Counted:
    """How often each row of the table occurs in each text: sorted by text, then by row, each pair once."""

    texts: Ints
    rows: Ints
    counts: NDArray[np.float32]


@dataclass(frozen=True)
class Vocabulary:
    """Hashes of the features with a vector; rows of the table are words, pairs, runs, then buckets, in that order."""

    words: Hashes
    pairs: Hashes
    runs: Hashes
    n_buckets: int

    @property
    def n_rows(self) -> int:
        return len(self.words) + len(self.pairs) + len(self.runs) + self.n_buckets

    def count(self, features: Features) -> Counted:
        """The rows that the features of a batch ask for. A feature without a row is left out, unless it is a word."""
        texts, rows, counts = zip(
            self._known(features.words, self.words, self._word_slots, 0),
            self._known(features.pairs, self.pairs, self._pair_slots, len(self.words)),
            self._known(features.runs, self.runs, self._run_slots, len(self.words) + len(self.pairs)),
            *self._unknown(features.words),
            strict=True,
        )
        keys = np.concatenate(texts) * self.n_rows + np.concatenate(rows)
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], np.concatenate(counts)[order]
        is_first = np.ones(len(keys), np.bool_)
        is_first[1:] = keys[1:] != keys[:-1]
        starts = np.flatnonzero(is_first)
        sums = np.add.reduceat(weights, starts) if len(starts) else weights
        text, row = np.divmod(keys[starts], self.n_rows)
        return Counted(text, row, sums)

    @cached_property
    def _word_slots(self) -> NDArray[np.int32]:
        return _slots(self.words)

    @cached_property
    def _pair_slots(self) -> NDArray[np.int32]:
        return _slots(self.pairs)

    @cached_property
    def _run_slots(self) -> NDArray[np.int32]:
        return _slots(self.runs)

    def _known(
        self, found: Occurrences, hashes: Hashes, slots: NDArray[np.int32], first_row: int
    ) -> tuple[Ints, Ints, NDArray[np.float32]]:
        numbers = _look_up(found.hashes, hashes, slots)
        is_known = numbers >= 0
        return found.rows[is_known], numbers[is_known] + first_row, found.weights[is_known]

    def _unknown(self, found: Occurrences) -> list[tuple[Ints, Ints, NDArray[np.float32]]]:
        is_unknown = _look_up(found.hashes, self.words, self._word_slots) < 0
        texts, hashes, weights = found.rows[is_unknown], found.hashes[is_unknown], found.weights[is_unknown]
        first_row = self.n_rows - self.n_buckets
        return [
            (texts, ((hashes >> np.uint64(20 * n)) % np.uint64(self.n_buckets)).astype(np.int64) + first_row, weights)
            for n in range(N_BUCKETS_OF_A_WORD)
        ]


def _slots(hashes: Hashes) -> NDArray[np.int32]:
    """Number of the hash that each slot holds, -1 for none. Of two with one slot the earlier, commoner one is kept."""
    slots = np.full(1 << SLOT_BITS, -1, np.int32)
    slots[_slot(hashes[::-1])] = np.arange(len(hashes) - 1, -1, -1, dtype=np.int32)
    return slots


def _slot(hashes: Hashes) -> Ints:
    return (hashes >> np.uint64(64 - SLOT_BITS)).astype(np.int64)


def _look_up(wanted: Hashes, hashes: Hashes, slots: NDArray[np.int32]) -> Ints:
    numbers = slots[_slot(wanted)].astype(np.int64)
    if len(hashes):
        numbers[hashes[numbers] != wanted] = -1  # a slot's -1 looks at the last hash, and is replaced by itself
    return numbers
