"""Claims about how Semgrep's engine is asked: in two runs and about fewer files it finds what one run of all finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stemma.quorum.ask import file_suffix
from stemma.quorum.members import engine
from stemma.quorum.members.base import FILES
from stemma.quorum.members.engine import Answer, ask_of_paths, ask_where_found
from stemma.quorum.packs import Rule, read_packs
from stemma.quorum.process import Limits

LIMITS = Limits(120)
PACKS = Path(engine.__file__).parents[1] / "packs"
RULES = [
    replace(rule, only_where=None)
    for family in ("security", "correctness")
    for rule in read_packs(family).rules.values()
]
EXAMPLES = [
    (language, code)
    for pack in sorted(PACKS.glob("*-*.yaml"))
    for rule in yaml.safe_load(pack.read_text(encoding="utf-8"))["rules"]
    for code in rule["metadata"]["examples"]["bad"] + rule["metadata"]["examples"]["good"]
    for language in rule["languages"]
]


def written(folder: Path, sources: Sequence[tuple[str, str]]) -> pl.DataFrame:
    (folder / FILES).mkdir()
    rows = []
    for number, (language, code) in enumerate(sources):
        name = f"{number}{file_suffix(language)}"
        (folder / FILES / name).write_text(code, encoding="utf-8")
        rows.append((name, f"{FILES}/{name}", f"/{FILES}/{name}", language))
    return pl.DataFrame(rows, ["file", "read", "place", "language"], orient="row")


def told(answer: Answer) -> tuple[set[tuple[Any, ...]], set[str], set[str]]:
    found = {
        (item["check_id"], item["path"], *item["start"].values(), *item["end"].values()) for item in answer["results"]
    }
    return found, {str(error["error_type"]) for error in answer["errors"]}, set(answer["scanned"])


@settings(max_examples=3, deadline=None, phases=[Phase.generate])  # to shrink one takes minutes
@given(st.lists(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=3), min_size=30, max_size=60))
def test_rules_asked_where_they_can_find_something_find_what_they_find_anywhere(
    drawn: list[list[tuple[str, str]]],
) -> None:
    sources = [(some[0][0], "\n".join(code for language, code in some if language == some[0][0])) for some in drawn]
    with TemporaryDirectory() as name:
        files = written(Path(name), sources)
        assert told(ask_where_found(RULES, files, Path(name), LIMITS)) == told(
            ask_of_paths(RULES, files, Path(name), LIMITS)
        )


def one(name: str) -> list[Rule]:
    return [rule for rule in RULES if rule.name == name]


def test_a_rule_whose_probe_ran_out_of_time_is_asked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written(tmp_path, [("python", "import os\ndef f(d):\n    os.system('ls ' + d)\n")])
    run, asked = engine._run, list[str]()

    def late(rules: Sequence[Mapping[str, Any]], *rest: Any) -> Answer:
        asked.append(rules[0]["id"])
        if len(asked) > 1:
            return run(rules, *rest)
        error = {"error_type": "Timeout", "rule_id": rules[0]["id"], "location": {"path": files["read"][0]}}
        return {"results": [], "errors": [error], "scanned": files["read"].to_list()}

    monkeypatch.setattr(engine, "_run", late)
    answer = ask_where_found(one("python-shell-from-parameter"), files, tmp_path, LIMITS)
    assert asked[1:] == ["python-shell-from-parameter"]
    assert [item["check_id"] for item in answer["results"]] == ["python-shell-from-parameter"]
    assert answer["errors"] == []


def test_a_file_without_what_a_rule_needs_is_not_put_to_the_engine_and_counts_as_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written(tmp_path, [("python", "def f(d):\n    return d\n")])
    monkeypatch.setattr(engine, "_run", None)
    answer = ask_where_found(one("python-shell-from-parameter"), files, tmp_path, LIMITS)
    assert answer == {"results": [], "errors": [], "scanned": files["read"].to_list()}


def test_a_probe_keeps_the_conditions_that_are_not_about_what_is_inside_a_metavariable() -> None:
    name = {"metavariable-regex": {"metavariable": "$F", "regex": "^f$"}}
    inside = {"metavariable-pattern": {"metavariable": "$X", "patterns": [{"pattern": "$Y + 1"}]}}
    about_it = {"metavariable-regex": {"metavariable": "$Y", "regex": "^y$"}}
    rest = [{"pattern": "$F($X)"}, {"pattern-not": "$F(0)"}, name]
    assert engine._weaker({"patterns": [*rest, inside, about_it]}) == {"patterns": rest}
    assert engine._weaker({"patterns": [*rest, about_it]}) == {"patterns": [*rest, about_it]}
    but = {"pattern-not": {"patterns": [{"pattern": "$F($X)"}, inside]}}
    assert engine._weaker({"patterns": [*rest, but]}) == {"patterns": rest}
