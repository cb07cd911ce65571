"""`stemma drift` over the marts of the planted world: alpha's copy of fetch misses the fix of the second of January."""

from __future__ import annotations

import json

import pytest

from stemma.cli.drift import Status, drift
from stemma.config import Settings
from stemma.store import marts


@pytest.fixture(autouse=True)
def of_the_planted_world(file_of: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemma.cli.drift.load_settings", lambda: file_of)


def test_a_copy_that_misses_a_fix_is_named_with_both(capsys: pytest.CaptureFixture[str]) -> None:
    drift(as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["copy"], row["source"]) == ("alpha/net.py:fetch", "beta/lib.py:fetch")
    assert (row["status"], row["days_behind"], row["change"]) == ("open", 1.0, "Fix a crash in fetch")


def test_a_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    drift()
    shown = capsys.readouterr().out
    assert "alpha/net.py:fetch" in shown
    assert "days_behind" in shown


def test_where_nothing_is_behind_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    drift(repo="beta")
    drift(repo="no such' OR true --", status=[Status.OPEN])
    drift(status=[Status.CAUGHT_UP, Status.REMOVED], every_change=True)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("No copy misses a") == 3


def test_the_command_knows_every_status_of_the_mart(file_of: Settings) -> None:
    sql = "SELECT comment FROM duckdb_columns() WHERE table_name = 'drift' AND column_name = 'status'"
    comment = marts.query(file_of, sql)["comment"].item()
    assert all(status.value in comment for status in Status)
