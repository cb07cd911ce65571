"""Pairs of the rows of a patterns frame: those worth a look, how alike each is, and which of them match.

No store is asked here: what is read from one and written to it is said in `matches`. A patterns frame has the columns
pattern_id, language, kind, shingles, sub_tokens and structure, as the table `patterns`; its rows go by number.
A matrix of vectors is float32 of shape (rows, dimensions), rows of length 1, or of zeros where there is no vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.config import COMPONENTS
from stemma.match.calibration import Calibration, calibration
from stemma.match.candidates import Fingerprints, distinct, scope_numbers, sketch
from stemma.match.scores import (
    Contents,
    Matrix,
    Rows,
    Scores,
    aligned,
    combine,
    contents_of,
    cosine,
    jaccard,
    length_ratio,
    size_ratio,
)

Flags = NDArray[np.bool_]
Found = tuple[Rows, Rows]
"""Two arrays of rows, a pair at each place; in any order, and more than once."""

NOBODY: Found = (np.empty(0, np.int64), np.empty(0, np.int64))

BATCH = 20_000
"""New patterns whose pairs are scored together: 1 GB."""

NOTE_NO_VECTORS = "No vectors were at hand: compared by structure and words alone."
NOTE_NO_VECTOR = "One of the two has no vector: compared by structure and words alone."
NOTE_NO_STRUCTURE = "One of the two has no token sequence: compared by what else there is."
SIZE_OF_FULL_CONFIDENCE = 100
"""Tokens; below, the confidence falls with the square root of the size, as the error of a share does."""

SCHEMA = pl.Schema(
    {
        "score": pl.Float32(),
        **{name: pl.Float32() for name in COMPONENTS},
        "probability": pl.Float32(),
        "confidence": pl.Float32(),
        "clone_type": pl.String(),
        "note": pl.String(),
    }
)


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, a < b, each once, and how each was found."""

    a: Rows
    b: Rows
    is_shared: Flags
    is_near: Flags

    def __len__(self) -> int:
        return len(self.a)

    def where(self, is_kept: Flags) -> Pairs:
        return Pairs(self.a[is_kept], self.b[is_kept], self.is_shared[is_kept], self.is_near[is_kept])

    @property
    def sources(self) -> pl.Series:
        names = np.array(["fingerprint", "vector", "both"])
        return pl.Series(
            names[np.where(self.is_shared & self.is_near, 2, np.where(self.is_near, 1, 0))], dtype=pl.String
        )


def merged(n: int, shared: Found, near: Found) -> Pairs:
    """The pairs of n rows that were found in either way; pairs of a row with itself are left out."""
    keys = [_keys(n, *found) for found in (shared, near)]
    every = distinct(np.concatenate(keys))
    a, b = np.divmod(every, max(n, 1))
    return Pairs(a, b, *(np.isin(every, some, assume_unique=True, kind="sort") for some in keys))


def _keys(n: int, a: Rows, b: Rows) -> Rows:
    is_pair = a != b
    a, b = a[is_pair].astype(np.int64), b[is_pair].astype(np.int64)
    return distinct(np.minimum(a, b) * n + np.maximum(a, b))


def candidates(patterns: pl.DataFrame, *, is_new: Flags | None = None, near: Found | None = None) -> Pairs:
    """Pairs worth scoring: rows that share a run of tokens, and the pairs of `near`.

    Args:
        is_new: which rows are new; pairs of two old rows are left out. None: all are.
        near: pairs found otherwise, by vectors, as two arrays of rows.
    """
    batches = np.zeros(len(patterns), np.int32) if is_new is None else np.where(is_new, 0, -1).astype(np.int32)
    fingerprints = Fingerprints(scope_numbers(patterns), sketch(patterns["structure"]), batches)
    return merged(len(patterns), fingerprints.pairs(0), near or NOBODY)


def compare(
    patterns: pl.DataFrame,
    a: Rows,
    b: Rows,
    *,
    matrix: Matrix | None = None,
    weights: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """One row for each pair (a[i], b[i]): score, its components, probability, confidence, clone_type and note.

    A component is null where its evidence is absent, and the score where all are. `weights` take the place of the
    calibrated ones; the probability is then null.
    """
    contents = contents_of(patterns, matrix)
    return verdicts(contents, a, b, components_of(contents, a, b), weights)


def find_matches(
    patterns: pl.DataFrame,
    *,
    threshold: float | None = None,
    matrix: Matrix | None = None,
    near: Found | None = None,
    is_new: Flags | None = None,
    weights: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """The pairs that match: pattern_a < pattern_b, what `compare` says of them, and candidate_source.

    Args:
        threshold: least score of a match; None: the score at which the calibrated probability reaches its threshold.
        near, is_new: as in `candidates`. weights, matrix: as in `compare`.
    """
    rows = np.arange(len(patterns))
    is_new = np.ones(len(rows), np.bool_) if is_new is None else is_new
    batches = np.where(is_new, (np.cumsum(is_new) - 1) // BATCH, -1).astype(np.int32)
    fingerprints = Fingerprints(scope_numbers(patterns), sketch(patterns["structure"]), batches)
    contents = contents_of(patterns, matrix)
    near = near or NOBODY
    batch_of_near = np.maximum(batches[near[0]], batches[near[1]])
    found = [matching(patterns["pattern_id"], contents, merged(len(rows), NOBODY, NOBODY), threshold, weights)]
    for batch in range(int(batches.max(initial=-1)) + 1):
        close = (near[0][batch_of_near == batch], near[1][batch_of_near == batch])
        pairs = merged(len(rows), fingerprints.pairs(batch), close)
        found.append(matching(patterns["pattern_id"], contents, pairs, threshold, weights))
    return pl.concat(found)


def matching(
    ids: pl.Series, contents: Contents, pairs: Pairs, threshold: float | None, weights: Mapping[str, float] | None
) -> pl.DataFrame:
    """The rows of `matches`, without version and time, of the pairs that reach the threshold.

    The cheap components first: with what the others can be at most they leave few pairs to align.
    """
    shares = calibration().weights if weights is None else weights
    bounds = {
        "structural": length_ratio(contents.lengths, pairs.a, pairs.b),
        "fingerprint": size_ratio(contents.windows.sizes, pairs.a, pairs.b),
        "lexical": size_ratio(contents.words.sizes, pairs.a, pairs.b),
        "semantic": np.where(contents.has_vector[pairs.a] & contents.has_vector[pairs.b], 1, np.nan),
    }
    least = least_scores(contents, pairs, threshold, weights)
    measures = {
        "semantic": lambda a, b: cosine(contents, a, b),
        "lexical": lambda a, b: jaccard(contents.words, a, b),
        "structural": lambda a, b: aligned(contents, a, b),
        "fingerprint": lambda a, b: jaccard(contents.windows, a, b),
    }
    for name, measure in (("", None), *measures.items()):
        if measure is not None:
            bounds[name] = measure(pairs.a, pairs.b)
        is_open = combine(bounds, shares) >= least
        pairs, least = pairs.where(is_open), least[is_open]
        bounds = {name: values[is_open] for name, values in bounds.items()}
    one, other = ids.gather(pairs.a), ids.gather(pairs.b)
    return (
        pl.DataFrame({"one": one, "other": other})
        .select(pattern_a=pl.min_horizontal("one", "other"), pattern_b=pl.max_horizontal("one", "other"))
        .hstack(verdicts(contents, pairs.a, pairs.b, bounds, weights))
        .with_columns(candidate_source=pairs.sources)
    )


def least_scores(
    contents: Contents, pairs: Pairs, threshold: float | None, weights: Mapping[str, float] | None
) -> Scores:
    """The score from which on each pair matches.

    Raises:
        ValueError: weights of one's own without a threshold: the calibrated one holds for the calibrated weights.
    """
    if threshold is not None:
        return np.full(len(pairs), threshold, np.float32)
    if weights is not None:
        raise ValueError("weights of one's own need a threshold of one's own")
    return calibration().least_score(np.minimum(contents.lengths[pairs.a], contents.lengths[pairs.b]))


def components_of(contents: Contents, a: Rows, b: Rows) -> dict[str, Scores]:
    return {
        "structural": aligned(contents, a, b),
        "fingerprint": jaccard(contents.windows, a, b),
        "lexical": jaccard(contents.words, a, b),
        "semantic": cosine(contents, a, b),
    }


def verdicts(
    contents: Contents, a: Rows, b: Rows, components: Mapping[str, Scores], weights: Mapping[str, float] | None
) -> pl.DataFrame:
    """Score, components, probability, confidence, clone type and note of pairs whose components are known."""
    learned: Calibration = calibration()
    shares = learned.weights if weights is None else weights
    score = combine(components, shares)
    smaller = np.minimum(contents.lengths[a], contents.lengths[b])
    present = sum(shares[name] * ~np.isnan(components[name]) for name in shares)
    confidence = present * np.sqrt(np.clip(smaller / SIZE_OF_FULL_CONFIDENCE, 0, 1))
    no_vectors = pl.lit(NOTE_NO_VECTORS if contents.matrix is None else NOTE_NO_VECTOR)
    frame = pl.DataFrame(
        {
            "score": score,
            **{name: components[name] for name in COMPONENTS},
            "probability": learned.probability(score, smaller) if weights is None else np.full(len(a), np.nan),
            "confidence": np.clip(confidence, 0, 1),
        },
        schema={name: SCHEMA[name] for name in ("score", *COMPONENTS, "probability", "confidence")},
    ).with_columns(pl.col("score", "probability", *COMPONENTS).fill_nan(None))
    is_type_3 = pl.col("structural") >= learned.type_3_structural
    return frame.with_columns(
        clone_type=pl.when(is_type_3).then(pl.lit("type-3")).otherwise(pl.lit("semantic")),
        note=pl.when(pl.col("structural").is_null())
        .then(pl.lit(NOTE_NO_STRUCTURE))
        .when(pl.col("semantic").is_null())
        .then(no_vectors),
    ).select(SCHEMA.names())
