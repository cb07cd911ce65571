"""What a score is worth: weights of the components, and the probability that a pair of such a score is a clone.

Read from `calibration.json`, which `bench/clones` fits on labelled pairs and writes with where its figures come from.
How the components are computed is said in `scores`.
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
class Calibration:
    """Weights of the components, Platt's sigmoid (1999) over score and size, and the threshold.

    The probability of a pair is 1 / (1 + exp(a * score + b + c * ln(tokens))), tokens those of the smaller pattern:
    short sequences are alike by chance.
    """

    weights: Mapping[str, float]
    a: float
    b: float
    c: float
    threshold: float
    """Least probability of a match."""
    type_3_structural: float
    """Least structural component of a Type-3 match; below it a match is semantic."""
    provenance: Mapping[str, Any]
    version: str
    """Hash of all of it."""

    def probability(self, score: Scores, n_tokens: NDArray[np.int64]) -> Scores:
        with np.errstate(over="ignore"):
            odds = np.exp(self.a * score.astype(np.float64) + self.b + self.c * np.log(np.maximum(n_tokens, 1)))
        found: Scores = (1 / (1 + odds)).astype(np.float32)
        return found

    def least_score(self, n_tokens: NDArray[np.int64]) -> Scores:
        """The score at which the probability reaches the threshold, for pairs of such sizes; between 0 and 1."""
        logit = math.log(1 / self.threshold - 1)
        least = (logit - self.b - self.c * np.log(np.maximum(n_tokens, 1))) / self.a
        found: Scores = np.clip(least, 0, 1).astype(np.float32)
        return found


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
        platt = raw["platt"]
        found = Calibration(
            weights={name: float(raw["weights"][name]) for name in COMPONENTS},
            a=float(platt["a"]),
            b=float(platt["b"]),
            c=float(platt["c"]),
            threshold=float(raw["threshold"]),
            type_3_structural=float(raw["type_3_structural"]),
            provenance={name: raw["provenance"][name] for name in PROVENANCE},
            version=hashlib.blake2b(text.encode(), digest_size=4).hexdigest(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(f"{type(error).__name__} {error}") from error
    if set(raw["weights"]) != set(COMPONENTS):
        raise _unusable(f"its weights are {sorted(raw['weights'])}, not {sorted(COMPONENTS)}")
    if min(found.weights.values()) < 0 or not math.isclose(sum(found.weights.values()), 1, abs_tol=1e-3):
        raise _unusable(f"its weights {dict(found.weights)} are not shares of 1")
    if not (found.a < 0 and math.isfinite(found.b) and math.isfinite(found.c)):
        raise _unusable("its probability does not rise with the score")
    if not (0 < found.threshold < 1 and 0 < found.type_3_structural < 1):
        raise _unusable("its thresholds do not lie between 0 and 1")
    return found


def _unusable(why: str) -> CalibrationError:
    return CalibrationError(
        f"stemma/match/calibration.json cannot be used: {why}.",
        "Install Stemma again, or fit it anew as bench/clones says.",
    )
