"""A report as JSON, Markdown, CSV and SARIF: whole, valid, and never taken for more than text."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stemma import sarif
from stemma.errors import ConfigError
from stemma.quorum.reports import forms
from stemma.quorum.reports.build import build_report
from stemma.quorum.reports.gate_results import read_gates
from stemma.quorum.reports.model import Report
from stemma.quorum.reports.rows import COLUMNS
from stemma.quorum.reports.sarif_log import FINGERPRINT, to_sarif
from stemma.store.postgres import Database

SHOWN = "a|b`</script><img src=x onerror=alert(1)>\N{REPLACEMENT CHARACTER}=cmd()"


@pytest.mark.parametrize("form", forms.FORMS)
def test_every_form_can_be_written_of_much_and_of_nothing(database: Database, full: Report, form: str) -> None:
    database.execute("DELETE FROM stemma.repositories")
    empty = build_report(database)
    assert empty.counts.n_texts == 0
    for report in (full, empty):
        assert forms.write(report, form).endswith(("\n", "\r\n"))


def test_the_form_is_the_one_asked_for_or_the_one_that_the_file_ends_in() -> None:
    assert forms.form_of("csv", Path("a.html")) == "csv"
    assert [forms.form_of(None, Path(name)) for name in ("a.html", "a.SARIF", "b.md", "c")] == [
        "html",
        "sarif",
        "markdown",
        "markdown",
    ]
    with pytest.raises(ConfigError, match="no format"):
        forms.form_of("pdf", None)


def test_json_holds_the_whole_model(full: Report) -> None:
    document = json.loads(forms.write(full, "json"))
    assert document.pop("report_id") == full.report_id
    assert Report.model_validate(document) == full


# --- Markdown --------------------------------------------------------------------------------------------------


def test_markdown_tells_the_whole_of_it_in_the_first_sentence(full: Report) -> None:
    lines = forms.write(full, "markdown").splitlines()
    assert lines[0] == "# Is the code of shop fit to be reused?"
    assert lines[2] == (
        "**Of 6 judged pieces of code, 3 (50.0 %) are accepted, 2 (33.3 %) rejected, and 1 (16.7 %) needs a person's "
        "review. 1 more has no verdict yet.**"
    )
    assert "| python | 5 | 2 | 1 | 1 |" in lines
    assert "| Texts accepted | 70.0 % | ↗ improving (+20.0 percentage points over 3 reports; margin" in "\n".join(lines)


def test_nothing_a_repository_says_becomes_markdown(full: Report) -> None:
    written = forms.write(full, "markdown")
    assert "<img" not in written and "\u202e" not in written
    assert "a\\|b\\`&lt;/script\\>&lt;img src=x" in written
    assert all(line.count(" | ") == 3 for line in written.splitlines() if line.startswith("| coverage"))


# --- CSV -------------------------------------------------------------------------------------------------------


def test_csv_has_a_row_for_each_finding_and_one_for_a_text_without(full: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(forms.write(full, "csv"), newline="")))
    assert list(rows[0]) == list(COLUMNS)
    told = [(row["qualified_name"], row["rule"], row["line"], row["probability"]) for row in rows]
    assert told == [
        ("Shop.wipe", "wipes-a-disk", "12", "0.02"),
        ("Shop.wipe", "shell", "20", "0.02"),
        ("Shop.wipe", "S605", "11", "0.02"),
        ("Shop.hash", "md5", "10", "0.08"),
        ("Shop.guess", "", "", ""),
    ]
    assert rows[-1]["path"] == f"shop/{SHOWN}.py"


def test_a_cell_cannot_be_a_formula(full: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(forms.write(full, "csv"), newline="")))
    assert rows[2]["message"] == "'=os.system"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


# --- SARIF -----------------------------------------------------------------------------------------------------


def test_sarif_is_valid_under_the_official_schema(full: Report) -> None:
    """Run where the schema is at hand: OASIS publishes it at the address that each log names as its `$schema`."""
    named = os.environ.get("STEMMA_SARIF_SCHEMA")
    if not named:
        pytest.skip("STEMMA_SARIF_SCHEMA names no schema file")
    schema = json.loads(Path(named).read_text())
    found = jsonschema.validators.validator_for(schema)(schema).iter_errors(json.loads(forms.write(full, "sarif")))
    assert [error.message for error in found] == []


def run_of(report: Report) -> dict[str, Any]:
    (run,) = to_sarif(report)["runs"]
    return dict(run)


def test_sarif_has_a_result_for_each_finding_held_against_a_text_and_one_for_a_text_without(full: Report) -> None:
    run = run_of(full)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    told = [(result["ruleId"], result["level"]) for result in run["results"]]
    assert told == [
        ("pack/wipes-a-disk", "error"),
        ("pack/shell", "warning"),
        ("ruff/S605", "note"),
        ("pack/md5", "warning"),
        ("stemma/verdict-review", "note"),
    ]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert len({result["partialFingerprints"][FINGERPRINT] for result in run["results"]}) == 5


def test_sarif_places_are_relative_uris_with_the_line_in_the_file(full: Report) -> None:
    places = [result["locations"][0]["physicalLocation"] for result in run_of(full)["results"]]
    assert places[0]["region"] == {"startLine": 12, "endLine": 12}
    assert places[-1]["region"] == {"startLine": 10, "endLine": 20}
    for place in places:
        assert place["artifactLocation"]["uriBaseId"] == sarif.ROOT
        assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", place["artifactLocation"]["uri"])


def test_sarif_says_what_it_left_out(database: Database, full: Report) -> None:
    run = run_of(build_report(database, limit=1))
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "Not told one by one, but counted: 1 rejected and 2 for a person to review."


# --- gates -----------------------------------------------------------------------------------------------------


def test_gates_are_taken_from_what_the_command_printed(tmp_path: Path) -> None:
    result = {"gate": "coverage", "status": "skipped", "is_blocking": True, "sentence": "No report.", "unit": "share"}
    told = result | {"threshold": 0.8, "at_least": True, "score": None, "seconds": 0.0, "n_findings": 0, "findings": []}
    file = tmp_path / "gates.json"
    file.write_text(json.dumps({"format": 1, "since": None, "is_passed": True, "sentence": "", "gates": [told]}))
    gates = read_gates(file)
    assert (gates.overall, gates.results[0].gate, gates.results[0].score.unknown_reason) == (
        "passed",
        "coverage",
        "No report.",
    )


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 2}', b"\xff\xfe", b'{"format": 1, "gates": [{}]}'])
def test_a_file_that_holds_no_gates_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "gates.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gates\.json holds no gate results"):
        read_gates(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_gates(tmp_path / "none.json")
