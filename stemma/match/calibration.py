"""What a score is worth: weights of the components, and the probability that a pair of such a score is a clone.

Read from `calibration.json`, which is fitted on labelled pairs and says on which. How the components are computed is
said in `scores`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.config import COMPONENTS
from stemma.errors import StemmaError
from stemma.match.scores import Scores

PROVENANCE = ("sets", "commits", "n_pairs", "date", "command", "figures")


class CalibrationError(StemmaError):
    """A calibration that cannot be used."""


@dataclass(frozen=True)
class SemanticRule:
    """When vectors and words say that a function and one of another language do the same.

    The probability is 1 / (1 + exp(a * cosine + b + c * lexical)). It holds for the vectors of one embedder and for
    two languages. Inside one, and between C and C++, there is no such rule: what is near there and no copy is a
    sibling, which does the like to something else. Of 68 such pairs of released packages, the likest of all as well,
    4 did the same when they were read (`python -m bench.semantic FOLDER`).
    """

    embedder: str
    a: float
    b: float
    c: float
    threshold: float

    def least_lexical(self, probability: float) -> float:
        """The share of common words at which equal vectors reach the probability."""
        return (math.log(1 / probability - 1) - self.b - self.a) / self.c


@dataclass(frozen=True)
class RenamedRule:
    """When structure and the places of the names say that a pair is a copy with other names, though no word is shared.

    The probability is 1 / (1 + exp(a * structural + b + c * ln(1 + n) + d * fingerprint + e * renaming)), n as in
    `Calibration`; it is of pairs of which less than `lexical_below` of the words are common, and at least
    `structural_from` of the tokens. The weighted mean of the components takes the words that such a copy lacks for
    evidence against it.
    """

    lexical_below: float
    structural_from: float
    a: float
    b: float
    c: float
    d: float
    e: float
    threshold: float


@dataclass(frozen=True)
class Calibration:
    """Weights of the components, and Platt's sigmoid (1999) over the score and how much there is to go by.

    The probability of a pair is 1 / (1 + exp(a * score + b + c * ln(1 + n))), n the 5-token windows the two have in
    common: few are in common by chance. Fit it on negatives as many and as hard as a repository has, random pairs of
    its functions weighted to all of them: of n functions there are n**2 / 2 pairs and only some n clones.
    """

    weights: Mapping[str, float]
    a: float
    b: float
    c: float
    threshold: float
    """Least probability of a match."""
    type_3_structural: float
    """Under weights or a threshold of one's own: least structural component of a Type-3, below which it is semantic."""
    renamed: RenamedRule
    semantic: SemanticRule | None
    provenance: Mapping[str, Any]
    version: str
    """Hash of all of it."""

    def rule_for(self, embedder: str | None) -> SemanticRule | None:
        """The rule of meaning for vectors of that embedder, where there is one."""
        return self.semantic if self.semantic is not None and self.semantic.embedder == embedder else None

    def probability(self, score: Scores, n_common: NDArray[Any]) -> Scores:
        """That pairs of such scores, with so many windows in common, are clones; NaN where there is no score."""
        return _sigmoid(self.a * score.astype(np.float64) + self.b + self.c * np.log1p(np.nan_to_num(n_common)))


@cache
def calibration() -> Calibration:
    """The calibration that comes with Stemma.

    Raises:
        CalibrationError: it is not complete or not sound.
    """
    return read_calibration(files("stemma.match").joinpath("calibration.json").read_text("utf-8"))


def read_calibration(text: str) -> Calibration:
    """A calibration from its JSON.

    Raises:
        CalibrationError: it is not complete or not sound; says what is wrong.
    """
    try:
        raw = json.loads(text)
        platt, renamed, semantic = raw["platt"], raw["renamed"], raw["semantic"]
        found = Calibration(
            weights={name: float(raw["weights"][name]) for name in COMPONENTS},
            **{name: float(platt[name]) for name in "abc"},
            threshold=float(raw["threshold"]),
            type_3_structural=float(raw["type_3_structural"]),
            renamed=RenamedRule(
                float(renamed["lexical_below"]),
                float(renamed["structural_from"]),
                **{name: float(renamed["platt"][name]) for name in "abcde"},
                threshold=float(renamed["threshold"]),
            ),
            semantic=None
            if semantic is None
            else SemanticRule(
                str(semantic["embedder"]),
                **{name: float(semantic["platt"][name]) for name in "abc"},
                threshold=float(semantic["threshold"]),
            ),
            provenance={name: raw["provenance"][name] for name in PROVENANCE},
            version=hashlib.blake2b(text.encode(), digest_size=4).hexdigest(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(f"{type(error).__name__} {error}") from error
    _check(found, raw["weights"])
    return found


def semantic_probability(rule: SemanticRule, cosine: Scores, lexical: Scores) -> Scores:
    """That pairs of such cosines and common words mean the same; NaN where either is unknown."""
    return _sigmoid(rule.a * cosine.astype(np.float64) + rule.b + rule.c * lexical.astype(np.float64))


def renamed_probability(rule: RenamedRule, components: Mapping[str, Scores], n_common: NDArray[Any]) -> Scores:
    """That such pairs are copies with other names; NaN where a component is unknown or the rule is not of them."""
    structural, fingerprint, renaming = (
        components[name].astype(np.float64) for name in ("structural", "fingerprint", "renaming")
    )
    found = _sigmoid(
        rule.a * structural
        + rule.b
        + rule.c * np.log1p(np.nan_to_num(n_common))
        + rule.d * fingerprint
        + rule.e * renaming
    )
    is_of_rule = (components["lexical"] < rule.lexical_below) & (structural >= rule.structural_from)
    return np.where(is_of_rule, found, np.float32(np.nan))


def _sigmoid(exponent: NDArray[np.float64]) -> Scores:
    with np.errstate(over="ignore"):
        found: Scores = (1 / (1 + np.exp(exponent))).astype(np.float32)
    return found


def _check(found: Calibration, weights: Mapping[str, float]) -> None:
    if set(weights) != set(COMPONENTS):
        raise _unusable(f"its weights are of {sorted(weights)}, not of {sorted(COMPONENTS)}")
    if min(found.weights.values()) < 0 or not math.isclose(sum(found.weights.values()), 1, abs_tol=1e-3):
        raise _unusable(f"its weights {dict(found.weights)} are not shares of 1")
    for name, rule in (("platt", found), ("semantic", found.semantic)):
        if rule is None:
            continue
        if not (rule.a < 0 and rule.c <= 0 and math.isfinite(rule.a + rule.b + rule.c)):
            raise _unusable(f"the probability of '{name}' does not rise with the evidence")
        if not 0 < rule.threshold < 1:
            raise _unusable(f"the threshold of '{name}' is no probability")
    renamed = found.renamed
    slopes = (renamed.a, renamed.c, renamed.d, renamed.e)
    if not (max(slopes) <= 0 and math.isfinite(sum(slopes) + renamed.b)):
        raise _unusable("the probability of 'renamed' does not rise with the evidence")
    if not found.threshold <= renamed.threshold < 1:
        raise _unusable("the threshold of 'renamed' is no probability, or lower than that of a match")
    if not (0 < renamed.lexical_below <= 1 and 0 <= renamed.structural_from < 1):
        raise _unusable("'lexical_below' or 'structural_from' is no share")
    if not 0 < found.type_3_structural < 1:
        raise _unusable("'type_3_structural' does not lie between 0 and 1")


def _unusable(why: str) -> CalibrationError:
    return CalibrationError(
        f"stemma/match/calibration.json cannot be used: {why}.",
        "Install Stemma again, or fit it anew: see bench/clones.",
    )
