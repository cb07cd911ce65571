"""How alike a pair of patterns is: structure, windows, words and vectors, each kept, and their weighted mean.

Which pairs are scored is said in `candidates`, what a score is worth in `calibration`. Absent evidence is NaN here and
null in the table, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist
from scipy.sparse import csr_array  # type: ignore[import-untyped]

from stemma.match.kinds import sides_of

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]
Matrix = NDArray[np.float32]
Codes = Callable[[Rows], list[tuple[str, str]]]
"""The text and language of some rows: read only of the few pairs whose names are compared."""

ELEMENTS = 4_000_000  # of sets or vectors compared at once: about 100 MB
STRINGS = 100_000  # aligned at once
BYTES = 255


@dataclass(frozen=True)
class Sets:
    """Sets of integers, one per row, as the rows of a sparse matrix of ones."""

    members: csr_array

    @property
    def sizes(self) -> Rows:
        sizes: Rows = np.diff(self.members.indptr).astype(np.int64)
        return sizes


@dataclass(frozen=True)
class Sequences:
    """Token sequences, as texts of a character a token and as bytes of a byte a token, which align in half the time.

    There are no more bytes than 256: the most frequent tokens have them, and rows with any other have none.
    """

    texts: NDArray[np.object_]
    encoded: NDArray[np.object_]
    is_encoded: NDArray[np.bool_]


@dataclass(frozen=True)
class Contents:
    """What there is to compare of each row of a patterns frame."""

    structures: Sequences
    lengths: Rows
    windows: Sets
    words: Sets
    matrix: Matrix | None
    has_vector: NDArray[np.bool_]
    embedder: str | None
    """What made the vectors."""
    codes: Codes | None = None
    sides: NDArray[np.int64] | None = None
    """The language of each row as a number (`kinds.sides_of`); None: all rows that are compared are of one."""


def contents_of(
    patterns: pl.DataFrame, matrix: Matrix | None = None, embedder: str | None = None, codes: Codes | None = None
) -> Contents:
    """The contents of a patterns frame and of the vectors of its rows, where there are any (a row of zeros is none).

    `codes` reads texts that the frame has not.
    """
    structures = patterns["structure"].fill_null("")
    lengths = structures.str.len_chars().to_numpy().astype(np.int64)
    return Contents(
        sequences_of(structures, lengths),
        lengths,
        sets_of(patterns["shingles"]),
        sets_of(patterns["sub_tokens"]),
        matrix,
        np.zeros(len(patterns), np.bool_) if matrix is None else np.any(matrix != 0, axis=1),
        embedder,
        codes or (_codes_in(patterns) if "code" in patterns.columns else None),
        sides_of(patterns["language"]) if "language" in patterns.columns else None,
    )


def _codes_in(patterns: pl.DataFrame) -> Codes:
    codes, languages = patterns["code"], patterns["language"]
    return lambda rows: list(zip(codes.gather(rows), languages.gather(rows), strict=True))


def sequences_of(structures: pl.Series, lengths: Rows) -> Sequences:
    texts = structures.to_list()
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    counts = np.bincount(codes, minlength=1)
    frequent = np.argsort(-counts, kind="stable")[:BYTES]
    byte_of = np.full(len(counts), BYTES, np.uint8)
    byte_of[frequent] = np.arange(len(frequent), dtype=np.uint8)
    coded = byte_of[codes]
    ends = np.cumsum(lengths)
    has_other = np.zeros(len(lengths), np.bool_)
    has_other[np.searchsorted(ends, np.flatnonzero(coded == BYTES), side="right")] = True
    whole = coded.tobytes()
    starts = ends - lengths
    encoded = [whole[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Sequences(_objects(texts), _objects(encoded), ~has_other)


def _objects(values: list[Any]) -> NDArray[np.object_]:
    found = np.empty(len(values), np.object_)
    found[:] = values
    return found


def sets_of(column: pl.Series) -> Sets:
    """The sets of a list column of integers or texts. Texts go by their 63-bit hashes, which hold in this process."""
    sizes = column.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = column.explode(empty_as_null=False, keep_nulls=False)
    if flat.dtype == pl.String:
        codes = (flat.hash().to_numpy() >> np.uint64(1)).astype(np.int64)
    else:
        codes = flat.cast(pl.Int32).to_numpy().view(np.uint32).astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    members = csr_array((np.ones(len(codes), np.int32), codes, offsets), shape=(len(column), np.iinfo(np.int64).max))
    members.sum_duplicates()
    return Sets(members)


def aligned(contents: Contents, a: Rows, b: Rows) -> Scores:
    """2 * LCS / (m + n) of the token sequences of each pair, LCS the length of their longest common subsequence (Hyyrö
    2004, bit-parallel); NaN where one is empty."""
    result = np.full(len(a), np.nan, np.float32)
    structures = contents.structures
    is_there = (contents.lengths[a] > 0) & (contents.lengths[b] > 0)
    is_encoded = structures.is_encoded[a] & structures.is_encoded[b]
    for sequences, wanted in ((structures.encoded, is_encoded), (structures.texts, ~is_encoded)):
        rows = np.flatnonzero(is_there & wanted)
        for start in range(0, len(rows), STRINGS):
            part = rows[start : start + STRINGS]
            one, other = sequences[a[part]], sequences[b[part]]
            result[part] = cpdist(one, other, scorer=Indel.normalized_similarity, dtype=np.float32, workers=1)
    return result


def jaccard(sets: Sets, a: Rows, b: Rows) -> Scores:
    """|A and B| / |A or B| of each pair of rows; NaN where either set is empty."""
    sizes = sets.sizes
    common = np.empty(len(a), np.int64)
    ends = np.cumsum(sizes[a] + sizes[b])
    start = 0
    while start < len(a):
        base = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + ELEMENTS, side="right")))
        both = sets.members[a[start:stop]].multiply(sets.members[b[start:stop]])
        common[start:stop] = np.diff(both.indptr)
        start = stop
    union = sizes[a] + sizes[b] - common
    return _share(common, union, (sizes[a] > 0) & (sizes[b] > 0))


def cosine(contents: Contents, a: Rows, b: Rows) -> Scores:
    """Inner product of the vectors of each pair, at least 0; NaN where either has none."""
    result = np.full(len(a), np.nan, np.float32)
    if contents.matrix is None:
        return result
    known = np.flatnonzero(contents.has_vector[a] & contents.has_vector[b])
    step = max(1, ELEMENTS // max(contents.matrix.shape[1], 1))
    for start in range(0, len(known), step):
        part = known[start : start + step]
        result[part] = np.einsum("ij,ij->i", contents.matrix[a[part]], contents.matrix[b[part]])
    return np.clip(result, 0, 1)


def combine(components: Mapping[str, NDArray[Any]], weights: Mapping[str, float]) -> Scores:
    """The mean of the components by their weights, over those that are present; NaN where none of any weight is."""
    values = np.stack([components[name] for name in weights]).astype(np.float64)
    shares = np.array(list(weights.values()))[:, None] * ~np.isnan(values)
    total = shares.sum(axis=0)
    score = np.full(values.shape[1], np.nan)
    np.divide((np.nan_to_num(values) * shares).sum(axis=0), total, out=score, where=total > 0)
    return score.astype(np.float32)


def size_ratio(sizes: Rows, a: Rows, b: Rows) -> Scores:
    """Smaller / larger of each pair, which no Jaccard similarity exceeds; NaN where either is empty."""
    smaller = np.minimum(sizes[a], sizes[b])
    return _share(smaller, np.maximum(sizes[a], sizes[b]), smaller > 0)


def length_ratio(sizes: Rows, a: Rows, b: Rows) -> Scores:
    """2 * smaller / (smaller + larger) of each pair, which no alignment exceeds; NaN where either is empty."""
    smaller = np.minimum(sizes[a], sizes[b])
    return _share(2 * smaller, sizes[a] + sizes[b], smaller > 0)


def _share(part: Rows, whole: Rows, is_known: NDArray[np.bool_]) -> Scores:
    result: Scores = np.full(len(part), np.nan, dtype=np.float32)
    np.divide(part, whole, out=result, where=is_known, casting="unsafe")
    return result
