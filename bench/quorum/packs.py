"""`python -m bench.quorum.packs FOLDER [--write]`: what our Semgrep packs find in labelled Python, Bandit beside them.

FOLDER holds the data sets as `sets` names them. A case is found where the member's vote on the whole file is fail;
abstentions are counted apart. The Python rules were written with BenchmarkPython's even-numbered cases in view and
without a look at the odd-numbered ones, which are told apart here.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from bench.figures import write
from bench.quorum.sets import Case, cases, commits
from stemma.config import Settings
from stemma.quorum.given import poll_given
from stemma.quorum.members.bandit import Bandit
from stemma.quorum.members.packs import Packs

SETS = ("BenchmarkPython", "SecurityEval")
MEMBERS = ("pack security", "pack correctness", "bandit")


def votes_on(given: Sequence[Case]) -> pl.DataFrame:
    """case, and each member's vote on its file as a whole."""
    files = [(f"{number}/{case.path}", case.data) for number, case in enumerate(given)]
    polled = poll_given(files, Settings(), [Packs("security"), Packs("correctness"), Bandit()], with_modules=True)
    whole = polled.texts.filter(pl.col("kind") == "module")
    numbered = whole.with_columns(case=pl.col("path").str.split("/").list.first().cast(pl.Int64))
    votes = numbered.join(polled.votes, on=["pattern_id", "exact_hash"]).pivot("member", index="case", values="vote")
    return votes.sort("case")


def categories(folder: Path) -> dict[str, str]:
    (expected,) = sorted((folder / "BenchmarkPython").glob("expectedresults-*.csv"))
    return {row[0]: f"{row[1]} (CWE-{row[3]})" for row in csv.reader(expected.read_text("utf-8").splitlines()[1:])}


def groups_of(case: Case, category: dict[str, str]) -> Iterator[str]:
    if case.source != "BenchmarkPython":
        yield case.source
        return
    half = "odd: held out" if int(case.name[-5:]) % 2 else "even: in view"
    yield f"BenchmarkPython, {half}"
    yield f"BenchmarkPython {category[case.name]}"


def report(given: Sequence[Case], votes: pl.DataFrame, category: dict[str, str]) -> pl.DataFrame:
    """group, and of each member how many of the unfit and of the fit it fails, and how many it abstains on."""
    labels = pl.DataFrame(
        [(n, group, case.is_fit) for n, case in enumerate(given) for group in groups_of(case, category)],
        {"case": pl.Int64, "group": pl.String, "is_fit": pl.Boolean},
        orient="row",
    )
    joined = labels.join(votes, on="case")
    fit = pl.col("is_fit")
    return (
        joined.group_by("group")
        .agg(
            unfit=(~fit).sum(),
            fit=fit.sum(),
            **{f"{member}: found": (~fit & (pl.col(member) == "fail")).sum() for member in MEMBERS},
            **{f"{member}: false alarms": (fit & (pl.col(member) == "fail")).sum() for member in MEMBERS},
            **{f"{member}: abstained": (pl.col(member) == "abstain").sum() for member in MEMBERS},
        )
        .sort("group")
    )


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0])
    given = [case for case in cases(folder) if case.source in SETS]
    table = report(given, votes_on(given), categories(folder))
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=50):
        print(table)
    if "--write" in arguments:
        about = {
            "command": "python -m bench.quorum.packs FOLDER --write",
            "versions": {
                member.name: member.version() for member in (Packs("security"), Packs("correctness"), Bandit())
            },
            "read": commits(folder),
            "table": table.to_dicts(),
        }
        write("quorum_packs", about)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
