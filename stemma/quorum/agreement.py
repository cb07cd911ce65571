"""Krippendorff's alpha: how far members agree beyond chance, with votes missing. Whom to believe is not said here; see
`dawid_skene`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def krippendorff_alpha(counts: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> float | None:
    """Alpha for nominal values: 1 is full agreement, 0 what chance would give, below 0 agreement to differ.

    Krippendorff, Content Analysis (2004), ch. 11: 1 - observed disagreement / expected disagreement, over the values
    that can be paired, so a unit with one value says nothing.

    Args:
        counts: how many gave each value to each unit, shape (units, values).
        weights: units that each row stands for; 1 by default.

    Returns:
        None where no unit has two values, or all values are the same: then there is nothing to disagree on.
    """
    per_unit = counts.sum(axis=1)
    paired = per_unit >= 2
    counts, per_unit = counts[paired], per_unit[paired]
    weights = np.ones(len(counts)) if weights is None else weights[paired]
    totals = (counts * weights[:, None]).sum(axis=0)
    n = totals.sum()
    expected = n * n - (totals * totals).sum()
    if not len(counts) or expected == 0:
        return None
    within = (per_unit * per_unit - (counts * counts).sum(axis=1)) / (per_unit - 1)
    return float(1 - (n - 1) * (within * weights).sum() / expected)
