"""The files of one commit, as `git ls-tree` lists them. What changed between two commits is told in `changes`."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from stemma.errors import SourceError
from stemma.git.paths import unquote
from stemma.git.store import BLOCK_BYTES, Store

MODE_DIGITS = 6
SUBMODULE_MODE, SYMLINK_MODE, FILE_MODE_PREFIX = "160000", "120000", "100"
SCHEMA = pl.Schema({"path": pl.String, "mode": pl.String, "blob_oid": pl.String, "n_bytes": pl.Int64})


def tree(store: Store, commit: str) -> Iterator[pl.DataFrame]:
    """Batches of the commit's files: path, mode, blob_oid, n_bytes (null: a submodule, or its content is missing).

    Raises:
        SourceError: a tree of the commit cannot be read.
    """
    with store.stream("ls-tree", "-r", "-l", "--full-tree", commit) as listed:
        for lines in listed.line_blocks():
            yield _parse(lines)
    if listed.code != 0:
        raise SourceError(
            f"The files of commit {commit} in {store.name} cannot be listed: {listed.message}.",
            "Run `git fsck` in it, or clone it again.",
        )


def is_readable(store: Store, commit: str) -> bool:
    """Whether every tree of the commit can be read."""
    with store.stream("ls-tree", "-r", "--name-only", "--full-tree", commit) as listed:
        while listed.output.read(BLOCK_BYTES):
            pass
    return listed.code == 0


def unquoted(path: pl.Series) -> pl.Series:
    """Paths as git quotes them, in the form of `paths.escape`; only the few that are quoted cost anything."""
    quoted = path.filter(path.str.starts_with('"')).unique().to_list()
    return path.replace(quoted, [unquote(name) for name in quoted]) if quoted else path


def _parse(lines: list[str]) -> pl.DataFrame:
    # <mode> SP <kind> SP <oid> SP* <size or - or BAD> TAB <path>
    left = pl.col("line").str.split_exact("\t", 1).struct
    meta = pl.col("meta").str.split_exact(" ", 2).struct
    return (
        pl.DataFrame({"line": lines})
        .select(left.field("field_0").alias("meta"), left.field("field_1").alias("path"))
        .select(
            pl.col("path").map_batches(unquoted, return_dtype=pl.String),
            meta.field("field_0").alias("mode"),
            meta.field("field_2").alias("blob_oid"),
            pl.col("meta").str.extract(r" (\d+)$").cast(pl.Int64).alias("n_bytes"),
        )
        .cast(dict(SCHEMA))  # type: ignore[arg-type]
    )
