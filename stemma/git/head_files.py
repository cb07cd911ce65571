"""The table `files`: what stands at the head of a repository, kept in step by writing only what differs.

Where the list comes from is told in `trees` (git) and `folders`; what is kept of it, in `selection`.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from stemma.git import selection
from stemma.git.blob import LFS_POINTER_BYTES, is_lfs_pointer
from stemma.git.objects import read_blobs
from stemma.git.repository import Repository
from stemma.git.selection import LFS, Selection, head_category
from stemma.git.trees import FILE_MODE_PREFIX
from stemma.store.postgres import Transaction
from stemma.tables import files, polars_schema

RULE_FILE_BYTES = 1_000_000
COLUMNS = ["path", "blob_oid", "n_bytes", "language", "category"]


def rule_texts(repo: Repository, listed: pl.DataFrame) -> Iterable[tuple[str, str]]:
    """The repository's own rule files, as (path, content), from a list of path and blob_oid."""
    rules = listed.filter(selection.is_rule_file())
    contents = dict(read_blobs(repo, rules["blob_oid"].unique().to_list(), max_bytes=RULE_FILE_BYTES))
    for path, oid in rules.select("path", "blob_oid").iter_rows():
        if (content := contents.get(oid)) is not None:
            yield path, content.decode("utf-8", "replace")


def known_files(transaction: Transaction, repo_id: str) -> pl.DataFrame:
    """The rows of `files` as they are, less repo_id."""
    return transaction.read(
        f"SELECT {', '.join(COLUMNS)} FROM stemma.files WHERE repo_id = $1",
        [repo_id],
        pl.Schema({name: kind for name, kind in polars_schema(files).items() if name in COLUMNS}),
    )


def classified(repo: Repository, listed: pl.DataFrame, chosen: Selection, known: pl.DataFrame) -> pl.DataFrame:
    """The rows that `files` should hold, less repo_id, from path, mode, blob_oid, n_bytes.

    A Git LFS pointer can only be told by its content: those of contents not in `known` are read.
    """
    kept = chosen.classify(listed.unique("path", keep="last"))
    is_regular = pl.col("mode").str.starts_with(FILE_MODE_PREFIX)
    kept = kept.with_columns(category=head_category(), language=pl.when(is_regular).then("language").otherwise(None))
    lfs = known.filter(pl.col("category") == LFS)["blob_oid"].unique().to_list()
    small = kept.filter(is_regular, pl.col("n_bytes").is_between(LFS_POINTER_BYTES.start, LFS_POINTER_BYTES.stop - 1))
    unknown = small.join(known, on="blob_oid", how="anti")["blob_oid"].unique().to_list()
    lfs += [oid for oid, content in read_blobs(repo, unknown) if content is not None and is_lfs_pointer(content)]
    is_lfs = is_regular & pl.col("blob_oid").is_in(lfs)
    return kept.with_columns(category=pl.when(is_lfs).then(pl.lit(LFS)).otherwise("category")).select(COLUMNS)


def write_files(transaction: Transaction, repo_id: str, wanted: pl.DataFrame, known: pl.DataFrame) -> int:
    """Bring `files` from `known` to `wanted`; returns rows inserted, changed and deleted."""
    gone = known.select("path").join(wanted, on="path", how="anti")
    if not gone.is_empty():
        with transaction.staged("gone_files", gone) as name:
            transaction.execute(
                f"DELETE FROM stemma.files f USING {name} g WHERE f.repo_id = $1 AND f.path = g.path", [repo_id]
            )
    changed = wanted.join(known, on=COLUMNS, how="anti", nulls_equal=True)
    return gone.height + transaction.insert(files, changed.with_columns(repo_id=pl.lit(repo_id)), "update")
