"""Texts to judge, and a member of our own that does as it is told; what members must do is claimed in the tests."""

from __future__ import annotations

import csv
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.embed.patterns import refresh_patterns
from stemma.quorum.members.base import VOTES, Family, Member
from stemma.quorum.process import Limits, run_bounded
from stemma.store.postgres import Database
from tests.ingested import bring_up
from tests.quorum.judged import Judged, judged
from tests.repositories import GitRepository

LIMITS = Limits(timeout_s=60)
SUFFIXES = {"python": ".py", "javascript": ".js", "typescript": ".ts", "java": ".java", "go": ".go", "rust": ".rs"} | {
    "c": ".c", "cpp": ".cpp", "csharp": ".cs", "ruby": ".rb", "php": ".php", "kotlin": ".kt", "swift": ".swift",
    "dart": ".dart",
}  # fmt: skip

Ingest = Callable[..., GitRepository]
Judge = Callable[..., Judged]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """A member's (vote, reason, findings) on the definition called `name` of a file, by default the first."""

    def judge(member: Member, text: str, language: str = "python", name: str | None = None) -> Judged:
        folder = tmp_path / f"judged{len(list(tmp_path.iterdir()))}"
        votes = judged(member, folder, {f"src/code{SUFFIXES[language]}": text})
        return votes[name] if name else next(iter(votes.values()))

    return judge


@pytest.fixture
def ingest(database: Database, settings: Settings, tmp_path: Path) -> Ingest:
    """Commit files to a repository of this name and bring it up to what stands, as a run does before the quorum."""
    repositories: dict[str, GitRepository] = {}

    def run(files: Mapping[str, str | bytes | None], name: str = "project") -> GitRepository:
        repository = repositories.setdefault(name, GitRepository(tmp_path / name))
        repository.commit(files=files)
        bring_up(database, settings, repository.path)
        refresh_patterns(database)
        return repository

    return run


def function(name: str, value: object = 1) -> str:
    """A Python function that is not trivial; `value` is all that its pattern's texts differ in."""
    return textwrap.dedent(f"""
        def {name}(items, limit):
            total = {value!r}
            for item in items:
                if item.price > limit:
                    total += item.price * item.count
                else:
                    total -= item.discount
            return total
        """).lstrip()


class Stub:
    """A member that runs a Python program of the test's own; `batch.csv` there holds units and code.

    The program writes `votes.csv` (unit,vote); each call is remembered with the names of its batch.
    """

    name = "stub"
    family: Family = "security"
    languages = frozenset({"python"})
    is_lasting = True

    def __init__(self, program: str = "answer('pass')", tool_version: str = "1", name: str = "stub") -> None:
        self.program = program
        self.tool_version = tool_version
        self.name = name
        self.asked: list[list[str]] = []
        self.read: list[dict[str, str]] = []

    def version(self) -> str:
        return self.tool_version

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        self.asked.append(batch["name"].to_list())
        self.read.append({file.name: file.read_text() for file in sorted(folder.glob("files/*"))})
        with (folder / "batch.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("unit", "code"), *batch.select("unit", "code").iter_rows()])
        run_bounded([sys.executable, "-I", "-c", _PRELUDE + textwrap.dedent(self.program)], folder, limits)
        votes = pl.read_csv(folder / "votes.csv", schema={"unit": pl.Int32, "vote": pl.String})
        return votes.with_columns(
            probability=None, reason=None, findings=pl.lit("[]"), cost=None
        ).cast(dict(VOTES)).select(VOTES.names())  # fmt: skip


_PRELUDE = """
import csv, os, signal, sys, time
rows = list(csv.DictReader(open("batch.csv", newline="")))
codes = [row["code"] for row in rows]
def answer(vote):
    with open("votes.csv", "w") as file:
        file.write("unit,vote\\n" + "".join(f"{row['unit']},{vote}\\n" for row in rows))
"""
