"""Stemma on the same functions: end to end as a run does it, and its score alone on the labelled pairs.

End to end: equal hashes are Type-1 and Type-2, and of the distinct patterns that are not trivial those pairs match
that reach scoring as candidates and the calibrated threshold there. Every function of the set takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.clones.detection import Clock, Detection
from bench.clones.functions import patterns_of
from bench.clones.sets import CloneSet
from stemma.match import pairs as matching
from stemma.match.evidence import is_match

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Vectors:
    """What an embedder made of a set's patterns, and what it cost."""

    embedder: str
    matrix: NDArray[np.float32]
    near: matching.Found
    cpu_s: dict[str, float]


@dataclass(frozen=True)
class Read:
    """A set as Stemma reads it: the distinct patterns that are not trivial, and each function's hashes."""

    clones: CloneSet
    patterns: pl.DataFrame
    functions: pl.DataFrame
    cpu_s: float

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """The set's pairs; for each side token_hash and pattern_id, null where Stemma found no function, and `row`,
        the row in `patterns`, null too where the pattern is trivial."""
        rows = self.patterns.select("pattern_id", row=pl.int_range(pl.len(), dtype=pl.Int64))
        known = self.functions.join(rows, on="pattern_id", how="left")
        pairs = self.clones.pairs
        for side in ("a", "b"):
            names = {"function_id": side, **{name: f"{name}_{side}" for name in ("token_hash", "pattern_id", "row")}}
            pairs = pairs.join(known.rename(names), on=side, how="left", maintain_order="left")
        n = len(self.patterns)
        key = pl.min_horizontal("row_a", "row_b") * n + pl.max_horizontal("row_a", "row_b")
        return pairs.with_columns(
            is_equal=(pl.col("pattern_id_a") == pl.col("pattern_id_b")).fill_null(value=False),
            key=pl.when(pl.col("row_a").is_not_null() & pl.col("row_b").is_not_null()).then(key),
        )

    def found(self, a: Rows, b: Rows) -> pl.Series:
        """Which labelled pairs are equal patterns or among these pairs of rows."""
        keys = pl.DataFrame({"key": np.minimum(a, b) * len(self.patterns) + np.maximum(a, b)}).unique()
        joined = self.labelled.join(keys.with_columns(is_found=True), on="key", how="left", maintain_order="left")
        return joined.select(pl.col("is_equal") | pl.col("is_found").fill_null(value=False)).to_series()


def read(clones: CloneSet) -> Read:
    clock = Clock()
    with clock.running("extraction"):
        functions = pl.concat(
            [patterns_of(clones.texts(language), language) for language in clones.languages], how="vertical_relaxed"
        )
        patterns = functions.filter(~pl.col("is_trivial")).unique("pattern_id", keep="first", maintain_order=True)
    hashes = functions.select("function_id", "token_hash", "pattern_id")
    return Read(clones, patterns, hashes, clock.spent["extraction"])


def end_to_end(data: Read, vectors: Vectors | None = None) -> Detection:
    """Hashes, then candidates and score at the calibrated threshold."""
    clock = Clock()
    with clock.running("matching"):
        if vectors is None:
            matches = matching.find_matches(data.patterns)
        else:
            matches = matching.find_matches(
                data.patterns, matrix=vectors.matrix, embedder=vectors.embedder, near=vectors.near
            )
    rows = dict(zip(data.patterns["pattern_id"], range(len(data.patterns)), strict=True))
    a, b = (np.array([rows[name] for name in matches[side]], np.int64) for side in ("pattern_a", "pattern_b"))
    notes = {"patterns": len(data.patterns), "matches": len(matches)}
    cost = {"extraction": data.cpu_s, **(vectors.cpu_s if vectors else {}), **clock.spent}
    name = f"Stemma, vectors of {vectors.embedder}" if vectors else "Stemma, no vectors"
    return Detection(name, data.found(a, b), dict(cost), dict(notes))


def reached(data: Read) -> Detection:
    """Pairs that reach scoring at all: what no threshold can bring back is lost here."""
    clock = Clock()
    with clock.running("matching"):
        pairs = matching.candidates(data.patterns)
    return Detection("Stemma, candidates alone", data.found(pairs.a, pairs.b), dict(clock.spent), {"pairs": len(pairs)})


def components(data: Read, vectors: Vectors | None = None) -> pl.DataFrame:
    """What `compare` says of each labelled pair of two patterns, beside the pair's own columns."""
    pairs = data.labelled.drop_nulls(["row_a", "row_b"]).filter(~pl.col("is_equal"))
    a, b = pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy()
    if vectors is None:
        return pairs.hstack(matching.compare(data.patterns, a, b))
    return pairs.hstack(matching.compare(data.patterns, a, b, matrix=vectors.matrix, embedder=vectors.embedder))


def score_alone(data: Read) -> Detection:
    """The calibrated threshold on the score of the labelled pairs, whether or not they reached scoring."""
    pairs = components(data)
    some = pairs.filter(is_match(pairs, None))
    return Detection("Stemma, score alone", data.found(some["row_a"].to_numpy(), some["row_b"].to_numpy()))
