"""What the components of pairs come to: score, probability, confidence, clone type, and whether it is a match.

How the components are computed is said in `scores`, where the figures of the calibration come from in `calibration`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.config import COMPONENTS
from stemma.match.calibration import (
    Calibration,
    SemanticRule,
    calibration,
    renamed_probability,
    semantic_probability,
)
from stemma.match.renaming import consistencies
from stemma.match.scores import Contents, Rows, Scores, combine

Flags = NDArray[np.bool_]

RENAMING = "renaming"
TYPE_3, SEMANTIC = "type-3", "semantic"
NOTE_NO_VECTORS = "No vectors were at hand: compared by structure and words alone."
NOTE_NO_VECTOR = "One of the two has no vector: compared by structure and words alone."
NOTE_NO_STRUCTURE = "One of the two has no token sequence: compared by what else there is."

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


class Evidence:
    """Pairs (a[i], b[i]) of rows of `contents` and their components, NaN where absent.

    With components that are upper bounds, named in `bounds`, what matches is what may match. RENAMING is no component
    of the score: unless it is among the bounds it is found here, for the few pairs whose answer hangs on it.
    """

    def __init__(
        self,
        contents: Contents,
        a: Rows,
        b: Rows,
        components: Mapping[str, Scores],
        weights: Mapping[str, float] | None,
        *,
        bounds: Collection[str] = (),
    ) -> None:
        self._bounds = bounds
        self._contents, self._a, self._b, self._components = contents, a, b, components
        self._is_calibrated = weights is None
        self._calibration: Calibration = calibration()
        self._weights = self._calibration.weights if weights is None else weights

    @cached_property
    def score(self) -> Scores:
        """By the calibrated weights, or those given; of two languages by those of the rule of meaning."""
        score = combine(self._components, self._weights)
        rule = self._rule
        if rule is None or not self._is_calibrated:
            return score
        return np.where(self._is_across, combine(self._components, {"semantic": -rule.a, "lexical": -rule.c}), score)

    def matches(self, threshold: float | None) -> Flags:
        """Which pairs score `threshold` or more; None: which are probable enough, by structure, names or meaning.

        Of two languages those alone whose meaning is probable enough: their structures say little of each other.

        Raises:
            ValueError: weights of one's own without a threshold: the calibrated one holds for the calibrated weights.
        """
        if threshold is not None:
            found: Flags = (self.score >= threshold) & ~self._is_across | self._is_semantic
            return found
        if not self._is_calibrated:
            raise ValueError("weights of one's own need a threshold of one's own")
        return self._is_type_3 | self._is_renamed | self._is_semantic

    @cached_property
    def _n_common(self) -> Scores:
        """Windows the two have in common: a Jaccard similarity J of sets of m and n has J / (1 + J) * (m + n)."""
        sizes, share = self._contents.windows.sizes, self._components["fingerprint"]
        return share / (1 + share) * (sizes[self._a] + sizes[self._b])

    @cached_property
    def _type_3_probability(self) -> Scores:
        return self._calibration.probability(self.score, self._n_common)

    @cached_property
    def _is_across(self) -> Flags:
        """Which pairs are of two languages."""
        sides = self._contents.sides
        return np.zeros(len(self._a), np.bool_) if sides is None else sides[self._a] != sides[self._b]

    @cached_property
    def _is_type_3(self) -> Flags:
        found: Flags = ~self._is_across & (self._type_3_probability >= self._calibration.threshold)
        return found

    @cached_property
    def _renamed_probability(self) -> Scores:
        """At most, where it would not do even if the names agreed throughout: those texts are not read."""
        rule = self._calibration.renamed
        renaming = np.ones(len(self._a), np.float32)
        components = {**self._components, RENAMING: renaming}
        if "lexical" in self._bounds:
            components["lexical"] = np.zeros(len(self._a), np.float32)
        at_most = renamed_probability(rule, components, self._n_common)
        asked = np.flatnonzero(~self._is_type_3 & ~self._is_across & (at_most >= rule.threshold))
        if RENAMING in self._bounds or not len(asked):
            return at_most
        renaming[asked] = consistencies(self._contents, self._a[asked], self._b[asked])
        return renamed_probability(rule, components, self._n_common)

    @cached_property
    def _is_renamed(self) -> Flags:
        """Those alone that the score does not say it of."""
        is_open = ~self._is_type_3 & ~self._is_across
        found: Flags = is_open & (self._renamed_probability >= self._calibration.renamed.threshold)
        return found

    @property
    def _rule(self) -> SemanticRule | None:
        return self._calibration.rule_for(self._contents.embedder)

    @cached_property
    def _semantic_probability(self) -> Scores:
        rule = self._rule
        if rule is None:
            return np.full(len(self._a), np.nan, np.float32)
        return semantic_probability(rule, self._components["semantic"], self._components["lexical"])

    @cached_property
    def _is_semantic(self) -> Flags:
        rule = self._rule
        if rule is None or not self._is_calibrated:
            return np.zeros(len(self._a), np.bool_)
        found: Flags = self._is_across & (self._semantic_probability >= rule.threshold)
        return found

    def frame(self) -> pl.DataFrame:
        """One row a pair, in the columns of `SCHEMA`."""
        is_type_3 = ~self._is_across & (self._components["structural"] >= self._calibration.type_3_structural)
        if self._is_calibrated:
            probability = np.where(self._is_across, self._semantic_probability, self._type_3_probability)
            probability = np.where(self._is_renamed, self._renamed_probability, probability)
            is_type_3 = is_type_3 | self._is_type_3 | self._is_renamed
        else:
            probability = np.full(len(self._a), np.nan, np.float32)
        no_vectors = NOTE_NO_VECTORS if self._contents.matrix is None else NOTE_NO_VECTOR
        return (
            pl.DataFrame(
                {
                    "score": self.score,
                    **{name: self._components[name] for name in COMPONENTS},
                    "probability": probability,
                    "confidence": self._confidence,
                    "clone_type": np.where(is_type_3, TYPE_3, SEMANTIC),
                },
                schema_overrides=SCHEMA,
            )
            .with_columns(pl.col("score", "probability", *COMPONENTS).fill_nan(None))
            .with_columns(
                note=pl.when(pl.col("structural").is_null())
                .then(pl.lit(NOTE_NO_STRUCTURE))
                .when(pl.col("semantic").is_null())
                .then(pl.lit(no_vectors))
            )
            .select(SCHEMA.names())
        )

    @property
    def _confidence(self) -> Scores:
        """The share of the components that are present, less for few windows: a share of n has a standard error of
        1 / (2 * sqrt(n)) at most, and twice that is taken off."""
        present = np.mean([~np.isnan(self._components[name]) for name in COMPONENTS], axis=0)
        sizes = self._contents.windows.sizes
        n = np.minimum(sizes[self._a], sizes[self._b])
        certainty: Scores = (present * (1 - 1 / np.sqrt(1 + n))).astype(np.float32)
        return certainty


def is_match(compared: pl.DataFrame, threshold: float | None) -> pl.Series:
    """Which rows of a frame of `SCHEMA` match: by their score, or by what is calibrated, as `Evidence.matches`."""
    if threshold is not None:
        return (compared["score"] >= threshold).fill_null(value=False)
    learned = calibration()
    least = pl.lit(learned.threshold)
    if learned.semantic is not None:
        least = pl.when(pl.col("clone_type") == SEMANTIC).then(learned.semantic.threshold).otherwise(least)
    return compared.select((pl.col("probability") >= least).fill_null(value=False)).to_series()
