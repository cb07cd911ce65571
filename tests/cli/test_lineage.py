"""`stemma lineage` as a user calls it, on a real repository: registered and read, or straight from the checkout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma import cli
from stemma.cli import show
from stemma.config import Settings
from stemma.store.postgres import Database
from tests.cli.conftest import Called, Stemma
from tests.ingested import bring_up
from tests.lineage.code import file, function
from tests.repositories import GitRepository

LIFE = [
    (["introduced"], "one"),
    (["body_changed"], "one"),
    (["renamed"], "uno"),
    (["moved_across_files"], "uno"),
]


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """`one` is changed, renamed to `uno` and moved to lib/b.py, each in a commit of its own."""
    repository = GitRepository(tmp_path / "project")
    stay = function("stay", "parse")
    repository.commit("Begin", {"a.py": file(stay, function("one"))})
    repository.commit("Print them", {"a.py": file(stay, function("one", extra="print(items)"))})
    repository.commit("Rename", {"a.py": file(stay, function("uno", extra="print(items)"))})
    repository.commit("Move", {"a.py": stay, "lib/b.py": function("uno", extra="print(items)")})
    return repository


@pytest.fixture
def lineage(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Called]:
    """The command in this process: a process of its own costs most of a second, and there are many calls here."""
    monkeypatch.setenv("STEMMA_DATABASE_URL", database.url)
    monkeypatch.setenv("STEMMA_DATA_DIR", str(tmp_path / "data"))
    for console in (show.console, show.errors):
        monkeypatch.setattr(console, "_width", 160)

    def run(*arguments: str) -> Called:
        monkeypatch.setattr(sys, "argv", ["stemma", "lineage", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return Called(int(end.value.code or 0), out, err)

    return run


@pytest.fixture
def read(database: Database, settings: Settings) -> Callable[[Path], str]:
    return lambda path: bring_up(database, settings, path)


def life(told: dict[str, object]) -> list[tuple[object, object]]:
    rows = told["timeline"]
    assert isinstance(rows, list)
    return [(row["kinds"], row["qualified_name"]) for row in rows]


def test_the_database_and_the_checkout_tell_the_same_life(
    lineage: Callable[..., Called], project: GitRepository, read: Callable[[Path], str]
) -> None:
    at = project.path / "lib" / "b.py"
    from_git = lineage(f"{at}:uno", "--json").json
    assert from_git["read_from"] == "git" and life(from_git) == LIFE
    read(project.path)
    from_database = lineage(f"{at}:2", "--json").json
    assert from_database["read_from"] == "database" and life(from_database) == LIFE
    same = ("sha", "kinds", "changes", "node_id", "subject", "similarity", "path")
    for one, other in zip(from_git["timeline"], from_database["timeline"], strict=True):
        assert {key: one[key] for key in same} == {key: other[key] for key in same}


def test_a_person_reads_what_happened_when_by_whom_and_where_it_was_read(
    lineage: Callable[..., Called], project: GitRepository, read: Callable[[Path], str]
) -> None:
    read(project.path)
    told = lineage("lib/b.py:uno").out
    rows = [" ".join(line.split()) for line in told.splitlines()]
    assert rows[0] == "project lib/b.py:uno function, python; stands at the head"
    assert f"2024-01-01 {project.git('rev-parse', 'HEAD~3')[:10]} introduced Ada Author Begin" in rows
    assert any("renamed Ada Author Rename" in row for row in rows) and "one → uno" in rows
    assert "a.py → lib/b.py" in rows
    assert any(row.startswith(f"As of project at {project.head()[:10]}, read ") for row in rows)
    gone = lineage("a.py:one").out
    assert "goes on as lib/b.py:uno" in gone


def test_lines_are_those_of_the_text_that_was_read_and_an_edited_file_is_named(
    lineage: Callable[..., Called], project: GitRepository, read: Callable[[Path], str]
) -> None:
    read(project.path)
    at = project.path / "lib" / "b.py"
    assert "edited" not in lineage(f"{at}:1").out
    project.write({"lib/b.py": "# one more line\n" * 20 + at.read_text()})
    told = lineage(f"{at}:1").out
    assert "b.py:uno" in told and "lib/b.py has been edited since; lines are those of the text that was read." in told


def test_what_was_not_read_yet_is_answered_from_git(
    lineage: Callable[..., Called], project: GitRepository, read: Callable[[Path], str]
) -> None:
    read(project.path)
    project.commit("Add", {"new.py": function("fresh", "retry")})
    told = lineage(f"{project.path / 'new.py'}:fresh").out
    assert "introduced" in told and "project as it was read last does not hold it. Read from git just now" in told


def test_what_is_gone_is_told_up_to_its_end_and_what_became_of_it(
    lineage: Callable[..., Called], project: GitRepository
) -> None:
    removed = project.commit("Remove", {"lib/b.py": None})
    told = lineage(f"{project.path / 'lib' / 'b.py'}:uno").out
    assert "gone from the head" in told and "moved" in told
    ended = f"It is not in HEAD: {removed[:10]} took it out, and nothing there follows it."
    assert ended in " ".join(told.split())
    told = " ".join(lineage(f"{project.path / 'a.py'}:one").out.split())
    assert "body changed" in told and "made it a.py:uno." in told


def test_every_form_of_the_answer_is_printed_or_written(
    lineage: Callable[..., Called], project: GitRepository, read: Callable[[Path], str], tmp_path: Path
) -> None:
    read(project.path)
    assert [row["depth"] for row in lineage("uno", "--ancestors", "--json").json["ancestors"]] == [1, 2, 3]
    assert lineage("uno", "--dot").out.startswith("digraph lineage {")
    assert len(json.loads(lineage("uno", "--prov").out)["entity"]) == 4
    page = tmp_path / "page.html"
    assert lineage("a.py:one", "--html", str(page)).code == 0
    assert "</html>" in page.read_text()
    to = str(project.path / "lib" / "b.py")
    path = lineage(f"{project.path / 'a.py'}:one", "--path", f"{to}:uno", "--json").json["path"]
    assert [(row["step"], row["is_upward"]) for row in path] == [(0, None), (1, False), (2, False)]
    assert "renamed_from" in path[1]["edge_types"] and "moved_from" in path[2]["edge_types"]
    assert "↓ renamed_from" in lineage("a.py:one", "--path", "uno").out


def test_what_cannot_be_answered_says_what_to_do_next(
    lineage: Callable[..., Called], project: GitRepository, tmp_path: Path
) -> None:
    at = f"{project.path / 'a.py'}"
    for arguments, code, told in (
        (("nothing",), 7, "No pattern, path:name or qualified name 'nothing'. Next: List patterns"),
        ((f"{at}:nothing",), 7, "a.py has no definition called 'nothing' in HEAD. Next: It holds: stay."),
        ((f"{at}:99",), 7, "No definition stands at line 99 of a.py in HEAD."),
        ((f"{at}:stay", "--descendants"), 2, "This checkout is not registered."),
        (("stay", "--ancestors", "--path", "x"), 2, "--ancestors and --path ask for different things."),
        (("stay", "--json", "--dot"), 2, "--json and --dot are different forms of the answer."),
        ((f"{at}:stay", "--html", str(tmp_path / "no" / "page.html")), 2, "cannot be written"),
    ):
        called = lineage(*arguments)
        assert called.code == code and told in called.sentence, called.sentence


def test_no_database_is_made_to_answer_from_git(project: GitRepository, tmp_path: Path) -> None:
    """Without a database of one's own, the embedded one would be made first: seconds, and a cluster."""
    data = tmp_path / "data"
    stemma = Stemma(STEMMA_DATA_DIR=str(data), STEMMA_DATABASE_URL="")
    told = stemma("lineage", f"{project.path / 'a.py'}:stay")
    assert told.code == 0 and "Nothing has been registered. Read from git just now" in told.out
    assert [path.name for path in data.iterdir() if not path.name.startswith("contents.sqlite")] == []
