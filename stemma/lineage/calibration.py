"""The weights and thresholds by which elements are paired; `calibration.json` holds them with where they come from.

What the features are is said in `likeness`, which threshold counts where, in `pairing` and `parts`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from stemma.ids import content_id


@dataclass(frozen=True)
class Calibration:
    """One set of weights (by feature) and thresholds (by relation of the two places)."""

    weights: dict[str, float]
    thresholds: dict[str, float]

    @property
    def digest(self) -> str:
        """Changes with any number, so that rows made by other numbers are made anew."""
        numbers = json.dumps([self.weights, self.thresholds], sort_keys=True)
        return content_id(numbers)[:8]


@cache
def calibration() -> Calibration:
    """The numbers that come with this version."""
    return parsed(json.loads(resources.files("stemma.lineage").joinpath("calibration.json").read_text("utf-8")))


def parsed(content: dict[str, Any]) -> Calibration:
    """A calibration as the file writes it."""
    weights, thresholds = content["weights"], content["thresholds"]
    return Calibration({name: float(weights[name]) for name in weights}, {k: float(v) for k, v in thresholds.items()})
