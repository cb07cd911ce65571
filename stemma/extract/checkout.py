"""Every file of a checkout read on all cores into frames, without any store: what `clones` needs and no more.

How one file is read lives in `extractor`; how files reach Postgres, in `ingest`; which files there are, in
`stemma.git.worktree`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.config import Settings, worker_count
from stemma.engine import Crashed, map_batches
from stemma.extract.extractor import Extracted, File, Limits, crashed, extract
from stemma.git.worktree import Worktree, read_file
from stemma.languages import grammar_of
from stemma.progress import phase

BATCH_BYTES = 1 << 20
BATCH_FILES = 200

_TEXT, _SIZE, _FLAG = pl.String(), pl.Int32(), pl.Boolean()
FILES = pl.Schema({"path": _TEXT, "language": _TEXT, "n_lines": _SIZE, "status": _TEXT, "reason": _TEXT})
DEFINITIONS = pl.Schema(
    {
        "path": _TEXT, "ordinal": _SIZE, "parent_ordinal": _SIZE, "kind": _TEXT, "qualified_name": _TEXT,
        "start_line": _SIZE, "end_line": _SIZE, "is_test": _FLAG, "token_hash": _TEXT, "pattern_id": _TEXT,
        "n_tokens": _SIZE,
    }
)  # fmt: skip
PATTERNS = pl.Schema(
    {
        "pattern_id": _TEXT, "language": _TEXT, "kind": _TEXT, "name": _TEXT, "n_tokens": _SIZE, "is_trivial": _FLAG,
        "shingles": pl.List(pl.Int32()), "sub_tokens": pl.List(pl.String()), "structure": _TEXT, "docstring": _TEXT,
        "code": _TEXT,
    }
)  # fmt: skip
ONLY_TO_EMBED = ("docstring", "code")


@dataclass(frozen=True)
class Checkout:
    """The files (`FILES`), the definitions in them (`DEFINITIONS`) and their distinct patterns (`PATTERNS`)."""

    files: pl.DataFrame
    definitions: pl.DataFrame
    patterns: pl.DataFrame


_Task = tuple[str, str]  # path, grammar


def read_checkout(worktree: Worktree, settings: Settings, *, with_code: bool = False) -> Checkout:
    """Read the worktree's files. What cannot be read has status `skipped` and a reason, and ends nothing.

    Args:
        with_code: keep docstrings and code of the patterns, which embedders need; they are most of the memory.
    """
    tasks = worktree.files.select("path", "n_bytes")
    work = partial(_read, root=str(worktree.root), limits=_limits(settings), with_code=with_code)
    parts = [_frames(extract([], _limits(settings)), with_code=with_code)]
    with phase("parse", total=tasks.height, unit="files") as progress:
        for result in map_batches(work, _batches(tasks), workers=worker_count(settings)):
            for part in _one_by_one(work, result.batch) if isinstance(result, Crashed) else (result,):
                parts.append(part)
                progress.advance(part.files.height)
    patterns = pl.concat([part.patterns for part in parts]).unique("pattern_id", keep="first", maintain_order=True)
    return Checkout(
        pl.concat([part.files for part in parts]), pl.concat([part.definitions for part in parts]), patterns
    )


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_file_bytes, settings.parse_timeout_s)


def _batches(tasks: pl.DataFrame) -> Iterator[list[_Task]]:
    batch: list[_Task] = []
    n_bytes = 0
    for path, size in tasks.iter_rows():
        grammar = grammar_of(path)
        if grammar is not None:
            batch.append((path, grammar))
            n_bytes += size
        if n_bytes >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def _read(batch: list[_Task], root: str, limits: Limits, *, with_code: bool) -> Checkout:
    """In a worker: the contents are read there, and only columns travel."""
    return _frames(extract([_file(root, *task, limits.max_file_bytes) for task in batch], limits), with_code=with_code)


def _file(root: str, path: str, grammar: str, max_bytes: int) -> File:
    try:
        return File(path, grammar, read_file(root, path, max_bytes))
    except OSError as error:
        return File(path, grammar, None, reason=(error.strerror or str(error)).lower())


def _one_by_one(work: partial[Checkout], batch: list[_Task]) -> Iterator[Checkout]:
    """A batch that killed its worker, again: the files that do it alone are named, the others read."""
    for result in map_batches(work, ([task] for task in batch), workers=1, isolate=True):
        if isinstance(result, Crashed):
            yield _frames(crashed([File(path, grammar, None) for path, grammar in result.batch]), with_code=False)
        else:
            yield result


def _frames(read: Extracted, *, with_code: bool) -> Checkout:
    files = _frame(read.blobs, {"blob_oid": _TEXT, **FILES}).rename({"blob_oid": "path"})
    columns: dict[str, Any] = dict(read.patterns)
    if not with_code:
        columns |= {name: [None] * len(columns["code"]) for name in ONLY_TO_EMBED}
    columns["shingles"] = _lists(columns["shingles"])
    patterns = _frame(columns, PATTERNS)
    hashes = _frame(read.texts, {"exact_hash": _TEXT, "language": _TEXT, "token_hash": _TEXT})
    definitions = (
        _frame(read.snippets, {"blob_oid": _TEXT, "exact_hash": _TEXT, **DEFINITIONS})
        .rename({"blob_oid": "path"})
        .join(patterns.select("pattern_id", "language"), on="pattern_id", how="left", maintain_order="left")
        .join(hashes, on=["exact_hash", "language"], how="left", maintain_order="left")
    )
    return Checkout(files.select(FILES.names()), definitions.select(DEFINITIONS.names()), patterns)


def _frame(columns: Mapping[str, Any], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Those of the schema's columns that there are."""
    return pl.DataFrame(
        {name: pl.Series(name, columns[name], kind) for name, kind in schema.items() if name in columns}
    )


def _lists(arrays: list[NDArray[np.int32]]) -> pl.Series:
    """A list column of arrays, without a Python object for each number."""
    sizes = [len(array) for array in arrays]
    flat = pl.Series(np.concatenate(arrays) if arrays else np.empty(0, np.int32), dtype=pl.Int32)
    rows = pl.Series(np.repeat(np.arange(len(sizes)), sizes))
    lists = pl.DataFrame({"row": rows, "value": flat}).group_by("row", maintain_order=True).agg("value")
    every = pl.DataFrame({"row": np.arange(len(sizes))})
    return every.join(lists, on="row", how="left", maintain_order="left")["value"].fill_null([])
