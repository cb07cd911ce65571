"""`stemma verdict` on a file that nobody indexed; what is told of indexed code is claimed in `tests/quorum`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Stemma

CODE = '''
import subprocess


def wipe():
    subprocess.run("rm -rf /", shell=True)


def total(items, limit):
    """Sum of what costs more than the limit."""
    found = 0
    for item in items:
        if item.price > limit:
            found += item.price
    return found
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def alone(tmp_path: Path) -> Stemma:
    """Without a database: a file on this machine needs none."""
    return Stemma(STEMMA_DATA_DIR=str(tmp_path / "data"))


def test_a_file_is_judged_by_every_member_and_nothing_of_it_is_kept(alone: Stemma, file: Path, tmp_path: Path) -> None:
    called = alone("verdict", "--fresh", str(file), "--json")
    assert called.code == 0
    told = {verdict["qualified_name"]: verdict for verdict in called.json["verdicts"]}
    assert set(told) == {"wipe", "total"}
    assert (told["wipe"]["outcome"], told["wipe"]["decision"]) == ("reject", "refuse")
    votes = {vote["member"]: vote for vote in told["wipe"]["votes"]}
    assert votes["bandit"]["findings"][0]["rule"] == "B602"
    assert votes["bandit"]["seconds"] > 0
    assert votes["bandit"]["member_version"].startswith("bandit ")
    assert not (tmp_path / "data" / "postgres").exists()


def test_one_definition_of_a_file_is_told_with_its_votes(alone: Stemma, file: Path) -> None:
    called = alone("verdict", "--fresh", f"{file}:wipe")
    assert called.code == 0
    assert called.out.startswith("REJECT")
    assert "Vetoed: " in called.out
    assert "B602 line 2" in called.out


def test_a_name_that_a_file_does_not_hold_is_an_error(alone: Stemma, file: Path) -> None:
    called = alone("verdict", "--fresh", f"{file}:nothing")
    assert called.code != 0
    assert "holds no definition called 'nothing'" in called.sentence
