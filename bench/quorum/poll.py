"""Votes on labelled cases, kept on disk by content and member version, so that learning again takes seconds.

Which cases there are is said in `sets`; what is learned from the votes, in `discrimination`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from bench.quorum.sets import Case
from stemma.config import Settings
from stemma.ids import content_id
from stemma.quorum.evidence import SEATED_VOTES, TEXT
from stemma.quorum.given import poll_given
from stemma.quorum.members import open_members
from stemma.quorum.members.base import Member

_FILES = 400  # asked at once


def votes_on(cases: Sequence[Case], cache: Path, members: Sequence[Member] | None = None) -> pl.DataFrame:
    """Every member's vote on each case: `SEATED_VOTES`, `pattern_id` the case's source and name, `exact_hash` empty.

    A case is a file, and a member's vote on it is its gravest on the definitions judged: it fails one, or is silenced
    on one, or passes one. A file without a definition has no votes.
    """
    settings = Settings()
    members = open_members(settings) if members is None else members
    return pl.concat([_gravest(_of_member(cases, cache, member, settings), cases) for member in members])


def _of_member(cases: Sequence[Case], cache: Path, member: Member, settings: Settings) -> pl.DataFrame:
    """Votes on the texts of all cases (`SEATED_VOTES`, and path, start_line, end_line), from the cache where it has
    them."""
    files = {f"{content_id(case.data)}{Path(case.path).suffix}": case.data for case in cases}
    key = content_id(member.version(), *sorted(files))[:16]
    kept = cache / f"{member.name.replace(' ', '-')}-{key}.parquet"
    if kept.is_file():
        return pl.read_parquet(kept)
    cache.mkdir(parents=True, exist_ok=True)
    started, found, named = time.monotonic(), [], sorted(files.items())
    for begin in range(0, len(named), _FILES):
        polled = poll_given(named[begin : begin + _FILES], settings, [member])
        places = polled.texts.select(*TEXT, "path", "start_line", "end_line")
        found.append(polled.seated_votes.join(places, on=list(TEXT)))
    votes = pl.concat(found)
    votes.write_parquet(kept)
    print(f"{member.name}: {len(votes)} votes in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return votes


def _gravest(votes: pl.DataFrame, cases: Sequence[Case]) -> pl.DataFrame:
    """One vote a case: the gravest of those on its definitions."""
    wanted = pl.DataFrame(
        [
            (case.key, f"{content_id(case.data)}{Path(case.path).suffix}", *(case.lines or (1, 1 << 30)))
            for case in cases
        ],
        schema=["case", "path", "first", "last"],
        orient="row",
    )
    inside = (pl.col("start_line") >= pl.col("first")) & (pl.col("end_line") <= pl.col("last"))
    # A failure says most, then silence about what was its business; that a part of a file is none of it says least.
    is_silent = (pl.col("vote") == "abstain") & ~pl.col("reason").fill_null("").str.starts_with("not applicable")
    grade = pl.col("severity").replace_strict({"high": 0, "medium": 1, "low": 2}, default=3, return_dtype=pl.Int8)
    order = (
        pl.when(pl.col("vote") == "fail")
        .then(grade)
        .when(is_silent)
        .then(4)
        .when(pl.col("vote") == "pass")
        .then(5 + grade)
        .otherwise(9)
    )
    return (
        votes.join(wanted, on="path")
        .filter(inside)
        .with_columns(order=order)
        .sort("case", "order", "start_line")
        .unique("case", keep="first", maintain_order=True)
        .with_columns(pattern_id=pl.col("case"), exact_hash=pl.lit(""))
        .select(list(SEATED_VOTES))
    )
