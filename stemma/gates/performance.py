"""The performance gate: whether benchmarks became slower than they were, beyond a margin and beyond their noise.

A benchmark is held against the median of its earlier medians on the same machine, those left out that were slower. It
became slower where the ratio passes the threshold and the difference is more than `NOISE` standard errors: those of
both medians, the earlier ones' from their spread between runs where there are enough of them. What formats say lives in
`benchmarks`, what ran before in `history`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from stemma.gates.answers import Answer, Asked, Finding, counted
from stemma.gates.benchmarks import PLACES, BenchmarkRun, Measured, read_benchmarks
from stemma.gates.history import Recorded, alone, history_file, read_history, recorded_now, write_history
from stemma.gates.reports import Report, bound_memory, find_report
from stemma.ids import content_id

NOISE = 3.0
COMPARED = 10
"""Earlier runs a benchmark is held against, the last ones."""
_ENOUGH = 3  # runs, to tell their spread
_DEVIATION_OF_MAD = 1.4826  # of a normal sample


@dataclass(frozen=True)
class Comparison:
    """One benchmark against its history."""

    name: str
    before_s: float
    now_s: float
    noise_s: float | None
    n_runs: int

    @property
    def ratio(self) -> float:
        return self.now_s / self.before_s

    def is_slower(self, threshold: float) -> bool:
        """Whether it is beyond the margin, and beyond the noise where that is known."""
        is_beyond = self.noise_s is None or self.now_s - self.before_s > NOISE * self.noise_s
        return self.ratio > threshold and is_beyond


class PerformanceGate:
    """The largest ratio of a benchmark's median to that of its history."""

    def ask(self, asked: Asked) -> Answer:
        bound_memory()
        told = asked.settings.gates.performance
        report = find_report(asked.worktree.root, told.report, PLACES)
        if report is None:
            where = "name one as gates.performance.report"
            return Answer(None, f"There is no benchmark file in the usual places; {where}.")
        run = read_benchmarks(report)
        path = history_file(asked.worktree.root, asked.settings)
        with alone(path):
            before = read_history(path)
            others = [recorded for recorded in before if recorded.digest != run.digest]
            compared = compare(run, others)
            if asked.accepts_slower or len(others) == len(before):
                slower = [comparison.name for comparison in compared if comparison.is_slower(told.threshold)]
                write_history(path, others, recorded_now(run, slower, is_accepted=asked.accepts_slower))
        return _answer(report, run, compared, others, told.threshold)


PERFORMANCE = PerformanceGate()


def compare(run: BenchmarkRun, before: Sequence[Recorded]) -> list[Comparison]:
    """Those of the benchmarks that have a history on this machine, the worst first.

    Since a run that was accepted as it was, only later ones and itself count.
    """
    accepted = max((number for number, recorded in enumerate(before) if recorded.is_accepted), default=0)
    usable = [
        {measured.name: measured for measured in recorded.measures()}
        for recorded in before[accepted:]
        if recorded.run.machine == run.machine
    ]
    compared = []
    for now in run.benchmarks:
        earlier = [measured for benchmarks in usable if (measured := benchmarks.get(now.name))][-COMPARED:]
        if earlier:
            compared.append(_compare(now, earlier))
    return sorted(compared, key=lambda comparison: (-comparison.ratio, comparison.name))


def _compare(now: Measured, earlier: Sequence[Measured]) -> Comparison:
    medians = [measured.median_s for measured in earlier]
    middle = median(medians)
    error: float | None
    if len(medians) >= _ENOUGH:
        # Of one run, not of their median: the run that is judged is as likely to be off as any of them was.
        error = _DEVIATION_OF_MAD * median(abs(value - middle) for value in medians)
    else:
        known = [measured.error_s for measured in earlier if measured.error_s is not None]
        error = max(known) if known else None
    parts = [part for part in (error, now.error_s) if part is not None]
    return Comparison(now.name, middle, now.median_s, math.hypot(*parts) if parts else None, len(medians))


def _answer(
    report: Report,
    run: BenchmarkRun,
    compared: Sequence[Comparison],
    before: Sequence[Recorded],
    threshold: float,
) -> Answer:
    n_first = len(run.benchmarks) - len(compared)
    if not compared:
        why = "No earlier run is of this machine and these benchmarks" if before else "It is the first run"
        return Answer(
            None, f"{why}: {counted(n_first, 'benchmark')} of {report.name} recorded, to hold later runs against."
        )
    slower = [comparison for comparison in compared if comparison.is_slower(threshold)]
    worst = compared[0]
    within = "" if slower or worst.ratio <= threshold else ", within its noise"
    first = f" {n_first:,} more had no run before on this machine." if n_first else ""
    return Answer(
        is_met=not slower,
        sentence=f"{len(slower):,} of {counted(len(compared), 'benchmark')} became slower than {threshold:g} ×; the "
        f"worst is at {worst.ratio:.2f} ×{within}, says {report.name}.{first}",
        score=round(worst.ratio, 4),
        findings=tuple(_finding(comparison) for comparison in slower),
        reservation=_reservation(run, compared, before),
    )


def _reservation(run: BenchmarkRun, compared: Sequence[Comparison], before: Sequence[Recorded]) -> str | None:
    told = []
    same = [recorded for recorded in before if recorded.run.machine == run.machine]
    gone = {measured.name for measured in same[-1].run.benchmarks} - {measured.name for measured in run.benchmarks}
    if gone:
        told.append(f"This run lacks {counted(len(gone), 'benchmark')} of the run before, as {min(gone)}.")
    if n_unknown := sum(comparison.noise_s is None for comparison in compared):
        told.append(f"The noise of {counted(n_unknown, 'benchmark')} is unknown, which ran but once.")
    return " ".join(told) or None


def _finding(comparison: Comparison) -> Finding:
    runs = "the run before" if comparison.n_runs == 1 else f"the median of {comparison.n_runs} runs before"
    return Finding(
        rule="performance/slower",
        severity="medium",
        path=None,
        line=None,
        message=f"{comparison.name} took {_time(comparison.now_s)}, {comparison.ratio:.2f} × {runs} "
        f"({_time(comparison.before_s)}).",
        key=content_id("performance/slower", comparison.name),
    )


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
