"""Which pairs are worth scoring, without looking at all pairs: by common fingerprints and by near vectors.

How alike a pair is, is said in `scores`. Patterns are rows of the live frame (see `live`), pairs are int64 keys
smaller row * n + larger row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.store.vectors import Vectors

Keys = NDArray[np.int64]

SKETCH = 16
"""Fingerprints of a pattern: its smallest shingles, a uniform sample of them since shingles are hashes (a bottom-k
sketch, Cohen and Kaplan 2007; winnowing proper needs positions, which shingles have not). The `SKETCH` smallest of a
union of two sets are each common to both with probability J, their Jaccard similarity, and are then in both sketches,
so a pair is found with probability of at least 1 - (1 - J)**SKETCH: .997 at J = .3, .99998 at J = .5."""

REACH = 32
"""A fingerprint in more than this many patterns says little, and pairs grow with its square. So each pattern meets, of
those that have the fingerprint, the `REACH` before and after it in order of sketch, where near copies stand together.
Up to REACH + 1 patterns, those are all."""

NEIGHBOURS = 10
MIN_COSINE = 0.5
QUERIES = 2_000


class Fingerprints:
    """Who shares a fingerprint with whom, for a live frame sorted by scope and sketch."""

    def __init__(self, live: pl.DataFrame) -> None:
        self._n = len(live)
        entries = (
            live.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"), pl.col("scope").rle_id(), "sketch")
            .explode("sketch")
            .drop_nulls("sketch")
            .sort("scope", "sketch", "row")
        )
        bucket = entries.select(pl.struct("scope", "sketch").rle_id()).to_series().to_numpy()
        self._rows = entries["row"].to_numpy()
        positions = np.arange(len(bucket))
        starts = np.flatnonzero(np.diff(bucket, prepend=-1)) if len(bucket) else positions
        sizes = np.diff(starts, append=len(bucket))
        self._starts = np.repeat(starts, sizes)
        self._ends = self._starts + np.repeat(sizes, sizes)

    def pairs(self, batches: NDArray[np.int32], batch: int) -> Keys:
        """Pairs of a row of this batch with a row of it or of one before; `batches[row]` is -1 where not new."""
        positions = np.flatnonzero(batches[self._rows] == batch)
        firsts = np.maximum(self._starts[positions], positions - REACH)
        sizes = np.minimum(self._ends[positions], positions + REACH + 1) - firsts
        met = np.repeat(firsts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        a, b = np.repeat(self._rows[positions], sizes), self._rows[met]
        is_wanted = (a != b) & (batches[b] <= batch)
        return keys_of(a[is_wanted], b[is_wanted], self._n)


def near_pairs(vectors: Vectors, live: pl.DataFrame, is_new: NDArray[np.bool_]) -> Keys:
    """Pairs of each new row with its nearest neighbours of the same language and comparable kind."""
    numbered = live.with_row_index("row").select("row", "pattern_id", "language", "kind", "scope")
    found = [np.empty(0, np.int64)]
    for scope in numbered.filter(pl.Series(is_new)).partition_by("scope"):
        name = scope["scope"][0]
        kinds = live.filter(pl.col("scope") == name)["kind"].unique().to_list()
        filters: dict[str, Any] = {"language": [scope["language"][0]], "kind": kinds}
        for queries in scope.iter_slices(QUERIES):
            ids, matrix = vectors.fetch(queries["pattern_id"].to_list())
            hits = vectors.search(ids, matrix, NEIGHBOURS + 1, filters=filters, min_cosine=MIN_COSINE)
            pairs = (
                hits.filter(pl.col("query_id") != pl.col("neighbour_id"))
                .join(numbered.select(a="row", query_id="pattern_id"), on="query_id")
                .join(numbered.select(b="row", neighbour_id="pattern_id"), on="neighbour_id")  # only the living
            )
            found.append(keys_of(pairs["a"].to_numpy(), pairs["b"].to_numpy(), len(live)))
    return np.unique(np.concatenate(found))


def keys_of(a: NDArray[Any], b: NDArray[Any], n: int) -> Keys:
    keys: Keys = np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)
    return keys
