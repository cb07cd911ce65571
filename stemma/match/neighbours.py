"""Pairs by near vectors: each new pattern and its nearest neighbours of the same scope, from the vector store.

Pairs by common token runs are found in `candidates`; how alike a pair is, is said in `scores`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.kinds import scopes_of
from stemma.store.vectors import Vectors

Rows = NDArray[np.int64]

NEIGHBOURS = 10
MIN_COSINE = 0.5
QUERIES = 2_000


def near_pairs(vectors: Vectors, live: pl.DataFrame, is_new: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Rows of each new pattern and of its nearest neighbours of the same language and comparable kind."""
    numbered = live.select("pattern_id", "language", "kind", scope=scopes_of(live["language"], live["kind"]))
    numbered = numbered.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    kinds_of = numbered.group_by("scope").agg(pl.col("kind").unique())
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for scope in numbered.filter(pl.Series(is_new)).partition_by("scope"):
        kinds = kinds_of.filter(pl.col("scope") == scope["scope"][0])["kind"].item().to_list()
        filters: dict[str, Any] = {"language": [scope["language"][0]], "kind": kinds}
        for queries in scope.iter_slices(QUERIES):
            ids, matrix = vectors.fetch(queries["pattern_id"].to_list())
            hits = vectors.search(ids, matrix, NEIGHBOURS + 1, filters=filters, min_cosine=MIN_COSINE)
            pairs = (
                hits.filter(pl.col("query_id") != pl.col("neighbour_id"))
                .join(numbered.select(a="row", query_id="pattern_id"), on="query_id")
                .join(numbered.select(b="row", neighbour_id="pattern_id"), on="neighbour_id")  # only the living
            )
            found.append((pairs["a"].to_numpy(), pairs["b"].to_numpy()))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])
