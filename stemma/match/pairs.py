"""Pairs of the rows of a patterns frame: those worth a look, how alike each is, and which of them match.

No store is asked here: what is read from one and written to it is said in `matches`. A patterns frame has the columns
pattern_id, language, kind, shingles, sub_tokens and structure, as the table `patterns`, and code where names are to be
compared; its rows go by number.
A matrix of vectors is float32 of shape (rows, dimensions), rows of length 1, or of zeros where there is no vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.candidates import NOBODY, Fingerprints, Found, distinct, scope_numbers, sketch
from stemma.match.evidence import RENAMING, Evidence
from stemma.match.scores import (
    Contents,
    Matrix,
    Rows,
    Scores,
    aligned,
    contents_of,
    cosine,
    jaccard,
    length_ratio,
    size_ratio,
)

Flags = NDArray[np.bool_]
BATCH = 20_000
"""New patterns whose pairs are scored together: some 300 MB."""


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
    embedder: str | None = None,
    weights: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """One row for each pair (a[i], b[i]), in the columns of `evidence.SCHEMA`; which match, `evidence.is_match` says.

    A component is null where its evidence is absent, and the score where all are. `weights` take the place of the
    calibrated ones; the probability is then null. `embedder` names what made the matrix.
    """
    contents = contents_of(patterns, matrix, embedder)
    return Evidence(contents, a, b, components_of(contents, a, b), weights).frame()


def find_matches(
    patterns: pl.DataFrame,
    *,
    threshold: float | None = None,
    matrix: Matrix | None = None,
    embedder: str | None = None,
    near: Found | None = None,
    is_new: Flags | None = None,
    weights: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """The pairs that match: pattern_a < pattern_b, what `compare` says of them, and candidate_source.

    Args:
        threshold: least score of a match; None: those whose calibrated probability reaches the calibrated threshold.
        near, is_new: as in `candidates`. weights, matrix, embedder: as in `compare`.
    """
    rows = np.arange(len(patterns))
    is_new = np.ones(len(rows), np.bool_) if is_new is None else is_new
    batches = np.where(is_new, (np.cumsum(is_new) - 1) // BATCH, -1).astype(np.int32)
    fingerprints = Fingerprints(scope_numbers(patterns), sketch(patterns["structure"]), batches)
    contents = contents_of(patterns, matrix, embedder)
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
    """The rows of `matches`, without version and time, of the pairs that match; `ids` are the pattern ids of the rows.

    The cheap components first: with what the others can be at most they leave few pairs to compare.
    """
    components = {
        "structural": length_ratio(contents.lengths, pairs.a, pairs.b),
        "fingerprint": size_ratio(contents.windows.sizes, pairs.a, pairs.b),
        "lexical": size_ratio(contents.words.sizes, pairs.a, pairs.b),
        "semantic": cosine(contents, pairs.a, pairs.b),
    }
    measures = {
        "fingerprint": lambda pairs: jaccard(contents.windows, pairs.a, pairs.b),
        "lexical": lambda pairs: jaccard(contents.words, pairs.a, pairs.b),
        "structural": lambda pairs: aligned(contents, pairs.a, pairs.b),
    }
    bounds = [*measures, RENAMING]
    for measured in (None, *measures):
        if measured:
            components[measured] = measures[measured](pairs)
            bounds.remove(measured)
        is_open = Evidence(contents, pairs.a, pairs.b, components, weights, bounds=bounds).matches(threshold)
        pairs = pairs.where(is_open)
        components = {name: values[is_open] for name, values in components.items()}
    evidence = Evidence(contents, pairs.a, pairs.b, components, weights)
    is_match = evidence.matches(threshold)
    scored, pairs = evidence.frame().filter(pl.Series(is_match)), pairs.where(is_match)
    one, other = ids.gather(pairs.a).alias("one"), ids.gather(pairs.b).alias("other")
    named = pl.DataFrame([one, other]).select(
        pattern_a=pl.min_horizontal("one", "other"), pattern_b=pl.max_horizontal("one", "other")
    )
    return named.hstack(scored).with_columns(candidate_source=pairs.sources)


def components_of(contents: Contents, a: Rows, b: Rows) -> dict[str, Scores]:
    return {
        "structural": aligned(contents, a, b),
        "fingerprint": jaccard(contents.windows, a, b),
        "lexical": jaccard(contents.words, a, b),
        "semantic": cosine(contents, a, b),
    }
