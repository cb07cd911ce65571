"""The coverage gate: what each format says, whose files count, and what no report can do to it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stemma.gates.answers import Answer, CannotTellError
from stemma.gates.coverage import CoverageGate
from tests.gates.conftest import ASKS, MODULE
from tests.repositories import GitRepository

LCOV = "TN:\nSF:{path}\n{lines}end_of_record\n"


@pytest.fixture(autouse=True)
def _no_memory_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for a process that is the gate's own."""
    monkeypatch.setattr("stemma.gates.coverage.bound_memory", lambda: None)


def lcov(path: str, hits: dict[int, int]) -> str:
    return LCOV.format(path=path, lines="".join(f"DA:{line},{count}\n" for line, count in hits.items()))


def answer(ask: ASKS, since: str | None = None, **told: object) -> Answer:
    return CoverageGate().ask(ask(since, coverage=told))


def refusal(ask: ASKS) -> str:
    with pytest.raises(CannotTellError) as error:
        answer(ask)
    return str(error.value)


@pytest.fixture
def measured(checkout: GitRepository) -> GitRepository:
    """The checkout after coverage.py watched its module run: `double` was not called, no number was below 0."""
    run = ["run", f"--data-file={checkout.path / '.coverage'}", "pkg/maths.py"]
    subprocess.run([sys.executable, "-m", "coverage", *run], cwd=checkout.path, check=True, capture_output=True)
    return checkout


# Of the 8 statements lines 3, 8 and 9 were not run: 5 / 8 = 62.5 %.
@pytest.mark.parametrize("report", [None, "json", "xml", "lcov"])
def test_every_format_that_coverage_py_writes_says_the_same(
    measured: GitRepository, ask: ASKS, report: str | None
) -> None:
    if report is not None:
        subprocess.run([sys.executable, "-m", "coverage", report], cwd=measured.path, check=True, capture_output=True)
        (measured.path / ".coverage").unlink()
    found = answer(ask)
    assert (found.score, found.is_met) == (62.5, False)
    (finding,) = found.findings
    assert (finding.path, finding.line) == ("pkg/maths.py", 3)
    assert finding.message == "No test runs 3 of its 8 lines: 3, 8-9."


def test_a_database_is_read_without_the_projects_configuration(
    measured: GitRepository, ask: ASKS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(measured.path)
    measured.write({".coveragerc": "[run]\nplugins = ruin\n[report]\nexclude_also = def sign\n", "ruin.py": "1/0"})
    assert answer(ask).score == 62.5


def test_a_database_from_another_machine_is_read_by_the_ends_of_its_paths(measured: GitRepository, ask: ASKS) -> None:
    with sqlite3.connect(measured.path / ".coverage") as database:
        database.execute("UPDATE file SET path = '/builds/group/project/pkg/maths.py'")
    assert answer(ask).score == 62.5


def test_without_a_report_there_is_nothing_to_judge_by(ask: ASKS) -> None:
    found = answer(ask)
    assert (found.is_met, found.score) == (None, None)
    assert "no coverage report" in found.sentence


def test_the_threshold_itself_is_enough(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": lcov("pkg/maths.py", {1: 1, 2: 7, 3: 0, 4: 1})})
    assert answer(ask, threshold=75).is_met is True
    assert answer(ask, threshold=75.1).is_met is False


@pytest.mark.parametrize("again", ["pkg/maths.py", "./pkg/maths.py"])
def test_a_line_that_any_test_ran_is_run(checkout: GitRepository, ask: ASKS, again: str) -> None:
    checkout.write({"lcov.info": lcov("pkg/maths.py", {1: 0, 2: 0}) + lcov(again, {1: 3})})
    assert answer(ask).score == 50.0


def test_the_newest_report_is_read_and_a_named_one_before_it(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": lcov("pkg/maths.py", {1: 1}), "coverage.lcov": lcov("pkg/maths.py", {1: 0})})
    os.utime(checkout.path / "lcov.info", (1, 1))
    assert answer(ask).score == 0.0
    assert answer(ask, report=Path("lcov.info")).score == 100.0


def test_files_that_are_not_in_the_checkout_do_not_count(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": lcov("pkg/maths.py", {1: 1}) + lcov("/usr/lib/maths.py", {1: 0, 2: 0})})
    found = answer(ask)
    assert found.score == 100.0
    assert "Of its files 1 are not among those judged." in found.sentence


def test_a_report_about_other_files_is_an_error(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": lcov("elsewhere/main.c", {1: 1})})
    assert refusal(ask) == "None of the 1 files in lcov.info is one of those that are judged."


def test_only_lines_that_are_new_are_held_to_the_threshold(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"pkg/maths.py": MODULE + "print(double(2))\nprint(double(3))\n"})
    checkout.write({"lcov.info": lcov("pkg/maths.py", {1: 0, 2: 0, 12: 0, 13: 1, 14: 1})})
    assert answer(ask).score == 40.0
    assert answer(ask, "HEAD").score == 100.0


def test_new_lines_that_no_report_speaks_of_are_unknown(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"pkg/maths.py": MODULE + "# a remark\n", "lcov.info": lcov("pkg/maths.py", {1: 0})})
    assert answer(ask, "HEAD").is_met is None


def test_a_report_older_than_its_files_is_said_to_be(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"lcov.info": lcov("pkg/maths.py", {1: 1})})
    assert answer(ask).reservation is None
    os.utime(checkout.path / "lcov.info", (1, 1))
    assert answer(ask).reservation == "After the report was written 1 file of it changed."


COBERTURA = """<?xml version="1.0"?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage><sources><source>/ci/build/pkg</source></sources><packages><package><classes>
<class filename="maths.py"><methods><method><lines><line number="1" hits="2"/></lines></method></methods>
<lines><line number="1" hits="2"/><line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/></lines>
</class></classes></package></packages></coverage>
"""
BOMB = """<?xml version="1.0"?><!DOCTYPE coverage [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><coverage>&c;</coverage>"""
THIEF = """<?xml version="1.0"?><!DOCTYPE coverage [<!ENTITY x SYSTEM "file:///etc/passwd">]><coverage>&x;</coverage>"""


def test_cobertura_tells_files_below_its_source_folder_and_lines_twice(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"coverage.xml": COBERTURA})
    assert answer(ask).score == 50.0


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("coverage.xml", BOMB, "coverage.xml holds XML entities, which no Cobertura report needs."),
        ("coverage.xml", THIEF, "coverage.xml holds XML entities, which no Cobertura report needs."),
        ("coverage.xml", "<html></html>", "coverage.xml is XML, and no Cobertura report."),
        ("coverage.xml", "<coverage><line number='1'/></coverage>",
         "coverage.xml is not well-formed Cobertura: a line has no number or hits."),
        ("coverage.xml", f"<coverage><line number='{'9' * 40}' hits='1'/></coverage>",
         "coverage.xml is not well-formed Cobertura: a line has no number or hits."),
        ("coverage.xml", "<coverage></coverage>", "coverage.xml names no line that could be run."),
        ("coverage.json", "{", "coverage.json is not valid JSON: "),
        ("coverage.json", '{"a":' * 100_000, "coverage.json is not valid JSON: "),
        ("coverage.json", '{"totals": {}}', "coverage.json is no JSON report of coverage.py: it has no files."),
        ("coverage.json", '{"files": {"a.py": {"executed_lines": ["1"], "missing_lines": []}}}',
         "coverage.json is no JSON report of coverage.py: a file has no executed_lines."),
        ("coverage.json", '{"files": {"\\ud800.py": {"executed_lines": [1], "missing_lines": []}}}',
         "None of the 1 files in coverage.json is one of those that are judged."),
        ("lcov.info", "SF:pkg/maths.py\nDA:x,1\n", "lcov.info is not well-formed lcov: line 2 cannot be read."),
        ("lcov.info", "TN:\nDA:1,1\n", "lcov.info is not well-formed lcov: line 2 cannot be read."),
        ("lcov.info", "", "lcov.info is no report of coverage.py, lcov or Cobertura."),
        ("lcov.info", "\0\1\2", "lcov.info is no report of coverage.py, lcov or Cobertura."),
        (".coverage", "SQLite format 3\0" + "x" * 200, ".coverage is no database that coverage.py can read."),
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_used_is_refused_in_one_sentence(
    checkout: GitRepository, ask: ASKS, name: str, content: str, sentence: str
) -> None:
    checkout.write({name: content})
    said = refusal(ask)
    assert said.startswith(sentence) and said.endswith(".") and len(said) < 300


def test_a_report_of_100_mb_is_not_read(checkout: GitRepository, ask: ASKS) -> None:
    with (checkout.path / "coverage.json").open("wb") as file:
        file.truncate(100 * 10**6)
    assert refusal(ask) == "coverage.json is larger than 64 MiB, more than is read of a report."


def test_a_report_that_is_a_link_or_a_folder_is_not_followed(checkout: GitRepository, ask: ASKS) -> None:
    (checkout.path / "lcov.info").symlink_to("/etc/passwd")
    assert refusal(ask).startswith("lcov.info cannot be read: ")
    (checkout.path / "lcov.info").unlink()
    (checkout.path / "lcov.info").mkdir()
    assert refusal(ask).startswith("lcov.info cannot be read: ")


def test_a_named_report_that_is_missing_is_an_error(ask: ASKS) -> None:
    with pytest.raises(CannotTellError, match=r"There is no report out/lcov\.info\."):
        answer(ask, report=Path("out/lcov.info"))
