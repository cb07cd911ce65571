"""What the command line prints is safe to look at and valid to read."""

from __future__ import annotations

import json

import polars as pl
import pytest

from stemma.cli import show


def test_control_characters_of_a_repository_never_reach_the_terminal() -> None:
    assert "\x1b" not in show.cell("evil\x1b]0;title\x07.py")
    assert show.plain("tab\tstays\nline stays") == "tab\tstays\nline stays"


def test_json_has_null_where_there_is_no_finite_number(capsys: pytest.CaptureFixture[str]) -> None:
    rows = pl.DataFrame({"n": [1.5, float("nan"), float("inf"), None]})
    show.frame(rows, as_json=True)
    assert [row["n"] for row in json.loads(capsys.readouterr().out)] == [1.5, None, None, None]


def test_unknown_is_a_dash() -> None:
    assert show.cell(None) == "–"


def test_a_table_too_wide_for_the_terminal_is_shown_as_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show.console, "_width", 80)
    show.frame(pl.DataFrame({f"column_{n}": ["a value of some length"] for n in range(12)}), as_json=False)
    shown = capsys.readouterr().out
    assert "column_11  a value of some length" in shown
    assert "┏" not in shown
