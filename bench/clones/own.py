"""Stemma on the same functions: end to end as a run does it, and its score alone on the labelled pairs.

End to end: equal hashes are Type-1 and Type-2, and of the distinct patterns those pairs match that reach scoring as
candidates and the calibrated threshold there. Every function of the set takes part, not those of the pairs alone.
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
from stemma.match.calibration import calibration

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Read:
    """A set as Stemma reads it: the distinct patterns, and the pattern of each function, of which some have none."""

    clones: CloneSet
    patterns: pl.DataFrame
    functions: pl.DataFrame
    cpu_s: float

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """The set's pairs with their rows in `patterns`, null where a function was not read, and their exact hashes."""
        rows = self.patterns.select("pattern_id", row=pl.int_range(pl.len(), dtype=pl.Int64))
        known = self.functions.join(rows, on="pattern_id").select("function_id", "exact_hash", "row")
        pairs = self.clones.pairs
        for side in ("a", "b"):
            named = known.rename({"function_id": side, "exact_hash": f"exact_{side}", "row": f"row_{side}"})
            pairs = pairs.join(named, on=side, how="left", maintain_order="left")
        return pairs


def read(clones: CloneSet) -> Read:
    clock = Clock()
    with clock.running("extraction"):
        functions = pl.concat(
            [patterns_of(clones.texts(language), language) for language in clones.languages], how="vertical_relaxed"
        )
        patterns = functions.unique("pattern_id", keep="first", maintain_order=True)
    return Read(
        clones, patterns, functions.select("function_id", "exact_hash", "pattern_id"), clock.spent["extraction"]
    )


def end_to_end(
    data: Read, *, matrix: NDArray[np.float32] | None = None, near: matching.Found | None = None
) -> Detection:
    """Hashes, then candidates and score at the calibrated threshold."""
    clock = Clock()
    with clock.running("matching"):
        matches = matching.find_matches(data.patterns, matrix=matrix, near=near)
    ids = data.patterns.select("pattern_id", row=pl.int_range(pl.len(), dtype=pl.Int64))
    keys = (
        matches.select("pattern_a", "pattern_b")
        .join(ids.rename({"pattern_id": "pattern_a", "row": "x"}), on="pattern_a")
        .join(ids.rename({"pattern_id": "pattern_b", "row": "y"}), on="pattern_b")
        .select(row_a=pl.min_horizontal("x", "y"), row_b=pl.max_horizontal("x", "y"), is_match=True)
    )
    labelled = data.labelled.with_columns(
        low=pl.min_horizontal("row_a", "row_b"), high=pl.max_horizontal("row_a", "row_b")
    ).join(keys, left_on=["low", "high"], right_on=["row_a", "row_b"], how="left", maintain_order="left")
    is_known = pl.col("row_a").is_not_null() & pl.col("row_b").is_not_null()
    found = labelled.select(
        is_known & ((pl.col("row_a") == pl.col("row_b")) | pl.col("is_match").fill_null(value=False))
    ).to_series()
    words = "with vectors" if matrix is not None else "without vectors"
    notes = {"patterns": len(data.patterns), "matches": len(matches)}
    return Detection(f"Stemma, {words}", found, {"extraction": data.cpu_s, **clock.spent}, notes)


def reached(data: Read) -> Detection:
    """Pairs that reach scoring at all: what no threshold can bring back is lost here."""
    clock = Clock()
    with clock.running("candidates"):
        pairs = matching.candidates(data.patterns)
    n = len(data.patterns)
    labelled = data.labelled.with_columns(
        key=pl.min_horizontal("row_a", "row_b") * n + pl.max_horizontal("row_a", "row_b")
    )
    found = labelled["key"].is_in((pairs.a * n + pairs.b).tolist()) | (labelled["row_a"] == labelled["row_b"])
    return Detection("Stemma, candidates", found.fill_null(value=False), clock.spent, {"candidates": len(pairs)})


def components(data: Read, *, matrix: NDArray[np.float32] | None = None) -> pl.DataFrame:
    """What `compare` says of each labelled pair of two patterns, with the pair's own columns and `n_tokens`."""
    pairs = data.labelled.drop_nulls(["row_a", "row_b"])
    a, b = pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy()
    sizes = data.patterns["structure"].str.len_chars().to_numpy().astype(np.int64)
    scored = matching.compare(data.patterns, a, b, matrix=matrix).drop("note")
    return pairs.hstack(scored).with_columns(n_tokens=np.minimum(sizes[a], sizes[b]))


def score_alone(data: Read, *, matrix: NDArray[np.float32] | None = None) -> Detection:
    """The calibrated threshold on the score of the labelled pairs, whether or not they reached scoring."""
    scored = components(data, matrix=matrix).with_columns(
        found=(pl.col("row_a") == pl.col("row_b")) | (pl.col("probability") >= calibration().threshold)
    )
    joined = data.clones.pairs.join(scored.select("a", "b", "found"), on=["a", "b"], how="left", maintain_order="left")
    words = "with vectors" if matrix is not None else "without vectors"
    return Detection(f"Stemma, score alone, {words}", joined["found"].fill_null(value=False), {})
