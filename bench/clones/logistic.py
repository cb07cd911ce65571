"""Logistic regression of weighted pairs whose slopes are bounded: evidence for a clone is never evidence against it.

What is learned by it is said in `fit` and `fit_renamed`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
L2 = 1e-6


def logistic(features: Floats, is_clone: NDArray[np.bool_], weight: Floats, start: Floats, bounds: list[Any]) -> Floats:
    """Slopes and, last, the intercept of the most likely log odds, within `bounds` (for each its least and most)."""
    label = is_clone.astype(float)
    share = weight / weight.sum()

    def loss(theta: Floats) -> tuple[float, Floats]:
        odds = features @ theta[:-1] + theta[-1]
        error = share * (1 / (1 + np.exp(-odds)) - label)
        value = share @ (np.logaddexp(0, -odds) * label + np.logaddexp(0, odds) * (1 - label))
        gradient = np.append(features.T @ error + 2 * L2 * theta[:-1], error.sum())
        return float(value + L2 * (theta[:-1] ** 2).sum()), gradient

    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 5_000}).x  # type: ignore[no-any-return]
