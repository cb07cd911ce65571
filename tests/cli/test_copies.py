"""`stemma clones` and `stemma similar` as a pipeline and a person call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.match.publish import publish_index
from stemma.store.postgres import Database
from tests.cli.conftest import PROJECT, Called, Stemma
from tests.match.indexed import PARSE, ingest
from tests.repositories import GitRepository

GATE, WRONG, MISSING = 5, 2, 7
RENAMED = PARSE.replace("parse_header", "read_field").replace("line", "row")


@pytest.fixture
def bare(tmp_path: Path) -> Stemma:
    """The command where nothing was ever run: no database, no data folder."""
    return Stemma(STEMMA_DATA_DIR=str(tmp_path / "never"), STEMMA_WORKERS="1")


@pytest.fixture
def checkout(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "checkout")
    repository.commit("First", {"a.py": PARSE, "b.py": PARSE})
    return repository


def test_clones_are_told_to_people_without_a_database(bare: Stemma, checkout: GitRepository, tmp_path: Path) -> None:
    checkout.write(
        {
            "odd\x1b[31m.py": PARSE.replace("parse_header", "parse\N{LATIN SMALL LETTER E WITH ACUTE}"),
            "bin.py": b"\0",
            "tests/test_a.py": PARSE,
            "vendor/a.py": PARSE,
        }
    )
    told = bare("clones", str(checkout.path))
    assert told.code == 0
    assert "type-2  parse_header  3 × 6 lines" in told.out
    assert "  a.py:2-7  parse_header" in told.out
    assert "\x1b" not in told.out  # neither colours without a terminal nor what a file name smuggles
    assert "1 clone classes, 3 members; 18 of" in told.out
    assert "1 files were not read whole: bin.py (binary)" in told.out
    assert "of files 1 of tests, 1 vendored or generated." in told.out
    assert not (tmp_path / "never").exists()


def test_clones_as_json_hold_all_there_is(bare: Stemma, checkout: GitRepository) -> None:
    told = bare("clones", str(checkout.path), "--format", "json").json
    (found,) = told["classes"]
    assert (found["clone_type"], found["n_members"], found["n_duplicated_lines"]) == ("type-1", 2, 6)
    assert [(place["path"], place["start_line"], place["end_line"]) for place in found["members"]] == [
        ("a.py", 2, 7), ("b.py", 2, 7)
    ]  # fmt: skip
    assert told["files"][0] == {"path": "a.py", "language": "python", "n_lines": 7, "n_duplicated_lines": 6}
    assert (told["counts"]["classes"], told["counts"]["duplicated_lines"], told["problems"]) == (1, 12, [])


def test_a_pipeline_fails_on_new_clones_and_only_on_those(
    bare: Stemma, checkout: GitRepository, tmp_path: Path
) -> None:
    since = ("clones", str(checkout.path), "--new-since", "HEAD", "--fail-on", "1")
    assert bare(*since).code == 0
    checkout.write({"c.py": RENAMED})
    failed = bare(*since)
    assert failed.code == GATE
    assert "c.py:2-7  read_field  new" in failed.out
    assert "1 new clone classes were found; --fail-on allows 0." in failed.sentence
    assert bare(*since[:-1], "2").code == 0
    log = tmp_path / "log.sarif"
    assert bare(*since, "--format", "sarif", "--output", str(log)).code == GATE  # written all the same
    (result,) = json.loads(log.read_text())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "c.py"
    assert len(result["relatedLocations"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--type", "4"), WRONG, "names no clone types"),
        (("--format", "xml"), WRONG, "is no format"),
        (("--new-since", "nowhere"), WRONG, "There is no revision 'nowhere'"),
        (("--output", "/nowhere/at/all.txt"), WRONG, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    bare: Stemma, checkout: GitRepository, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    told = bare("clones", str(checkout.path), *arguments)
    assert (told.code, sentence in told.sentence, "Next:" in told.sentence) == (code, True, True)


def test_a_place_that_is_not_there_is_not_found(bare: Stemma, tmp_path: Path) -> None:
    assert bare("clones", str(tmp_path / "nowhere")).code == MISSING


def ask(stemma: Stemma, text: str, *arguments: str) -> Called:
    done = subprocess.run(
        [sys.executable, "-m", "stemma", "similar", "-", *arguments],
        cwd=PROJECT, env=stemma.environment, input=text, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Called(done.returncode, done.stdout, done.stderr)


def test_similar_asks_postgres_where_there_is_no_index_and_says_so(
    stemma: Stemma, database: Database, settings: Settings, checkout: GitRepository
) -> None:
    ingest(database, settings, checkout.path)
    first = ask(stemma, RENAMED, "--language", "python")
    assert first.code == 0
    assert "Asked Postgres instead, without vectors. Run: stemma run" in first.sentence
    assert "type-2" in first.out
    assert "project/a.py:2 parse_header" in first.out
    assert "What does the same in other languages is unknown: it takes vectors." in " ".join(first.out.split())
    publish_index(database, None, settings)
    differs = ask(stemma, RENAMED, "--explain").out.splitlines()
    assert {"- def read_field(row, separator):", "+ def parse_header(line, separator):"} <= set(differs)
    assert not any("return name" in line for line in differs)  # the same in both
    second = ask(stemma, RENAMED, "--json")
    assert (second.code, second.err) == (0, "")
    (row,) = second.json
    assert (row["clone_type"], [place["path"] for place in row["places"]]) == ("type-2", ["a.py", "b.py"])
    assert ask(stemma, "def f(a):\n    return a\n").out.startswith("No copy of it among 1 patterns")
