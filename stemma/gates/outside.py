"""What stands in no definition: of what members say of a whole file, the part that is about nothing inside one.

What they say of the definitions themselves is counted in `judged`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stemma.quorum.given import MODULE

_Ranges = Mapping[str, Sequence[tuple[int, int]]]


def outside_definitions(said: pl.DataFrame, new_lines: pl.DataFrame | None) -> pl.DataFrame:
    """The same votes, but a file that is failed as a whole fails only for what stands outside its definitions.

    Which of a vote's findings it fails for is not told: where a definition fails as well, the graver ones outside are
    taken for it. With `new_lines` only what stands on these counts.
    """
    is_failed_file = (pl.col("kind") == MODULE) & (pl.col("vote") == "fail")
    files = said.filter(is_failed_file)
    if files.is_empty():
        return said
    definitions = said.filter(pl.col("kind") != MODULE).join(files.select("path").unique(), on="path", how="semi")
    inside = _ranges(definitions.select("path", "start_line", "end_line").unique())
    new = None if new_lines is None else _ranges(new_lines)
    failing = set(definitions.filter(pl.col("vote") == "fail").select("path", "member").unique().iter_rows())
    findings = [
        _kept(row, inside, new, is_explained=(row["path"], row["member"]) in failing)
        for row in files.iter_rows(named=True)
    ]
    judged = files.with_columns(
        vote=pl.Series(["fail" if kept else "pass" for kept in findings], dtype=pl.String),
        findings=pl.Series([json.dumps(kept) for kept in findings], dtype=pl.String),
    )
    return pl.concat([said.filter(~is_failed_file), judged])


def _kept(row: Mapping[str, Any], inside: _Ranges, new: _Ranges | None, *, is_explained: bool) -> list[dict[str, Any]]:
    """The findings for which a file fails; `is_explained` where a definition in it fails by the same member."""
    findings = json.loads(row["findings"])
    kept = [finding for finding in findings if not _holds(inside.get(row["path"], ()), finding["line"])]
    if not kept and not is_explained:  # it reaches over a definition's edge
        kept = findings
    elif is_explained:
        kept = [finding for finding in kept if finding["severity"] != "low"]
    if new is not None:
        kept = [finding for finding in kept if _holds(new.get(row["path"], ()), finding["line"])]
    return kept


def _holds(ranges: Sequence[tuple[int, int]], line: int) -> bool:
    return any(first <= line <= last for first, last in ranges)


def _ranges(rows: pl.DataFrame) -> _Ranges:
    found = defaultdict(list)
    for path, first, last in rows.select("path", "start_line", "end_line").iter_rows():
        found[path].append((first, last))
    return found
