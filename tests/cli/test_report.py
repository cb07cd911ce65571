"""`stemma report` as a user calls it: made, written, kept, listed, shown, followed, deleted, and refused."""

from __future__ import annotations

import json
from pathlib import Path

from stemma.store.postgres import Database
from tests.cli.conftest import Stemma
from tests.quorum.reports.planted import plant


def test_a_report_is_made_kept_shown_and_deleted(stemma: Stemma, database: Database, tmp_path: Path) -> None:
    plant(database)
    page = tmp_path / "report.html"
    page.write_text("what stood here before")
    made = stemma("report", "make", "shop", "--output", str(page), "--save")
    assert made.code == 0 and page.read_text().startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["report.html"]
    report_id = made.err.rsplit("Saved: ", 1)[1].split()[0]
    again = stemma("report", "make", "shop", "--save", "--format", "json")
    assert "This report was saved before" in again.err and again.json["report_id"] == report_id

    assert report_id[:12] in stemma("report", "list", "shop").out
    shown = stemma("report", "show", report_id[:8], "--format", "csv")
    assert shown.out.splitlines()[1].startswith("reject,refuse,0.02,python")
    assert report_id in stemma("report", "delete", report_id[:8]).out
    assert stemma("report", "show", report_id).code == 7


def test_without_a_repository_it_is_about_all_and_gates_are_taken_in(
    stemma: Stemma, database: Database, tmp_path: Path
) -> None:
    plant(database)
    gates = tmp_path / "gates.json"
    gates.write_text(json.dumps({"format": 1, "is_passed": False, "sentence": "No.", "gates": []}))
    document = stemma("report", "make", "--format", "json", "--limit", "1", "--gates", str(gates)).json
    assert document["gates"]["value"]["overall"] == "failed"
    assert document["subject"]["kind"] == "all" and document["counts"]["n_texts"] == 8
    assert len(document["texts"]) == 1 and document["n_left_out"] == {"reject": 1, "needs_review": 2}


def test_too_few_reports_tell_of_no_direction(stemma: Stemma, database: Database) -> None:
    plant(database)
    (trend,) = stemma("report", "trend", "shop", "--metric", "share_rejected", "--json").json
    assert trend["movement"] == "unknown" and trend["change"]["unknown_reason"]
    table = " ".join(stemma("report", "trend", "shop").out.split())
    assert "share_rejected" in table and "0 saved reports have this figure; a direction takes 3" in table


def test_what_cannot_be_done_is_one_sentence(stemma: Stemma, database: Database, tmp_path: Path) -> None:
    assert stemma("report", "list").out.startswith("No report was saved.")
    for code, sentence, arguments in (
        (2, "is no format of a report", ("make", "--format", "pdf")),
        (2, "cannot be written", ("make", "--output", str(tmp_path / "none" / "a.html"))),
        (7, "No saved report", ("delete", "abcdef")),
    ):
        called = stemma("report", *arguments)
        assert called.code == code and sentence in called.sentence, called


def test_a_folder_is_judged_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("def name(self):\n    return self._name\n")
    called = Stemma(STEMMA_DATA_DIR=str(tmp_path / "data"))("report", "make", str(tmp_path / "code"))
    assert called.code == 0 and called.out.startswith("# Is the code of code fit to be reused?")
    assert not (tmp_path / "data" / "postgres").exists()
