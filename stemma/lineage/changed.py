"""What commits did to the versions of elements, as columns: the frames that go from `states` to `told`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from stemma.lineage.file_versions import FileVersion

_INT, _BOOL = pl.Int32(), pl.Boolean()
BEGUN = pl.Schema({
    "commit": _INT, "node": _INT, "tomb": _INT, "before": _INT, "after": _INT, "is_unknown": _BOOL,
    "is_merged": _BOOL, "is_kept_text": _BOOL,
})  # fmt: skip
ENDED = pl.Schema({"commit": _INT, "side": _INT, "node": _INT, "before": _INT, "after": _INT, "is_taken": _BOOL})
LANDED = pl.Schema({"commit": _INT, "node": _INT, "is_kept_text": _BOOL})
MOVED = pl.Schema({"commit": _INT, "node": _INT, "from": _INT, "to": _INT})
FILES = pl.Schema({"commit": _INT, "path": _INT, "is_added": _BOOL})


@dataclass
class Changed:
    """Rows of a batch of commits; nodes, paths and commits are numbers, -1 is none.

    begun: versions made. `tomb`: the version last removed from that place; `before` and `after` stand next to it in
        the file; `is_unknown`: the content before could not be read; `is_merged`: a merge's, of several lines, and
        `is_kept_text`: with the text that one of them had.
    ended: versions of a parent (`side` is its place among them, from 0) that the commit has not; `is_taken`: another
        parent had removed them already, or, from side 1 on, it says nothing of a removal.
    landed: versions that came to stand on HEAD's first-parent chain; `is_kept_text`: in place of one of equal text.
    moved: versions that changed places with others around them, their text unchanged; ordinals from and to.
    files: paths added to or removed from the first parent's.
    versions: the file at (commit, path), where something began or ended.
    """

    begun: list[tuple[Any, ...]] = field(default_factory=list)
    ended: list[tuple[Any, ...]] = field(default_factory=list)
    landed: list[tuple[Any, ...]] = field(default_factory=list)
    moved: list[tuple[Any, ...]] = field(default_factory=list)
    files: list[tuple[Any, ...]] = field(default_factory=list)
    versions: dict[tuple[int, int], FileVersion] = field(default_factory=dict)

    @property
    def n_versions(self) -> int:
        return len(self.begun) + len(self.ended)


def frame(rows: list[tuple[Any, ...]], schema: pl.Schema) -> pl.DataFrame:
    """Rows of `Changed` as a frame."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    return pl.DataFrame(
        [pl.Series(name, column, dtype=schema[name]) for name, column in zip(schema, columns, strict=True)]
    )
