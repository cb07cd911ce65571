"""Patterns to judge, and a member of our own that does as it is told; what members must do is claimed in the tests."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemma.ids import content_id
from stemma.quorum.members.base import BATCH, VOTES, Member
from stemma.quorum.process import Limits, run_bounded
from stemma.store.postgres import Database
from stemma.tables import patterns, polars_schema

LIMITS = Limits(timeout_s=60)


def batch_of(*codes: str, language: str = "python", kind: str = "function") -> pl.DataFrame:
    """A batch of snippets; their ids are `id_of` each."""
    rows = [(id_of(code), language, kind, "f", textwrap.dedent(code).strip("\n")) for code in codes]
    return pl.DataFrame(rows, schema=BATCH, orient="row")


def id_of(code: str) -> str:
    return content_id(code)


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., tuple[str, str | None, list[dict[str, object]]]]:
    """A member's (vote, reason, findings) on one snippet."""

    def judge(
        member: Member, code: str, language: str = "python", kind: str = "function"
    ) -> tuple[str, str | None, list]:
        folder = tmp_path / id_of(code + language + member.name)
        folder.mkdir()
        votes = member.judge(batch_of(code, language=language, kind=kind), folder, LIMITS)
        (row,) = votes.with_columns(pl.col("findings").str.json_decode(FINDINGS)).rows(named=True)
        return row["vote"], row["reason"], row["findings"]

    return judge


FINDINGS = pl.List(pl.Struct({"rule": pl.String, "severity": pl.String, "line": pl.Int64, "message": pl.String}))


def store(database: Database, *codes: str, language: str = "python", n_live: int = 1, is_trivial: bool = False) -> None:
    """Write snippets as patterns, as extraction does."""
    frame = batch_of(*codes, language=language).with_columns(
        signature=pl.lit(""),
        docstring=pl.lit(None, pl.String),
        n_lines=pl.lit(1),
        n_tokens=pl.lit(30),
        shingles=pl.lit([1], pl.List(pl.Int32)),
        sub_tokens=pl.lit(["f"], pl.List(pl.String)),
        is_trivial=pl.lit(is_trivial),
        n_live=pl.lit(n_live),
        n_repositories=pl.lit(1),
        trivial_reason=pl.lit("tiny" if is_trivial else None),
        structure=pl.lit(""),
        extractor_version=pl.lit("1"),
    )
    database.insert(patterns, frame.select(list(polars_schema(patterns))))


class Stub:
    """A member that runs a Python program of the test's own; `batch.csv` there holds pattern ids and code.

    The program writes `votes.csv` (pattern_id,vote); each call is remembered with the size of its batch.
    """

    name = "stub"
    family = "security"
    languages = frozenset({"python"})
    weight = 1.0

    def __init__(self, program: str = "answer('pass')", tool_version: str = "1") -> None:
        self.program = program
        self.tool_version = tool_version
        self.asked: list[int] = []

    def version(self) -> str:
        return self.tool_version

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        self.asked.append(len(batch))
        batch.select("pattern_id", "code").write_csv(folder / "batch.csv")
        run_bounded([sys.executable, "-I", "-c", _PRELUDE + textwrap.dedent(self.program)], folder, limits)
        votes = pl.read_csv(folder / "votes.csv", schema={"pattern_id": pl.String, "vote": pl.String})
        return votes.select("pattern_id", "vote", reason=pl.lit(None, pl.String), findings=pl.lit("[]")).cast(
            dict(VOTES)
        )


_PRELUDE = """
import csv, os, signal, sys, time
rows = list(csv.DictReader(open("batch.csv", newline="")))
codes = [row["code"] for row in rows]
def answer(vote):
    with open("votes.csv", "w") as file:
        file.write("pattern_id,vote\\n" + "".join(f"{row['pattern_id']},{vote}\\n" for row in rows))
"""
