"""`python -m bench.clones.fit FOLDER`: learn the weights, the probability and the threshold of `calibration.json`.

What is learned from, and what the probability is a probability of, is said in `examples`; here are the regression,
Platt's second fit, the choice of the threshold and the figures by cross-validation over packages. The rule for renamed
copies is learned in `fit_renamed`, that of meaning in `bench.semantic`. What the file's fields mean is said in
`stemma.match.calibration`.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.clones.examples import FEATURES, MADE, NATURAL, STRONG, Examples, examples
from bench.clones.fit_renamed import renamed_rule
from bench.clones.logistic import Floats, logistic

OUT = Path(__file__).parents[2] / "stemma" / "match" / "calibration.json"
CONSTRUCTED = 3.0
"""Weight of all constructed clones together, over that of all natural ones: those are mostly siblings that keep their
names, and by them alone a copy whose names were changed would be missed."""
PRECISION, RECALL = 0.95, 0.955
"""Of labelled pairs; recall of strong Type-3, with what candidates may still lose. Higher thresholds lose copies whose
precision on real pairs, read strictly, is told in the file."""
FOLDS = 5
GRID = np.arange(0.2, 0.96, 0.01)
BINS = 10


@dataclass(frozen=True)
class Fitted:
    """Coefficients of `FEATURES` and the intercept: the log odds of a clone."""

    slopes: Floats
    intercept: float

    def log_odds(self, features: Floats) -> Floats:
        return features @ self.slopes + self.intercept

    def probability(self, features: Floats) -> Floats:
        return 1 / (1 + np.exp(-self.log_odds(features)))


def fit(data: Examples) -> Fitted:
    """Logistic regression on everything for the direction; on natural pairs alone for slope and intercept."""
    weight = data.weight.copy()
    is_constructed = ~data.is_natural & data.is_clone
    natural = weight[data.is_natural & data.is_clone].sum()
    weight[is_constructed] *= CONSTRUCTED * natural / weight[is_constructed].sum()
    n = len(FEATURES)
    start = np.append(np.full(n, 3.0), -12.0)
    bounds = [(0.0, None)] * n + [(None, None)]
    slopes = logistic(data.features, data.is_clone, weight, start, bounds)
    direction = data.features @ slopes[:n]
    some = data.is_natural
    scale = direction[some].std()
    platt = logistic(
        (direction[some] / scale)[:, None],
        data.is_clone[some],
        weight[some],
        np.array([1.0, 0.0]),
        [(0, None), (None, None)],
    )
    return Fitted(slopes[:n] * platt[0] / scale, float(platt[1]))


def cross_validated(data: Examples) -> Floats:
    """The probability of each example by the examples of other packages."""
    found = np.zeros(len(data.weight))
    for fold in range(FOLDS):
        is_held = data.fold(FOLDS) == fold
        found[is_held] = fit(data.where(~is_held)).probability(data.features[is_held])
    return found


def threshold_of(data: Examples, probability: Floats) -> float:
    """The highest at which held-out strong Type-3 pairs are found often enough, at the precision of labelled pairs."""
    for least in GRID[::-1]:
        recalls = [float((probability[data.kind == kind] >= least).mean()) for kind in STRONG if kind in data.kind]
        if min(recalls) >= RECALL and constructed_precision(data, probability, least) >= PRECISION:
            return float(round(least, 2))
    raise ValueError("no threshold reaches recall and precision")


def constructed_precision(data: Examples, probability: Floats, least: float) -> float:
    """Of the labelled pairs that were not read for this, the share of clones among those at the threshold or above."""
    kept = (data.source == MADE) & (probability >= least)
    return float(data.is_clone[kept].mean()) if kept.any() else 1.0


def figures(data: Examples, probability: Floats, threshold: float) -> dict[str, Any]:
    """What held-out packages say: recall by kind, precision and calibration error of natural candidates."""
    is_read = data.source == NATURAL
    kept = is_read & (probability >= threshold)
    clones = data.weight * data.is_clone
    recall = {
        kind: round(float((probability[data.kind == kind] >= threshold).mean()), 4)
        for kind in sorted(set(data.kind[data.is_clone & ~data.is_natural]))
    }
    return {
        "cross_validation": f"{FOLDS} folds by package",
        "constructed_precision": round(constructed_precision(data, probability, threshold), 4),
        "natural_precision": round(float(clones[kept].sum() / data.weight[kept].sum()), 4),
        "natural_recall_of_candidates": round(float(clones[kept].sum() / clones[is_read].sum()), 4),
        "natural_pairs_read": int(is_read.sum()),
        "natural_pairs_read_above_threshold": int(kept.sum()),
        "expected_calibration_error": round(_calibration_error(data, probability, is_read), 4),
        "brier": round(float(np.average((probability - data.is_clone)[is_read] ** 2, weights=data.weight[is_read])), 4),
        "recall_of_constructed": recall,
    }


def _calibration_error(data: Examples, probability: Floats, some: NDArray[np.bool_]) -> float:
    """Mean distance of probability and frequency over bins of equal width, each example by what it stands for."""
    bins = np.minimum((probability[some] * BINS).astype(int), BINS - 1)
    weight, error = data.weight[some], (probability - data.is_clone)[some]
    sums = np.bincount(bins, weight * error, minlength=BINS)
    return float(np.abs(sums).sum() / weight.sum())


def calibration(
    data: Examples,
    renamed: tuple[dict[str, Any], dict[str, Any]],
    semantic: tuple[dict[str, Any], dict[str, Any]],
    command: str,
) -> dict[str, Any]:
    """All of the file; `renamed` and `semantic` are those rules with their figures."""
    held_out = cross_validated(data)
    threshold = threshold_of(data, held_out)
    fitted = fit(data)
    total = float(fitted.slopes[:3].sum())
    is_strong = data.is_clone & np.isin(data.kind, STRONG)
    weights = dict(zip(("structural", "fingerprint", "lexical"), fitted.slopes[:3] / total, strict=True))
    return {
        "weights": {name: round(float(weight), 4) for name, weight in weights.items()} | {"semantic": 0.0},
        "platt": {
            "a": round(-total, 3),
            "b": round(-fitted.intercept, 3),
            "c": round(-float(fitted.slopes[3]), 3),
        },
        "threshold": threshold,
        "type_3_structural": round(float(np.quantile(data.features[is_strong, 0], 0.005)), 2),
        "renamed": renamed[0],
        "semantic": semantic[0],
        "provenance": {
            "sets": data.sets,
            "commits": data.commits,
            "n_pairs": len(data.weight),
            "date": dt.date.today().isoformat(),
            "command": command,
            "figures": {
                "prior": data.prior,
                **figures(data, held_out, threshold),
                "renamed": renamed[1],
                "semantic": semantic[1],
            },
        },
    }


def main() -> None:
    folder = Path(sys.argv[1])
    stored = json.loads(OUT.read_text())  # the rule of meaning is learned by `bench.semantic`
    semantic = stored["semantic"], stored["provenance"]["figures"]["semantic"]
    found = calibration(examples(folder), renamed_rule(folder), semantic, "python -m bench.clones.fit FOLDER")
    OUT.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(found, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
