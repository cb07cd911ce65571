"""A report as CSV (RFC 4180): a row for each finding, and one for each text that has none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from stemma.quorum.reports.model import Finding, JudgedText, Report
from stemma.readable import readable

COLUMNS = (
    *("outcome", "decision", "probability", "language", "kind", "qualified_name", "repository", "path", "start_line"),
    *("end_line", "n_places", "reason", "member", "vote", "rule", "severity", "line", "message", "pattern_id"),
    *("exact_hash", "decided_at"),
)
_MAX_CHARS = 1_000
# A spreadsheet takes these for the beginning of a formula, which may run programs (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@")


def to_csv(report: Report) -> str:
    """The texts that were not accepted, with their findings. Unknown is empty; text that a spreadsheet would take for
    a formula is preceded by an apostrophe."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(COLUMNS)
    for text in report.texts:
        table.writerows(_rows(text))
    return written.getvalue()


def _rows(text: JudgedText) -> Iterator[list[str | int | float | None]]:
    place = text.places[0]
    findings: tuple[Finding | None, ...] = text.findings or (None,)
    for finding in findings:
        values: dict[str, str | int | float | None] = {
            **text.model_dump(include={"outcome", "decision", "language", "kind", "qualified_name", "reason"}),
            **text.model_dump(include={"n_places", "pattern_id", "exact_hash"}),
            **place.model_dump(),
            **(finding.model_dump() if finding else {}),
            "probability": text.probability.value,
            "decided_at": text.decided_at.isoformat(),
        }
        yield [_cell(values.get(name)) for name in COLUMNS]


def _cell(value: str | float | None) -> str | int | float | None:
    if not isinstance(value, str):
        return value
    plain = readable(value, _MAX_CHARS)
    return f"'{plain}" if plain.lstrip().startswith(_FORMULA) else plain
