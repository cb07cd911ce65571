"""The packs: every rule finds its bad examples and none of its good ones, in each of its languages; what Semgrep cannot
read, or not in time, is never a pass.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from stemma.languages import LANGUAGES
from stemma.quorum.members.base import BATCH, FILES, VOTES, MemberMissingError
from stemma.quorum.members.packs import Packs
from stemma.quorum.members.slices import without_slices
from stemma.quorum.packs import read_packs
from stemma.quorum.process import Limits, NoAnswerError

LIMITS = Limits(timeout_s=120)
FAMILIES = ("security", "correctness")
PACKS = Path(__file__).parents[2] / "stemma" / "quorum" / "packs"


def stated_rules(family: str) -> list[dict[str, Any]]:
    texts = [file.read_text("utf-8") for file in sorted(PACKS.glob(f"*-{family}.yaml"))]
    return [rule for text in texts for rule in yaml.safe_load(text)["rules"]]


def judge(family: str, folder: Path, sources: list[tuple[str, str | bytes]], **changes: Any) -> pl.DataFrame:
    """Votes on whole files, given as (language, text), in their order."""
    (folder / FILES).mkdir(parents=True)
    rows = []
    for unit, (language, source) in enumerate(sources):
        data = source if isinstance(source, bytes) else source.encode()
        file = f"{unit}{next(iter(LANGUAGES[language].suffixes))}"
        (folder / FILES / file).write_bytes(data)
        rows.append(
            {
                **dict.fromkeys(("pattern_id", "exact_hash", "kind", "name", "qualified_name", "code"), "x"),
                **{"unit": unit, "language": language, "path": file, "file": file},
                **{"start_line": 1, "end_line": data.count(b"\n") + 1},
            }
            | changes
        )
    votes = Packs(family).judge(pl.DataFrame(rows, BATCH), folder, LIMITS)  # type: ignore[arg-type]
    assert votes.schema == VOTES
    return votes.sort("unit")


def found(findings: str) -> set[str]:
    return {finding["rule"] for finding in json.loads(findings)}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_rule_finds_its_bad_examples_and_none_of_its_good_ones(family: str, tmp_path: Path) -> None:
    asked = [
        (rule["id"], language, kind == "bad", code)
        for rule in stated_rules(family)
        for kind in ("bad", "good")
        for code in rule["metadata"]["examples"][kind]
        for language in rule["languages"]
    ]
    votes = judge(family, tmp_path, [(language, code) for _, language, _, code in asked])
    wrong = [
        (rule, language, "bad" if is_bad else "good", code)
        for (rule, language, is_bad, code), findings in zip(asked, votes["findings"], strict=True)
        if (rule in found(findings)) != is_bad
    ]
    assert wrong == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rule_says_why_how_grave_it_is_and_what_is_bad_and_good(family: str) -> None:
    for rule in stated_rules(family):
        metadata = rule["metadata"]
        assert len(metadata["why"]) > 20, rule["id"]
        assert metadata["severity"] in ("low", "medium", "high"), rule["id"]
        assert metadata["examples"]["bad"], rule["id"]
        assert metadata["examples"]["good"], rule["id"]
        assert not (metadata["fails"] and metadata.get("doubts")), rule["id"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pack_vouches_for_the_languages_it_has_rules_for(family: str) -> None:
    assert read_packs(family).languages >= {"python", "javascript", "typescript", "java", "go"}
    assert read_packs(family).languages <= LANGUAGES.keys()


def test_a_failing_rule_fails_its_text_and_says_where_and_why(tmp_path: Path) -> None:
    source = "import os\n\n\ndef f(d):\n    os.system('ls ' + d)\n"
    (vote,) = judge("security", tmp_path, [("python", source)], start_line=4, end_line=5).to_dicts()
    assert (vote["vote"], vote["reason"]) == ("fail", None)
    told = {finding["rule"]: finding for finding in json.loads(vote["findings"])}
    assert told["python-shell-from-parameter"]["line"] == 2
    assert "unquoted" in told["python-shell-from-parameter"]["message"]


UNCHECKED = 'package a\nimport "crypto/tls"\nvar c = &tls.Config{InsecureSkipVerify: true}\n'


@pytest.mark.parametrize(("path", "vote"), [("client/client_test.go", "abstain"), ("client/client.go", "fail")])
def test_a_certificate_unchecked_among_tests_is_a_doubt_and_elsewhere_a_failure(
    path: str, vote: str, tmp_path: Path
) -> None:
    (told,) = judge("security", tmp_path, [("go", UNCHECKED)], path=path).to_dicts()
    assert told["vote"] == vote
    assert [finding["rule"] for finding in json.loads(told["findings"])] == ["go-tls-verification-off"]


def test_a_rule_is_asked_only_about_the_files_that_mention_what_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = read_packs("security")
    asked = replace(packs.rules["python-shell-from-parameter"], only_where=r"\bwanted\b")
    monkeypatch.setattr(
        "stemma.quorum.members.packs.read_packs",
        lambda _: replace(packs, rules={asked.name: asked}),
    )
    source = "import os\ndef f(d):\n    os.system('ls ' + d)\n"
    files: list[tuple[str, str | bytes]] = [("python", source), ("python", source + "# wanted\n")]
    votes = judge("security", tmp_path, files)
    assert [found(findings) for findings in votes["findings"]] == [set(), {asked.name}]


def test_what_stands_elsewhere_in_the_file_is_not_held_against_a_text(tmp_path: Path) -> None:
    source = "import os\ndef f(d):\n    os.system('ls ' + d)\ndef g(x):\n    return x\n"
    (vote,) = judge("security", tmp_path, [("python", source)], start_line=4, end_line=5)["vote"]
    assert vote == "pass"


def test_code_cannot_excuse_itself(tmp_path: Path) -> None:
    source = "import os\ndef f(d):\n    os.system('ls ' + d)  # nosemgrep\n"
    assert judge("security", tmp_path, [("python", source)])["vote"].to_list() == ["fail"]


def test_a_parameter_is_followed_through_slices_and_other_members_see_the_file_as_it_is(tmp_path: Path) -> None:
    source = "import os\ndef f(d):\n    os.system(d[1:-1])\n"
    assert judge("security", tmp_path, [("python", source)])["vote"].to_list() == ["fail"]
    assert (tmp_path / FILES / "0.py").read_text() == source


@pytest.mark.parametrize(
    ("slice_", "followed"),
    [
        ("a[1:2]", "a[1^2]"),
        ("a[1:]", "a[1,]"),
        ("a[:2]", "a[~2]"),
        ("a[:]", "a[_]"),
        ("a[1:2:3]", "a[1^2^3]"),
        ("a[::2]", "a[ ~2]"),
        ("a[1:, 2]", "a[1 , 2]"),
        ("a[b:not c]", "a[b:not c]"),
        ("{a: 1}", "{a: 1}"),
        ("a['x:y']", "a['x:y']"),
    ],
)
def test_a_slice_is_rewritten_in_place_as_an_index_that_parses(slice_: str, followed: str) -> None:
    assert without_slices(slice_.encode()).decode() == followed
    ast.parse(followed)


def test_what_starts_a_program_is_not_vouched_for(tmp_path: Path) -> None:
    (vote,) = judge("security", tmp_path, [("python", "import subprocess\nsubprocess.run(['ls'])\n")]).to_dicts()
    assert vote["vote"] == "abstain"
    assert vote["reason"].startswith("cannot vouch: it starts a program")


def test_a_text_semgrep_cannot_parse_is_an_abstention_and_its_neighbours_are_judged(tmp_path: Path) -> None:
    mapping = "def f(p):\n    match p:\n        case {'a': b, **rest}:\n            return b\n"
    votes = judge("security", tmp_path, [("python", mapping), ("python", "def g(x):\n    return x\n")])
    assert votes["vote"].to_list() == ["abstain", "pass"]
    assert votes["reason"][0] == "not applicable: Semgrep cannot parse the file it stands in"


def test_a_broken_part_of_a_file_silences_only_the_texts_it_touches(tmp_path: Path) -> None:
    source = "def f(x):\n    return x\n\n\ndef g(\n"
    whole = judge("security", tmp_path / "whole", [("python", source)]).row(0, named=True)
    first = judge("security", tmp_path / "first", [("python", source)], start_line=1, end_line=2).row(0, named=True)
    assert (whole["vote"], first["vote"]) == ("abstain", "pass")
    assert "cannot parse" in whole["reason"]


def test_a_file_too_long_for_semgrep_is_an_abstention(tmp_path: Path) -> None:
    (vote,) = judge("security", tmp_path, [("python", "x = 1\n" * 200_000)]).to_dicts()
    assert (vote["vote"], vote["reason"]) == ("abstain", "not applicable: in a file of more than 1000 kB")


def test_an_engine_that_answers_something_else_gives_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, answer in enumerate((b"", b"{}", b'{"results": 1}', b"[]")):
        monkeypatch.setattr("stemma.quorum.members.engine.run_bounded", lambda *_, answer=answer, **__: answer)
        with pytest.raises(NoAnswerError):
            judge("security", tmp_path / str(number), [("python", "x = 1\n")])


def test_a_rule_that_runs_out_of_time_makes_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = {"path": "files/0.py", "start": {"line": 1}, "end": {"line": 1}}
    late = {"error_type": "Timeout", "rule_id": "python-shell", "location": where, "severity": "warn", "message": ""}
    answer = {"results": [], "errors": [late], "paths": {"scanned": ["files/0.py"]}}
    monkeypatch.setattr("stemma.quorum.members.engine.run_bounded", lambda *_, **__: json.dumps(answer).encode())
    (vote,) = judge("security", tmp_path, [("python", "x = 1\n")]).to_dicts()
    assert vote["vote"] == "abstain"
    assert vote["reason"] == "no answer: Semgrep met 'Timeout' in its file by python-shell"


def test_an_engine_that_is_not_there_is_a_missing_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemma.quorum.members.engine.find_spec", lambda _: None)
    with pytest.raises(MemberMissingError):
        Packs("security").version()


def test_a_version_changes_with_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Packs("correctness").version()
    assert before.startswith("semgrep 1.")
    changed = read_packs("correctness")
    monkeypatch.setattr(
        "stemma.quorum.members.packs.read_packs", lambda _: type(changed)(changed.rules, changed.languages, "else")
    )
    assert Packs("correctness").version() != before


def test_the_wheel_holds_the_packs(tmp_path: Path) -> None:
    root = PACKS.parents[2]
    uv = shutil.which("uv") or root / ".uv" / "bin" / "uv"  # where `make setup` puts it on a machine without one
    subprocess.run([uv, "build", "--wheel", "--offline", "-q", "-o", tmp_path, root], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {Path(name).name for name in archive.namelist() if "quorum/packs/" in name}
    assert {file.name for file in PACKS.glob("*.yaml")} <= inside
