"""How alike a pair of patterns is: structural, lexical and semantic, each kept, and their weighted mean.

Which pairs are scored is said in `candidates`. Absent evidence is NaN here and null in the table, never 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]

WEIGHTS = {"structural": 0.7, "lexical": 0.1, "semantic": 0.2}
"""First form, chosen on 9,785 functions of installed packages and edited copies of them, to be learned later. Structure
weighs most: where identifiers are renamed too, lexical and semantic fall to .15 and .3, structural stays at .8."""

TYPE_3_STRUCTURAL = 0.3
"""From here on a match is Type-3, a copy with edits, and below it semantic. Of random pairs of functions one in a
thousand reaches .27."""

LOOKUPS = 4_000_000  # set elements compared at once: about 100 MB
PAIRS = 50_000  # pairs of vectors multiplied at once: 150 MB at 384 dimensions


@dataclass(frozen=True)
class Sets:
    """Sets of integers, one per row: row r holds values[offsets[r]:offsets[r + 1]], sorted and distinct."""

    offsets: Rows
    values: NDArray[np.uint32]

    @property
    def sizes(self) -> Rows:
        return np.diff(self.offsets)


def sets_of(column: pl.Series) -> Sets:
    """The sets of a list column of integers or texts. Texts are numbered as they come: compare within one column."""
    n_values = column.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = column.explode(empty_as_null=False, keep_nulls=False)
    if flat.dtype == pl.String:
        codes = flat.rank("dense").to_numpy().astype(np.uint32)
    else:
        codes = flat.cast(pl.Int32).to_numpy().view(np.uint32)
    rows = np.repeat(np.arange(len(column), dtype=np.int64), n_values)
    keys = np.sort(rows << 32 | codes)
    keys = keys[np.diff(keys, prepend=-1) != 0]
    offsets = np.searchsorted(keys >> 32, np.arange(len(column) + 1))
    return Sets(offsets.astype(np.int64), (keys & 0xFFFFFFFF).astype(np.uint32))


def jaccard(sets: Sets, a: Rows, b: Rows) -> Scores:
    """|A and B| / |A or B| of each pair of rows; NaN where either set is empty."""
    sizes = sets.sizes
    is_swapped = sizes[a] > sizes[b]
    small, large = np.where(is_swapped, b, a), np.where(is_swapped, a, b)
    order = np.argsort(large, kind="stable")  # neighbouring look-ups hit neighbouring memory
    common = np.empty(len(a), dtype=np.int64)
    ends = np.cumsum(sizes[small[order]])
    keys = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes) << 32 | sets.values
    start = 0
    while start < len(order):
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + LOOKUPS, side="right")))
        part = order[start:stop]
        common[part] = _common(sets, keys, small[part], large[part])
        start = stop
    union = sizes[a] + sizes[b] - common
    return _share(common, union, sizes[small] > 0)


def cosine(matrix: NDArray[np.float32], has_vector: NDArray[np.bool_], a: Rows, b: Rows) -> Scores:
    """Inner product of each pair of rows of length 1, at least 0; NaN where either has no vector."""
    result = np.full(len(a), np.nan, dtype=np.float32)
    for start in range(0, len(a), PAIRS):
        part = slice(start, start + PAIRS)
        result[part] = np.einsum("ij,ij->i", matrix[a[part]], matrix[b[part]])
    is_known = has_vector[a] & has_vector[b]
    return np.where(is_known, np.clip(result, 0, 1), np.float32(np.nan)).astype(np.float32)


def combine(components: dict[str, NDArray[Any]]) -> Scores:
    """The mean of the components by `WEIGHTS`, over those that are present; NaN where none is."""
    values = np.stack([components[name] for name in WEIGHTS]).astype(np.float64)
    weights = np.array(list(WEIGHTS.values()))[:, None] * ~np.isnan(values)
    total = weights.sum(axis=0)
    score = np.full(values.shape[1], np.nan)
    np.divide((np.nan_to_num(values) * weights).sum(axis=0), total, out=score, where=total > 0)
    return score.astype(np.float32)


def size_ratio(sizes: Rows, a: Rows, b: Rows) -> Scores:
    """Smaller / larger of each pair, which no Jaccard similarity exceeds; NaN where either is empty."""
    smaller = np.minimum(sizes[a], sizes[b])
    return _share(smaller, np.maximum(sizes[a], sizes[b]), smaller > 0)


def _common(sets: Sets, keys: Rows, small: Rows, large: Rows) -> Rows:
    """How many values of each small set are in the large one beside it: one binary search each in all sets as one."""
    sizes = sets.sizes[small]
    wanted = np.repeat(sets.offsets[small] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    queries = np.repeat(large, sizes) << 32 | sets.values[wanted]
    found = np.searchsorted(keys, queries)
    is_common = keys[np.minimum(found, len(keys) - 1)] == queries
    return np.bincount(np.repeat(np.arange(len(small)), sizes), is_common, minlength=len(small)).astype(np.int64)


def _share(part: Rows, whole: Rows, is_known: NDArray[np.bool_]) -> Scores:
    result: Scores = np.full(len(part), np.nan, dtype=np.float32)
    np.divide(part, whole, out=result, where=is_known, casting="unsafe")
    return result
