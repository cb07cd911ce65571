"""What each commit of a first-parent chain changed against the one before it, by `git diff-tree`.

Which of the changes are kept is decided by `ingest`; lists of whole commits come from `trees`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from stemma.git import cat_file, trees
from stemma.git.history import Damage
from stemma.git.store import Store
from stemma.git.trees import FILE_MODE_PREFIX, MODE_DIGITS, unquoted

SCHEMA = pl.Schema({"sha": pl.String, "path": pl.String, "old_blob": pl.String, "new_blob": pl.String})


def changes(store: Store, chain: Sequence[str], start: int, damage: Damage) -> Iterator[pl.DataFrame]:
    """Batches of the file changes of chain[start:], `chain` being oldest first: sha, path, old_blob, new_blob.

    Only regular files; null where there is none before or after. The first commit of the chain adds all it holds.
    A commit whose trees cannot be read is named in `damage` and left out, and the next one that can be read is
    compared with the last before it; where that is no longer possible either, it adds all it holds, like a first one.
    """
    base = chain[start - 1] if start else None
    pending = list(chain[start:])
    while pending:
        if base is None:
            first = pending.pop(0)
            if not trees.is_readable(store, first):
                damage.missing.append(first)
                continue
            yield from _additions(store, first)
            base = first
        read = 0
        pairs = (f"{child} {parent}" for child, parent in zip(pending, [base, *pending], strict=False))
        options = (
            "-r",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--always",
            "--ignore-submodules=none",
        )
        with store.stream("diff-tree", "--stdin", *options, lines=pairs) as compared:
            sha = ""
            for lines in compared.line_blocks():
                batch, n_headers, sha = _parse(lines, sha, len(base))
                read += n_headers
                yield batch
        if compared.code == 0:
            return
        base, pending = _behind_damage(store, base, pending, read, damage)


def _behind_damage(
    store: Store, base: str, pending: list[str], read: int, damage: Damage
) -> tuple[str | None, list[str]]:
    """Where to go on when the comparison of `pending[read]` failed: the commit to compare with, and what is left."""
    base = pending[read - 1] if read else base
    left = pending[read:]
    # A partial clone may lack all trees but the newest: those are found at once, not one failure at a time.
    roots = cat_file.headers(store, [f"{sha}^{{tree}}" for sha in left])
    bare = {sha for sha, root in zip(left, roots, strict=True) if root.kind != "tree"}
    if not bare and left and not trees.is_readable(store, left[0]):
        bare = {left[0]}
    damage.missing += sorted(bare)
    return (base if bare else None), [sha for sha in left if sha not in bare]


def _additions(store: Store, commit: str) -> Iterator[pl.DataFrame]:
    for batch in trees.tree(store, commit):
        yield batch.filter(pl.col("mode").str.starts_with(FILE_MODE_PREFIX)).select(
            pl.lit(commit).alias("sha"), "path", pl.lit(None, pl.String).alias("old_blob"), new_blob="blob_oid"
        )


def _parse(lines: list[str], sha: str, width: int) -> tuple[pl.DataFrame, int, str]:
    """One block: its changes, the commits that begin in it, and the commit it ends in.

    A commit is a line with its id; a change is `:<mode> <mode> <oid> <oid> <status>TAB<path>`, all of fixed width.
    """
    line, is_header = pl.col("line"), ~pl.col("line").str.starts_with(":")
    old_at = 1 + 2 * (MODE_DIGITS + 1)
    new_at, path_at = old_at + width + 1, old_at + 2 * (width + 1) + 2

    def regular(mode_at: int, oid_at: int) -> pl.Expr:
        return pl.when(line.str.slice(mode_at, 3) == FILE_MODE_PREFIX).then(line.str.slice(oid_at, width))

    frame = pl.DataFrame({"line": lines}, schema={"line": pl.String}).with_columns(
        pl.when(is_header).then(line).forward_fill().fill_null(sha).alias("sha")
    )
    batch = frame.filter(~is_header).select(
        "sha",
        line.str.slice(path_at).map_batches(unquoted, return_dtype=pl.String).alias("path"),
        regular(1, old_at).alias("old_blob"),
        regular(1 + MODE_DIGITS + 1, new_at).alias("new_blob"),
    )
    batch = batch.filter(pl.col("old_blob").is_not_null() | pl.col("new_blob").is_not_null())
    return batch, frame.select(is_header.sum()).item(), frame["sha"][-1]
