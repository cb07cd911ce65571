"""A report on the planted world, with trends, gates and a well-filled reliability diagram, for whoever shows it."""

from __future__ import annotations

import datetime as dt

import pytest

from stemma.git import registry
from stemma.quorum.reports.build import build_report
from stemma.quorum.reports.model import Bin, GateFigures, Gates, Known, Point, Report
from stemma.quorum.reports.trends import METRICS, trend_of
from stemma.store.postgres import Database
from tests.quorum.reports.planted import HOSTILE, plant

BINS = [(0, 812, 0.01), (1, 12, 0.25), (7, 150, 0.77), (9, 12_345, 0.98)]


def gate(name: str, status: str, score: float | None) -> GateFigures:
    told = {"is_blocking": True, "sentence": f"{name}: {HOSTILE}", "threshold": 0.8, "at_least": True, "unit": "share"}
    known = Known(value=score) if score is not None else Known(unknown_reason="no report of it")
    return GateFigures(gate=name, status=status, score=known, seconds=0.1, n_findings=3, **told)  # type: ignore[arg-type]


@pytest.fixture
def full(database: Database) -> Report:
    plant(database)
    report = build_report(database, registry.find(database, "shop"))
    bins = tuple(
        Bin(low=b / 10, high=(b + 1) / 10, n=n, mean_probability=b / 10 + 0.05, share_fit=s) for b, n, s in BINS
    )
    values = (0.5, None, 0.6, 0.7)
    points = [
        Point(report_id=f"{i}", at=report.created_at + dt.timedelta(days=i), commit=None, branch=None, value=value)
        for i, value in enumerate(values)
    ]
    gates = Gates(
        overall="failed", sentence="", results=(gate("coverage", "failed", 0.61), gate("speed", "skipped", None))
    )
    return report.model_copy(
        update={
            "quorum": report.quorum.model_copy(update={"bins": bins, "n_labelled": sum(n for _, n, _ in BINS)}),
            "gates": Known(value=gates),
            "trends": (trend_of(METRICS["share_accepted"], points),),
        }
    )  # fmt: skip
