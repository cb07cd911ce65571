"""Reports that are kept: saved, listed, read again, deleted, and their figures in order of time.

What a report says is in `model`; which way its figures go is decided in `trends`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.quorum.reports.model import FORMAT, Point, Report, Trend
from stemma.quorum.reports.trends import METRICS, metrics_of, trend_of
from stemma.store.postgres import Database
from stemma.tables import polars_schema, reports

MIN_ID_DIGITS = 6
MAX_POINTS = 500

_LISTED = """
SELECT report_id, created_at, kind, name, sha, branch, metrics::text AS metrics FROM stemma.reports
WHERE ($1 = '' OR repo_id = $1) AND ($2 = '' OR branch = $2)
ORDER BY created_at DESC, report_id LIMIT $3
"""
_FOUND = """
SELECT report_id, content::text AS content, content ->> 'format' AS format FROM stemma.reports
WHERE report_id LIKE $1 || '%' ORDER BY report_id LIMIT 2
"""
# Of several reports on one commit the last counts: rules and members change, and one commit is one point. Commits
# stand in the order of history where it is known, and reports without one in that of their making.
_POINTS = """
SELECT report_id, coalesce(c.committed_at, r.created_at) AS at, r.sha AS commit, r.branch, r.metrics::text AS metrics
FROM (
    SELECT DISTINCT ON (coalesce(sha, report_id)) * FROM stemma.reports
    WHERE kind = $1 AND ($2 = '' OR repo_id = $2) AND ($3 = '' OR name = $3) AND ($4 = '' OR branch = $4)
        AND ($5::timestamptz IS NULL OR created_at < $5)
    ORDER BY coalesce(sha, report_id), created_at DESC, report_id
) AS r
LEFT JOIN stemma.commits c ON c.repo_id = r.repo_id AND c.sha = r.sha
ORDER BY at DESC, c.position DESC NULLS LAST, r.created_at DESC LIMIT $6
"""


@dataclass(frozen=True)
class About:
    """Which reports belong together: those of a repository, of a folder by its name, or of everything."""

    kind: str = "all"
    repo_id: str = ""
    name: str = ""
    branch: str = ""

    @classmethod
    def of(cls, report: Report) -> About:
        """Reports on the same, and on the same branch where it is known."""
        subject = report.subject
        name = subject.name if subject.kind == "folder" else ""
        return cls(subject.kind, subject.repo_id or "", name, subject.branch.value or "")


def save(db: Database, report: Report) -> bool:
    """Keep a report; False where the same one is kept already."""
    subject = report.subject
    row = {
        "report_id": report.report_id,
        "created_at": report.created_at,
        "kind": subject.kind,
        "name": subject.name,
        "repo_id": subject.repo_id,
        "sha": subject.commit.value,
        "branch": subject.branch.value,
        "metrics": json.dumps(metrics_of(report)),
        "content": report.content(),
    }
    return db.insert(reports, pl.DataFrame([row], schema=polars_schema(reports)), on_conflict="nothing") == 1


def list_reports(db: Database, repo_id: str | None = None, branch: str | None = None, limit: int = 100) -> pl.DataFrame:
    """report_id, created_at, kind, name, sha, branch and the metrics as columns; the newest first."""
    rows = db.read(_LISTED, [repo_id or "", branch or "", limit])
    return _with_metrics(rows)


def load(db: Database, report_id: str) -> Report:
    """The report of an id, or of its first digits, with trends as they stood when it was made.

    Raises:
        NotFoundError: there is none.
        ConfigError: there are several, or it is of a format that this version does not read.
    """
    row = _find(db, report_id)
    if row["format"] != str(FORMAT):
        raise ConfigError(
            f"Report {row['report_id']} is of format {row['format']}; this version of Stemma reads {FORMAT}.",
            "Make it anew: stemma report make",
        )
    return with_trends(db, Report.model_validate_json(row["content"]))


def delete(db: Database, report_id: str) -> str:
    """Delete a report; returns its whole id.

    Raises:
        NotFoundError: there is none.
        ConfigError: the digits are those of several.
    """
    found = str(_find(db, report_id)["report_id"])
    db.execute("DELETE FROM stemma.reports WHERE report_id = $1", [found])
    return found


def _find(db: Database, report_id: str) -> dict[str, str]:
    digits = report_id.strip().lower()
    if len(digits) < MIN_ID_DIGITS or not all(digit in "0123456789abcdef" for digit in digits):
        raise ConfigError(
            f"'{report_id}' is no report's id.", f"Give its first {MIN_ID_DIGITS} digits or more: stemma report list"
        )
    found = db.read(_FOUND, [digits])
    if found.is_empty():
        raise NotFoundError(f"No saved report has an id that begins with {digits}.", "See: stemma report list")
    if len(found) > 1:
        raise ConfigError(f"Several reports have an id that begins with {digits}.", "Give more of its digits.")
    return found.row(0, named=True)


def trends(db: Database, about: About, metrics: tuple[str, ...] = tuple(METRICS)) -> tuple[Trend, ...]:
    """The trends of saved reports on one subject.

    Raises:
        ConfigError: a metric is not known.
    """
    return _trends(metrics, _points(db, about, None))


def with_trends(db: Database, report: Report) -> Report:
    """The report with the trends that lead to it: of saved reports before it, and its own figures at the end."""
    before = _points(db, About.of(report), report)
    own = Point(
        report_id=report.report_id,
        at=report.subject.committed_at.value or report.created_at,
        commit=report.subject.commit.value,
        branch=report.subject.branch.value,
        value=None,
    )
    kept = [(point, figures) for point, figures in before if not _is_same(point, own)]
    found = _trends(tuple(METRICS), [*kept, (own, metrics_of(report))])
    return report.model_copy(update={"trends": found})


def _is_same(point: Point, own: Point) -> bool:
    return point.report_id == own.report_id or (own.commit is not None and point.commit == own.commit)


_Points = list[tuple[Point, dict[str, float | None]]]


def _points(db: Database, about: About, before: Report | None) -> _Points:
    """Points without a value, oldest first, each with the figures of its report."""
    parameters = [about.kind, about.repo_id, about.name, about.branch, before.created_at if before else None]
    rows = db.read(_POINTS, [*parameters, MAX_POINTS])
    return [
        (Point(**{name: row[name] for name in ("report_id", "at", "commit", "branch")}, value=None), figures)
        for row in reversed(rows.to_dicts())
        if isinstance(figures := json.loads(row["metrics"]), dict)
    ]


def _trends(metrics: tuple[str, ...], points: _Points) -> tuple[Trend, ...]:
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ConfigError(f"No figure is called {unknown[0]!r}.", f"They are: {', '.join(METRICS)}.")
    return tuple(
        trend_of(METRICS[name], [point.model_copy(update={"value": figures.get(name)}) for point, figures in points])
        for name in metrics
    )


def _with_metrics(rows: pl.DataFrame) -> pl.DataFrame:
    figures = rows["metrics"].str.json_decode(
        pl.Struct({name: pl.Int64 if name.startswith("n_") else pl.Float64 for name in METRICS})
    )
    return rows.drop("metrics").hstack(figures.struct.unnest())
