"""The gates that judge code: which texts count, where findings stand, and what silence is worth."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from stemma.gates.answers import Answer, CannotTellError
from stemma.gates.judged import COMPLIANCE, QUALITY, SECURITY
from stemma.gates.run import run_gates
from stemma.quorum.members.base import FILES, FINDINGS, Family, votes_from
from stemma.quorum.process import Limits, NoAnswerError
from tests.gates.conftest import ASKS
from tests.repositories import GitRepository

CLEAN = """\
def clean(x):
    y = x + 1
    return y
"""
DANGEROUS = """\
class Runner:
    def run(self, command):
        danger(command)
        return 1
"""


class Reader:
    """A member that fails the lines on which `danger` stands, remarks on others, and is silent about `dark` files."""

    name = "reader"
    languages = frozenset({"python"})
    is_lasting = True

    def __init__(self, family: Family = "security", *, is_broken: bool = False) -> None:
        self.family: Family = family
        self.is_broken = is_broken

    def version(self) -> str:
        return "1"

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        if self.is_broken:
            raise NoAnswerError("it broke")
        files = batch["file"].unique().to_list()
        lines = [
            (file, number, line)
            for file in files
            for number, line in enumerate((folder / FILES / file).read_text().splitlines(), 1)
        ]
        found = [
            (file, word, severity, number, None, f"{word} is here", word == "danger")
            for file, number, line in lines
            for word, severity in (("danger", "high"), ("remark", "low"))
            if word in line
        ]
        dark = {file: "cannot vouch: it is dark" for file, _, line in lines if "dark" in line}
        return votes_from(batch, pl.DataFrame(found, schema=FINDINGS, orient="row"), unread=dark)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    member = Reader()
    monkeypatch.setattr("stemma.gates.judged.open_members", lambda _: (member,))
    return member


def test_texts_that_a_member_fails_are_counted_with_what_stands_outside_them(
    checkout: GitRepository, ask: ASKS, reader: Reader
) -> None:
    """Class and method fail, the file does not: of maths.py two functions and the file, of code.py three and it."""
    checkout.write({"code.py": CLEAN + DANGEROUS})
    found = SECURITY.ask(ask())
    assert (found.is_met, found.score) == (False, 2.0)
    assert found.sentence == "2 of 7 texts fail."
    (finding,) = found.findings  # in the method, and so in its class: told once
    assert (finding.rule, finding.severity, finding.path, finding.line) == (
        "security/reader/danger", "high", "code.py", 6,
    )  # fmt: skip
    assert finding.message == "danger is here"


def test_code_outside_every_definition_is_judged_too(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    checkout.write({"script.py": CLEAN + "\n\ndanger(clean(1))  # remark\n"})
    found = SECURITY.ask(ask())
    assert found.score == 1.0
    assert [(finding.path, finding.line, finding.rule) for finding in found.findings] == [
        ("script.py", 6, "security/reader/danger")
    ]


def test_a_file_does_not_fail_once_more_for_what_its_definitions_fail_for(
    checkout: GitRepository, ask: ASKS, reader: Reader
) -> None:
    checkout.write({"code.py": DANGEROUS + "\nprint(1)  # remark\n"})
    assert SECURITY.ask(ask()).score == 2.0
    checkout.write({"code.py": DANGEROUS + "\ndanger(1)\n"})
    found = SECURITY.ask(ask())
    assert found.score == 3.0
    assert [finding.line for finding in found.findings] == [3, 6]


def test_only_what_touches_new_lines_counts(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    checkout.commit("Old dangers", {"old.py": "danger(0)\n\n\n" + DANGEROUS, "other.py": DANGEROUS})
    assert SECURITY.ask(ask()).score == 5.0
    assert SECURITY.ask(ask("HEAD")).is_met is None  # nothing is new
    checkout.write({"old.py": "danger(0)\nprint(0)\n\n" + DANGEROUS})
    assert SECURITY.ask(ask("HEAD")).score == 0.0
    checkout.write({"old.py": "danger(0)\ndanger(2)\n\n" + DANGEROUS})
    found = SECURITY.ask(ask("HEAD"))
    assert [(finding.path, finding.line) for finding in found.findings] == [("old.py", 2)]
    checkout.write({"old.py": "danger(0)\n\n\n" + DANGEROUS.replace("return 1", "return 2")})
    assert SECURITY.ask(ask("HEAD")).sentence == "2 of 3 texts with new lines fail."


def test_a_text_is_found_in_every_place_it_stands(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    checkout.write({"a.py": DANGEROUS, "b.py": "\n" + DANGEROUS})
    assert [(finding.path, finding.line) for finding in SECURITY.ask(ask()).findings] == [("a.py", 3), ("b.py", 4)]


def test_tests_and_vendored_files_are_left_out_unless_asked_for(
    checkout: GitRepository, ask: ASKS, reader: Reader
) -> None:
    checkout.write({"tests/test_a.py": DANGEROUS, "vendor/b.py": DANGEROUS})
    assert SECURITY.ask(ask()).score == 0.0
    assert SECURITY.ask(ask(tests=True)).score == 2.0


def test_a_share_counts_what_was_judged(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    """Of sign, double, clean, Runner and Runner.run two fail: 60 % pass. Go is read by nobody here."""
    reader.family = "correctness"
    checkout.write({"code.py": CLEAN + DANGEROUS, "main.go": "package main\n\nfunc danger() int {\n\treturn 1\n}\n"})
    found = QUALITY.ask(ask())
    assert (found.is_met, found.score) == (False, 60.0)
    assert QUALITY.ask(ask(quality={"threshold": 60})).is_met is True


def test_what_nobody_reads_is_skipped(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    checkout.git("rm", "-q", "-f", "pkg/maths.py")
    checkout.write({"main.go": "package main\n\nfunc f() int {\n\treturn 1\n}\n"})
    found = SECURITY.ask(ask())
    assert (found.is_met, found.score) == (None, None)


def test_texts_of_which_nobody_could_say_anything_are_counted_apart(
    checkout: GitRepository, ask: ASKS, reader: Reader
) -> None:
    """Of maths.py two functions and the file are judged; of dark.py, which no member can vouch for, none."""
    checkout.write({"dark.py": CLEAN + "# dark\n"})
    assert SECURITY.ask(ask()).sentence == "0 of 3 texts fail. Of 2 more nobody could say."


def test_a_family_without_a_member_is_skipped(ask: ASKS, reader: Reader) -> None:
    found = COMPLIANCE.ask(ask())
    assert found.is_met is None
    assert found.sentence == "The quorum has no member for compliance under these settings."


def test_silence_of_all_is_an_error_and_of_one_a_warning(
    checkout: GitRepository, ask: ASKS, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, well = Reader(is_broken=True), Reader()
    broken.name = "broken"
    monkeypatch.setattr("stemma.gates.judged.open_members", lambda _: (broken,))
    with pytest.raises(CannotTellError, match="No answer came from broken on 3 texts: it broke"):
        SECURITY.ask(ask())
    monkeypatch.setattr("stemma.gates.judged.open_members", lambda _: (broken, well))
    found = SECURITY.ask(ask())
    assert found.is_met is True
    assert found.reservation == "No answer came from broken on 3 texts: it broke."


def test_a_file_that_is_too_large_is_told_of(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    checkout.write({"large.py": "x = 1\n" * 10})
    asked = ask()
    small = asked.settings.model_copy(update={"max_file_bytes": (checkout.path / "pkg/maths.py").stat().st_size})
    assert SECURITY.ask(ask()).reservation is None
    checkout.write({"large.py": "x = 1\n" * 10_000})
    found: Answer = SECURITY.ask(type(asked)(ask().worktree, small))
    assert found.reservation == "1 file could not be read."


def test_what_is_found_keeps_its_key_while_the_text_stays(checkout: GitRepository, ask: ASKS, reader: Reader) -> None:
    checkout.write({"a.py": DANGEROUS})
    (before,) = SECURITY.ask(ask()).findings
    checkout.write({"a.py": "# a remark above\n\n" + DANGEROUS})
    (after,) = SECURITY.ask(ask()).findings
    assert (before.key, before.line + 2) == (after.key, after.line)  # type: ignore[operator]


def test_the_real_members_find_a_shell_and_pass_what_is_clean(checkout: GitRepository, ask: ASKS) -> None:
    checkout.write({"shell.py": "import subprocess\n\n\ndef run(command):\n    subprocess.call(command, shell=True)\n"})
    outcome = run_gates(ask(), ["quality", "security"])
    security, quality = (next(r for r in outcome.results if r.gate == name) for name in ("security", "quality"))
    assert security.status == "failed"
    assert {(finding.path, finding.line) for finding in security.findings} == {("shell.py", 5)}
    assert quality.status in ("passed", "warning")
    assert quality.score == 100.0


PACK = """
rules:
  - id: no-print
    languages: [python]
    severity: ERROR
    message: Use the logger.
    pattern: print(...)
"""


def test_compliance_is_with_the_organisations_own_rules(checkout: GitRepository, ask: ASKS, tmp_path: Path) -> None:
    """`print` stands in maths.py outside its two functions: one of three texts breaks the rule."""
    pack = tmp_path / "house.yaml"
    pack.write_text(PACK)
    (result,) = run_gates(ask(packs=(pack,)), ["compliance"]).results
    assert (result.status, result.score) == ("failed", 66.67)
    assert [(finding.rule, finding.path, finding.line, finding.message) for finding in result.findings] == [
        ("compliance/no-print", "pkg/maths.py", 12, "Use the logger.")
    ]


def test_rules_that_cannot_be_read_are_an_error_of_the_gate(ask: ASKS, tmp_path: Path) -> None:
    pack = tmp_path / "house.yaml"
    pack.write_text("rules: [")
    (result,) = run_gates(ask(packs=(pack,)), ["compliance"]).results
    assert result.status == "error"
    assert "house.yaml" in result.sentence and "Unforeseen" not in result.sentence
