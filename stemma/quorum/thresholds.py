"""At which probability the quorum may decide, so that what it decides is wrong no more often than a target.

Selective classification with a guaranteed risk (Geifman & El-Yaniv 2017), tested as in Learn then Test (Angelopoulos
et al. 2021): thresholds are tried from the surest on, and the first that cannot be shown to keep the target ends it.
Errors are counted by class, so the guarantee holds at a stated share of fit code and not only at that of the labels.
What is done with a threshold lives in `rule` and `verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

CONFIDENCE = 0.9
"""That the error stays within the target, over the draw of the labels."""

_STARTS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Thresholds:
    """When a probability decides; None: never, as no threshold could be shown to keep the target."""

    accept_at: float | None
    reject_at: float | None


def thresholds_for(
    probability: Floats, is_fit: Booleans, target: float, *, accept_prior: float, reject_prior: float
) -> Thresholds:
    """Thresholds under which at most `target` of what is accepted is unfit, and of what is rejected is fit.

    Args:
        probability: that each labelled text is fit, stated without knowing its label.
        accept_prior: least share of fit code at which acceptance must keep the target.
        reject_prior: greatest share of fit code at which rejection must.
    """
    accept = _surest(probability, ~is_fit, target, 1 - accept_prior)
    reject = _surest(-probability, is_fit, target, reject_prior)
    return Thresholds(accept, None if reject is None else -reject)


def _surest(score: Floats, is_wrong: Booleans, target: float, prior_wrong: float) -> float | None:
    """The least score from which on the bound of the error keeps the target, going down from the surest.

    The sequences begin where as many are taken as could show anything at all, and at 2, 4 and 8 times as many, so that
    one error at the very top does not forbid every decision; they share the allowed risk between them.
    """
    n_wrong, n_right = int(is_wrong.sum()), int((~is_wrong).sum())
    if not n_wrong or not n_right:
        return None
    order = np.argsort(-score, kind="stable")
    ranked, wrong = score[order], is_wrong[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # texts of one score are decided together
    taken = np.flatnonzero(last) + 1
    error = error_bound(np.cumsum(wrong)[last], n_wrong, np.cumsum(~wrong)[last], n_right, prior_wrong)
    faultless = error_bound(np.zeros_like(taken), n_wrong, np.minimum(taken, n_right), n_right, prior_wrong)
    if not (faultless <= target).any():
        return None
    enough = taken[int(np.argmax(faultless <= target))]
    end = 0
    for times in _STARTS:
        first = int(np.searchsorted(taken, times * enough))
        fails = np.flatnonzero(error[first:] > target)
        reached = first + int(fails[0]) if len(fails) else len(error)
        end = max(end, reached if reached > first else 0)
    return float(ranked[last][end - 1]) if end else None


def error_bound(
    wrong: NDArray[np.int64], n_wrong: int, right: NDArray[np.int64], n_right: int, prior_wrong: float
) -> Floats:
    """Upper bound of the share of wrong decisions, from Clopper and Pearson's (1934) bounds of each class.

    Args:
        wrong: decided texts of the class for which the decision is wrong, of `n_wrong`.
        right: those for which it is right, of `n_right`.
        prior_wrong: share of the first class where the decision will be used.
    """
    quantile = scipy.stats.beta.ppf  # loaded here: every command would wait 0.6 CPU s for what is rarely asked
    tail = (1 - CONFIDENCE) / 2 / len(_STARTS)
    with np.errstate(invalid="ignore"):
        most = np.where(wrong >= n_wrong, 1.0, quantile(1 - tail, wrong + 1, np.maximum(n_wrong - wrong, 1e-9)))
        least = np.where(right <= 0, 0.0, quantile(tail, np.maximum(right, 1e-9), n_right - right + 1))
    taken_wrong, taken_right = prior_wrong * most, (1 - prior_wrong) * least
    bound: Floats = taken_wrong / (taken_wrong + taken_right)
    return bound
