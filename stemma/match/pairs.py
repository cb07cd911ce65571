"""Pairs of patterns and what becomes of them: read, scored, and those that reach the threshold made rows of `matches`.

How pairs are found is said in `candidates`, what their components mean in `scores`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.candidates import Keys, distinct
from stemma.match.scores import TYPE_3_STRUCTURAL, WEIGHTS, Rows, combine, cosine, jaccard, sets_of, size_ratio
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors

Flags = NDArray[np.bool_]

CONTENTS = """
SELECT p.shingles AS structural, p.sub_tokens AS lexical
FROM {} AS w LEFT JOIN stemma.patterns AS p USING (pattern_id) ORDER BY w.row
"""


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows of the live frame, and how each was found."""

    a: Rows
    b: Rows
    is_shared: Flags
    is_near: Flags

    def where(self, is_kept: Flags) -> Pairs:
        return Pairs(self.a[is_kept], self.b[is_kept], self.is_shared[is_kept], self.is_near[is_kept])


def pairs_of(live: pl.DataFrame, shared: Keys, near: Keys) -> Pairs:
    keys = distinct(np.concatenate([shared, near]))
    a, b = np.divmod(keys, max(len(live), 1))
    return Pairs(a, b, *(np.isin(keys, some, assume_unique=True, kind="sort") for some in (shared, near)))


def can_reach(live: pl.DataFrame, pairs: Pairs, threshold: float, *, has_vectors: bool) -> Flags:
    """Whether the sizes of a pair allow the threshold, whatever they hold."""
    most = {name: size_ratio(live[name].to_numpy(), pairs.a, pairs.b) for name in ("structural", "lexical")}
    most["semantic"] = np.full(len(pairs.a), 1 if has_vectors else np.nan, np.float32)
    return combine(most) >= threshold


def score_pairs(
    db: Database, vectors: Vectors | None, live: pl.DataFrame, pairs: Pairs, threshold: float
) -> pl.DataFrame:
    """Rows of `matches` for the pairs that score the threshold or more, without version and time.

    The cheap components first: what they and the sizes allow leaves few pairs whose shingles are compared.
    """
    rows = distinct(np.concatenate([pairs.a, pairs.b]))
    ids = live["pattern_id"].gather(rows)
    contents, matrix, has_vector = _read_contents(db, vectors, ids)
    a, b = np.searchsorted(rows, pairs.a), np.searchsorted(rows, pairs.b)
    components = {
        "structural": size_ratio(live["structural"].to_numpy(), pairs.a, pairs.b),
        "lexical": jaccard(sets_of(contents["lexical"]), a, b),
        "semantic": cosine(matrix, has_vector, a, b),
    }
    is_open = combine(components) >= threshold
    pairs, a, b = pairs.where(is_open), a[is_open], b[is_open]
    components = {name: values[is_open] for name, values in components.items()}
    components["structural"] = jaccard(sets_of(contents["structural"]), a, b)
    frame = pl.DataFrame(
        {
            "one": ids.gather(a),
            "other": ids.gather(b),
            "score": combine(components),
            **components,
            "candidate_source": _sources(pairs),
        }
    ).with_columns(pl.col("score", *WEIGHTS).fill_nan(None))
    return frame.filter(pl.col("score") >= threshold).select(
        pattern_a=pl.min_horizontal("one", "other"),
        pattern_b=pl.max_horizontal("one", "other"),
        clone_type=pl.when(pl.col("structural") >= TYPE_3_STRUCTURAL)
        .then(pl.lit("type-3"))
        .otherwise(pl.lit("semantic")),
        score="score",
        **{name: name for name in WEIGHTS},
        candidate_source="candidate_source",
        confidence=pl.sum_horizontal(pl.col(name).is_not_null() * weight for name, weight in WEIGHTS.items()),
        note=pl.when(pl.col("semantic").is_null()).then(pl.lit("no vector: scored by structure and words")),
    )


def _read_contents(
    db: Database, vectors: Vectors | None, ids: pl.Series
) -> tuple[pl.DataFrame, NDArray[np.float32], Flags]:
    """Shingles and words, vectors, and which patterns have one, in the order of `ids`."""
    wanted = pl.DataFrame({"row": np.arange(len(ids)), "pattern_id": ids})
    with db.transaction() as transaction, transaction.staged("wanted", wanted) as name:
        contents = transaction.read(CONTENTS.format(name))
    matrix = np.zeros((len(ids), vectors.dimensions if vectors else 0), np.float32)
    has_vector = np.zeros(len(ids), np.bool_)
    if vectors:
        known, found = vectors.fetch(ids.to_list())
        rows = dict(zip(ids, range(len(ids)), strict=True))
        at = [rows[pattern_id] for pattern_id in known]
        matrix[at], has_vector[at] = found, True
    return contents, matrix, has_vector


def _sources(pairs: Pairs) -> pl.Series:
    names = np.array(["fingerprint", "vector", "both"])
    return pl.Series(names[np.where(pairs.is_shared & pairs.is_near, 2, np.where(pairs.is_near, 1, 0))])
