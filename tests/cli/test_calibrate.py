"""`stemma calibrate` as a user calls it; what it learns is claimed in `tests/quorum/test_refit.py`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Stemma


def test_without_labels_it_says_what_it_takes(stemma: Stemma) -> None:
    called = stemma("calibrate")
    assert called.code == 0
    assert "Too few labels: 0 texts with votes are labelled" in called.out
    assert stemma("calibrate", "--json").json["is_learned"] is False


def test_lines_that_cannot_be_read_are_told_and_stop_nothing(stemma: Stemma, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("place,is_fit\nnowhere.py:\x1b[31mf,true\nx.py:f,perhaps\n")
    called = stemma("calibrate", "--labels", str(file))
    assert called.code == 0
    lines = [line for line in called.out.splitlines() if " of labels.csv is left out: " in line]
    assert [line[:6] for line in lines] == ["Line 2", "Line 3"]
    assert "\x1b" not in called.out
    assert "2 labels read, 0 of them new." in called.out


def test_a_file_that_is_not_there_is_one_sentence(stemma: Stemma, tmp_path: Path) -> None:
    called = stemma("calibrate", "--labels", str(tmp_path / "none.csv"))
    assert called.code == 2
    assert "none.csv cannot be read" in called.sentence
