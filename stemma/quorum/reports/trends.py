"""Figures of saved reports over time, and whether they improve or decline by more than a stated margin.

Where saved reports come from is told in `stored`; how a trend is drawn, in `diagrams`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # type: ignore[import-untyped]

from stemma.quorum.reports.model import Point, Report, Trend, known

LEAST_POINTS = 3
"""Fewer tell of no direction: between two points there is always one."""


@dataclass(frozen=True)
class Metric:
    """A figure worth following.

    Attributes:
        better: which way is an improvement; neither where it is only a size.
        margin: least change that is told, in the figure's own unit; a share of its median where `is_relative`.
    """

    name: str
    title: str
    better: Literal["higher", "lower", "neither"]
    margin: float
    is_relative: bool = False
    is_share: bool = True


METRICS = {
    metric.name: metric
    for metric in (
        Metric("share_accepted", "Texts accepted", "higher", 0.01),
        Metric("share_rejected", "Texts rejected", "lower", 0.01),
        Metric("share_needs_review", "Texts that need a review", "lower", 0.01),
        Metric("mean_probability", "Mean probability of being fit for reuse", "higher", 0.01),
        Metric("share_judged", "Texts that have a verdict", "higher", 0.01),
        Metric("share_gates_passed", "Gates passed", "higher", 0.01),
        Metric("alpha", "Agreement of the members (Krippendorff's alpha)", "higher", 0.02, is_share=False),
        Metric("calibration_error", "Expected calibration error", "lower", 0.01, is_share=False),
        Metric("n_texts", "Texts", "neither", 0.05, is_relative=True, is_share=False),
        Metric("n_rejected", "Texts rejected, counted", "lower", 0.05, is_relative=True, is_share=False),
        Metric("n_labelled", "Labelled texts", "higher", 0.05, is_relative=True, is_share=False),
        Metric("seconds", "Seconds the votes took", "lower", 0.1, is_relative=True, is_share=False),
    )
}


def metrics_of(report: Report) -> dict[str, float | None]:
    """The figures of a report that are followed over time; null where unknown."""
    counts, quorum = report.counts, report.quorum
    results = report.gates.value.results if report.gates.value else ()
    answered = [result for result in results if result.status != "skipped"]
    seconds = [member.seconds.value for member in quorum.members if member.seconds.value is not None]

    def share(n: int, of: int) -> float | None:
        return n / of if of else None

    return {
        "share_accepted": share(counts.outcomes["accept"], counts.n_judged),
        "share_rejected": share(counts.outcomes["reject"], counts.n_judged),
        "share_needs_review": share(counts.outcomes["needs_review"], counts.n_judged),
        "mean_probability": counts.mean_probability.value,
        "share_judged": share(counts.n_judged, counts.n_texts),
        "share_gates_passed": share(sum(result.status == "passed" for result in answered), len(answered)),
        "alpha": quorum.alpha.value,
        "calibration_error": quorum.calibration_error.value,
        "n_texts": counts.n_texts,
        "n_rejected": counts.outcomes["reject"],
        "n_labelled": quorum.n_labelled,
        "seconds": round(sum(seconds), 3) if seconds else None,
    }


def trend_of(metric: Metric, points: Sequence[Point]) -> Trend:
    """Which way a figure goes, by its points in order of time.

    The change is that of the Theil-Sen line (Sen 1968), the median of the slopes between all pairs of points, from the
    first to the last: one odd report moves it little.
    """
    values = np.array([point.value for point in points if point.value is not None], dtype=np.float64)
    margin = metric.margin * (float(np.median(np.abs(values))) if metric.is_relative and len(values) else 1.0)
    change: float | None = None
    if len(values) >= LEAST_POINTS:
        change = float(scipy.stats.theilslopes(values).slope) * (len(values) - 1)
    movement, reason = _movement(metric, change, margin, len(values))
    return Trend(
        metric=metric.name,
        title=metric.title,
        is_share=metric.is_share,
        movement=movement,
        reason=reason,
        change=known(None if change is None else round(change, 6), reason),
        margin=round(margin, 6),
        points=tuple(points),
    )


_Movement = Literal["improving", "declining", "rising", "falling", "stable", "unknown"]


def _movement(metric: Metric, change: float | None, margin: float, n: int) -> tuple[_Movement, str]:
    if change is None:
        reports = "report has" if n == 1 else "reports have"
        return "unknown", f"{n} saved {reports} this figure; a direction takes {LEAST_POINTS}"
    told = f"{_amount(metric, change, is_signed=True)} over {n} reports; margin {_amount(metric, margin)}"
    if abs(change) <= margin:
        return "stable", told
    if metric.better == "neither":
        return ("rising" if change > 0 else "falling"), told
    return ("improving" if (change > 0) == (metric.better == "higher") else "declining"), told


def _amount(metric: Metric, value: float, *, is_signed: bool = False) -> str:
    sign = "+" if is_signed else ""
    if metric.is_share:
        return f"{value * 100:{sign}.1f} percentage points"
    return f"{value:{sign}.3g}" if abs(value) < 100 else f"{value:{sign},.0f}"
