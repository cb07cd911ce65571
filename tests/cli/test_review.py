"""`stemma review` as a user calls it: the queue, a walk through it, decisions with name and reason, their history."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from stemma import cli
from stemma.cli import show
from stemma.store.postgres import Database
from stemma.tables import polars_schema, verdicts, votes
from tests.cli.conftest import PROJECT, Called
from tests.quorum.conftest import Ingest, function, ingest

__all__ = ["ingest"]

Review = Callable[..., Called]


@pytest.fixture
def ids(database: Database, ingest: Ingest) -> dict[str, str]:
    """Two texts that the quorum left open, by name: `first` stands in two places, `second` in one."""
    ingest({"a.py": function("first"), "b.py": function("first") + function("second", "\x1b[31mred")})
    rows = database.read("SELECT DISTINCT name, pattern_id, exact_hash FROM stemma.snippets")
    now = datetime.now(UTC)
    common = {"decided_at": now, "outcome": "needs_review", "probability": 0.5, "decision": "review", "agreement": 0.5}
    counts = {"n_pass": 1, "n_fail": 1, "n_abstain": 0, "n_families": 2, "rule_version": "1", "votes_digest": "1"}
    open_ = rows.drop("name").to_dicts()
    database.insert(
        verdicts, pl.DataFrame([{**text, **common, **counts, "reason": "Open: one of two."} for text in open_])
    )
    finding = {"rule": "B105", "severity": "low", "line": 2, "message": "A password, \x1b[2J perhaps"}
    vote = {
        "member": "bandit",
        "member_version": "1",
        "vote": "fail",
        "findings": json.dumps([finding]),
        "voted_at": now,
    }
    rows_of_votes = [{**dict.fromkeys(polars_schema(votes)), **text, **vote} for text in open_]
    database.insert(votes, pl.DataFrame(rows_of_votes, schema=polars_schema(votes)))
    return dict(rows.select("name", "exact_hash").iter_rows())


@pytest.fixture
def environment(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_DATABASE_URL", database.url)
    monkeypatch.setenv("STEMMA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Grace Git\n")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def review(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Review:
    """The command in this process, with lines typed to it."""
    for console in (show.console, show.errors):
        monkeypatch.setattr(console, "_width", 160)

    def run(*arguments: str, typed: str = "") -> Called:
        monkeypatch.setattr(sys, "argv", ["stemma", "review", *arguments])
        (tmp_path / "typed").write_text(typed)
        with (tmp_path / "typed").open() as stdin, pytest.raises(SystemExit) as end:
            monkeypatch.setattr(sys, "stdin", stdin)
            cli.main()
        out, err = capsys.readouterr()
        return Called(int(end.value.code or 0), out, err)

    return run


def decided(database: Database) -> list[tuple[object, ...]]:
    query = "SELECT exact_hash, is_fit, labelled_by, reason FROM stemma.labels ORDER BY labelled_at"
    return database.read(query).rows()


def test_without_a_terminal_it_lists_what_waits(review: Review, ids: dict[str, str]) -> None:
    bare, listed = review(), review("list")
    assert bare == listed
    lines = [line for line in bare.out.splitlines() if ".py:" in line]
    assert ["first" in lines[0], "second" in lines[1], len(lines)] == [True, True, 2]
    assert ids["first"][:10] in lines[0]
    assert [row["exact_hash"] for row in review("--json").json] == [ids["first"], ids["second"]]
    assert review("list", "--limit", "1").err.startswith("1 of 2 texts")
    assert review("list", "--language", "go").out == "Nothing waits for a person.\n"
    assert review("list", "--repo", "nowhere").code == 7


def test_a_decision_has_the_name_of_git_and_a_reason(review: Review, ids: dict[str, str], database: Database) -> None:
    called = review("accept", ids["first"][:10], "--reason", "Read it twice.")
    assert called.code == 0
    assert called.out.startswith(f"Grace Git accepts text {ids['first'][:10]}: Read it twice.\n")
    rejected = review("reject", ids["second"], "--reason", "Leaks.", "--as", "Ben", "--json").json
    assert (rejected["is_fit"], rejected["labelled_by"]) == (False, "Ben")
    assert decided(database) == [
        (ids["first"], True, "Grace Git", "Read it twice."),
        (ids["second"], False, "Ben", "Leaks."),
    ]
    assert review().out == "Nothing waits for a person.\n"


def test_a_decision_without_a_reason_or_a_name_is_none(
    review: Review, ids: dict[str, str], database: Database, tmp_path: Path
) -> None:
    assert review("accept", ids["first"]).code == 2
    assert review("accept", ids["first"], "--reason", " ").code == 2
    assert review("accept", "ffffffff", "--reason", "Fine.").code == 7
    (tmp_path / "gitconfig").write_text("")
    nameless = review("accept", ids["first"], "--reason", "Fine.")
    assert (nameless.code, "--as NAME" in nameless.sentence) == (2, True)
    assert decided(database) == []


def test_the_history_shows_all_decisions_and_which_are_in_force(review: Review, ids: dict[str, str]) -> None:
    assert review("history").out == "Nobody has decided anything yet.\n"
    for what, reason in (("accept", "Well."), ("reject", "Not so well.")):
        review(what, ids["first"], "--reason", reason)
    review("accept", ids["second"], "--reason", "Fine.")
    rows = review("history", "--json").json
    assert [(row["reason"], row["is_in_force"]) for row in rows] == [
        ("Fine.", True),
        ("Not so well.", True),
        ("Well.", False),
    ]
    assert [row["reason"] for row in review("history", ids["second"], "--json").json] == ["Fine."]
    assert "Not so well." in review("history").out


def test_a_walk_shows_code_beside_votes_and_takes_decisions(
    review: Review, ids: dict[str, str], database: Database
) -> None:
    called = review("walk", typed="x\na\n\nAll is well.\ns\n")
    assert called.code == 0
    told = next(line for line in called.out.splitlines() if "total = 1" in line)
    assert told.startswith(">   2 ")
    assert any("def first" in line and "bandit: fail" in line for line in called.out.splitlines())
    assert "line 2, B105 (low): A password, \ufffd[2J perhaps" in called.out
    assert "\x1b" not in called.out
    assert decided(database) == [(ids["first"], True, "Grace Git", "All is well.")]


def test_a_walk_that_is_quit_or_cut_off_keeps_what_was_decided(
    review: Review, ids: dict[str, str], database: Database
) -> None:
    assert review("walk", typed="q\n").code == 0
    assert review("walk", typed="r\nLeaks.\n").code == 1  # the input ends: aborted
    assert decided(database) == [(ids["first"], False, "Grace Git", "Leaks.")]
    assert "second" in review("walk", "--as", "Ben", typed="q\n").out


@pytest.mark.usefixtures("environment", "ids")
def test_on_a_terminal_it_walks() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "stemma", "review"],
        env=os.environ | {"COLUMNS": "160", "PYTHONPATH": str(PROJECT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        while b"[q]uit" not in said:
            assert select.select([ours], [], [], 60)[0], said
            said += os.read(ours, 65_536)
        os.write(ours, b"q\n")
        assert process.wait(60) == 0
    os.close(ours)
    assert b"bandit: fail" in said
