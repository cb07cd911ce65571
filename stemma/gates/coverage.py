"""The coverage gate: how much of the checkout the tests ran, by a report that they left.

What the formats say lives in `coverage_reports`. Without a report the gate is skipped: nothing is run here.
"""

from __future__ import annotations

import polars as pl

from stemma.gates.answers import Answer, Asked, CannotTellError, Finding, counted
from stemma.gates.coverage_reports import PLACES, in_checkout, read_lines
from stemma.gates.reports import Report, bound_memory, find_report
from stemma.git.worktree import read_mtimes
from stemma.ids import content_id

RUNS_SHOWN = 8


class CoverageGate:
    """Percentage of the lines that could be run which tests ran, files of the checkout alone."""

    def ask(self, asked: Asked) -> Answer:
        bound_memory()
        told = asked.settings.gates.coverage
        root = asked.worktree.root
        report = find_report(root, told.report, PLACES)
        if report is None:
            return Answer(None, "There is no coverage report in the usual places; name one as gates.coverage.report.")
        known = frozenset(asked.worktree.files["path"])
        lines = read_lines(report, root, known)
        n_files = lines["path"].n_unique()
        lines = _here(lines, asked, known)
        if lines.is_empty():
            raise CannotTellError(f"None of the {n_files:,} files in {report.name} is one of those that are judged.")
        n_left_out = n_files - lines["path"].n_unique()
        if asked.new_lines is not None:
            lines = _only_new(lines, asked.new_lines)
            if lines.is_empty():
                return Answer(None, f"None of the new lines is one that {report.name} says could be run.")
        return _answer(report, lines, asked, told.threshold, n_left_out)


COVERAGE = CoverageGate()


def _here(lines: pl.DataFrame, asked: Asked, known: frozenset[str]) -> pl.DataFrame:
    """The lines of files that are judged, under their paths in the checkout."""
    told = lines["path"].unique()
    places = [in_checkout(path, asked.worktree.root, known) for path in told]
    names = pl.DataFrame({"path": told, "place": pl.Series(places, dtype=pl.String)}).drop_nulls()
    return (
        lines.join(names, on="path")
        .group_by(path=pl.col("place"), line=pl.col("line"))
        .agg(pl.col("is_run").any())
        .sort("path", "line")
    )


def _only_new(lines: pl.DataFrame, new_lines: pl.DataFrame) -> pl.DataFrame:
    touched = lines.join(new_lines, on="path").filter(pl.col("line").is_between("start_line", "end_line"))
    return touched.select("path", "line", "is_run").unique(["path", "line"]).sort("path", "line")


def _answer(report: Report, lines: pl.DataFrame, asked: Asked, threshold: float, n_left_out: int) -> Answer:
    n_run, n_lines = int(lines["is_run"].sum()), lines.height
    score = 100 * n_run / n_lines
    new = " new" if asked.new_lines is not None else ""
    left = f" Of its files {n_left_out:,} are not among those judged." if n_left_out else ""
    sentence = f"Tests ran {n_run:,} of {n_lines:,}{new} lines ({score:.1f} %), says {report.name}.{left}"
    return Answer(
        is_met=score >= threshold,
        sentence=sentence,
        score=round(score, 2),
        findings=_findings(lines, threshold),
        reservation=_staleness(report, lines["path"].unique(), asked),
    )


def _staleness(report: Report, paths: pl.Series, asked: Asked) -> str | None:
    written = report.written_at.timestamp()
    n_newer = sum(changed > written for changed in read_mtimes(asked.worktree.root, paths))
    if not n_newer:
        return None
    return f"After the report was written {counted(n_newer, 'file')} of it changed."


def _findings(lines: pl.DataFrame, threshold: float) -> tuple[Finding, ...]:
    """The files below the threshold, those with most lines that no test ran first."""
    files = (
        lines.group_by("path")
        .agg(
            n_lines=pl.len(),
            n_run=pl.col("is_run").sum(),
            missing=pl.col("line").filter(~pl.col("is_run")).sort(),
        )
        .filter(100 * pl.col("n_run") < threshold * pl.col("n_lines"))
        .sort(pl.col("n_lines") - pl.col("n_run"), "path", descending=[True, False])
    )
    return tuple(
        Finding(
            rule="coverage/untested",
            severity="low",
            path=row["path"],
            line=row["missing"][0],
            message=f"No test runs {row['n_lines'] - row['n_run']:,} of its {row['n_lines']:,} lines: "
            f"{_runs(row['missing'])}.",
            key=content_id("coverage/untested", row["path"]),
        )
        for row in files.iter_rows(named=True)
    )


def _runs(lines: list[int]) -> str:
    """`3-7, 9, 20-21 and 4 more places`, of sorted line numbers."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    told = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs[:RUNS_SHOWN])
    return told if len(runs) <= RUNS_SHOWN else f"{told} and {len(runs) - RUNS_SHOWN} more places"
