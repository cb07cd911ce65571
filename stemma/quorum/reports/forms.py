"""The forms a report is written in, by name. Each of them is made in a module of its own; JSON is the model's."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from stemma.errors import ConfigError
from stemma.quorum.reports.markdown import to_markdown
from stemma.quorum.reports.model import Report
from stemma.quorum.reports.page import to_page
from stemma.quorum.reports.rows import to_csv
from stemma.quorum.reports.sarif_log import to_sarif

SUFFIXES = {"json": ".json", "markdown": ".md", "html": ".html", "csv": ".csv", "sarif": ".sarif"}
FORMS = tuple(SUFFIXES)


def write(report: Report, form: str) -> str:
    """The report in a form that `form_of` gave, as text that ends in a line end."""
    match form:
        case "json":
            return json.dumps(to_document(report), indent=2, ensure_ascii=False) + "\n"
        case "markdown":
            return to_markdown(report)
        case "html":
            return to_page(report)
        case "csv":
            return to_csv(report)
        case _:
            return json.dumps(to_sarif(report), indent=2) + "\n"


def form_of(form: str | None, file: PurePath | None) -> str:
    """The form that was asked for, or that a file's ending tells; Markdown where neither says.

    Raises:
        ConfigError: there is no such form.
    """
    if form is not None and form not in FORMS:
        raise ConfigError(f"'{form}' is no format of a report.", f"Choose one of {', '.join(FORMS)}.")
    if form is None and file is not None:
        endings = {suffix: name for name, suffix in SUFFIXES.items()} | {".htm": "html", ".markdown": "markdown"}
        return endings.get(file.suffix.lower(), "markdown")
    return form or "markdown"


def to_document(report: Report) -> dict[str, Any]:
    """The JSON form: the model, and its id."""
    document: dict[str, Any] = report.model_dump(mode="json")
    return {"report_id": report.report_id, **document}
