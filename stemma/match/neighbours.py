"""Pairs by near vectors: each new pattern and its nearest neighbours of the same language and comparable kind.

Pairs by common runs of tokens are found in `candidates`; how alike a pair is, is said in `scores`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.embed.base import present
from stemma.match.candidates import NOBODY, Found
from stemma.match.kinds import scopes_of
from stemma.match.scores import Matrix

if TYPE_CHECKING:
    from stemma.store.vectors import Vectors

NEIGHBOURS = 10
MIN_COSINE = 0.7
"""Vectors less alike than this make no match, whatever else the two have in common."""
MET = 64
"""Nearest that are kept of one row of a block of products: a thousand equal vectors must not fill the memory."""
QUERIES = 2_000
BLOCK = 1_024
LARGEST = 1 << 30  # bytes of a matrix that is multiplied in memory

SEARCHED_S, FETCHED_S, MULTIPLIED_S = 320e-6, 18e-6, 2.7e-11
"""CPU seconds of a search in the store, of a vector fetched from it, and of one multiplication of a matrix product with
its part of what follows. Measured on 20,000 functions at 256 dimensions; the two ways cost the same at 86,000 new."""


def near_pairs(vectors: Vectors, live: pl.DataFrame, is_new: NDArray[np.bool_]) -> Found:
    """Rows of each new pattern and of its nearest neighbours, at most `NEIGHBOURS` of each, in any order.

    By one matrix product, exactly, where that costs less than searching the store's index for each, which finds .99.
    """
    rows = live.select(
        "pattern_id", "language", "kind", scope=scopes_of(live["language"], live["kind"]), is_new=pl.Series(is_new)
    ).with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    found = [NOBODY]
    for scope in rows.partition_by("scope"):
        n_new = int(scope["is_new"].sum())
        if n_new:
            find = _by_product if is_product_cheaper(len(scope), n_new, vectors.dimensions) else _by_search
            found.append(find(vectors, scope))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])


def is_product_cheaper(n: int, n_new: int, dimensions: int) -> bool:
    """Whether n vectors are sooner fetched and multiplied by the new ones than the new ones searched for."""
    products = n_new * n - n_new**2 / 2
    product_s = n * FETCHED_S + products * dimensions * MULTIPLIED_S
    return 4 * n * dimensions <= LARGEST and product_s < n_new * SEARCHED_S


def _by_search(vectors: Vectors, scope: pl.DataFrame) -> Found:
    filters = {"language": [str(scope["language"][0])], "kind": scope["kind"].unique().to_list()}
    found = [NOBODY]
    for queries in scope.filter("is_new").iter_slices(QUERIES):
        ids, matrix = vectors.fetch(queries["pattern_id"].to_list())
        hits = vectors.search(ids, matrix, NEIGHBOURS + 1, filters=filters, min_cosine=MIN_COSINE)
        pairs = (
            hits.filter(pl.col("query_id") != pl.col("neighbour_id"))
            .join(scope.select(a="row", query_id="pattern_id"), on="query_id")
            .join(scope.select(b="row", neighbour_id="pattern_id"), on="neighbour_id")  # only the living
        )
        found.append((pairs["a"].to_numpy(), pairs["b"].to_numpy()))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])


def _by_product(vectors: Vectors, scope: pl.DataFrame) -> Found:
    ordered = scope.sort("is_new", descending=True, maintain_order=True)  # the new ones first
    known, matrix = vectors.fetch(ordered["pattern_id"].to_list())
    named = pl.DataFrame({"pattern_id": known}, {"pattern_id": pl.String()})
    named = named.join(ordered, on="pattern_id", how="left", maintain_order="left")
    a, b = nearest(matrix, int(named["is_new"].sum()), k=NEIGHBOURS, min_cosine=MIN_COSINE)
    rows = named["row"].to_numpy()
    return rows[a], rows[b]


def near_in(matrix: Matrix, scopes: pl.Series, *, min_cosine: float = MIN_COSINE) -> Found:
    """Rows of each vector in memory and of its nearest neighbours of the same scope, at most `NEIGHBOURS` of each."""
    rows = pl.DataFrame({"row": np.arange(len(matrix)), "scope": scopes}).filter(present(matrix))
    found = [NOBODY]
    for scope in rows.partition_by("scope"):
        at = scope["row"].to_numpy()
        a, b = nearest(matrix[at], len(at), k=NEIGHBOURS, min_cosine=min_cosine)
        found.append((at[a], at[b]))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])


def nearest(matrix: Matrix, n_new: int, *, k: int, min_cosine: float) -> Found:
    """Of rows of length 1, the first `n_new` of them new: pairs of a new one with another among the k nearest of
    either, of those that reach the cosine. Each pair is multiplied once."""
    found_a, found_b, found_cosine = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for start in range(0, n_new, BLOCK):
        block = matrix[start : min(start + BLOCK, n_new)] @ matrix[start:].T
        block[:, : len(block)][np.tri(len(block), dtype=np.bool_)] = -1  # itself, and pairs that were met already
        if block.shape[1] > MET:
            is_crowded = (block >= min_cosine).sum(axis=1) > MET
            crowded = block[is_crowded]
            crowded[crowded < np.partition(crowded, -MET, axis=1)[:, -MET, None]] = -1
            block[is_crowded] = crowded
        a, b = np.nonzero(block >= min_cosine)
        found_a.append(a + start)
        found_b.append(b + start)
        found_cosine.append(block[a, b])
    a, b, cosine = np.concatenate(found_a), np.concatenate(found_b), np.concatenate(found_cosine)
    ends, pair = np.concatenate([a, b]), np.tile(np.arange(len(a)), 2)
    order = np.lexsort((-cosine[pair], ends))
    sizes = np.bincount(ends, minlength=1)
    rank = np.arange(len(ends)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = np.unique(pair[order[rank < k]])
    return a[kept], b[kept]
