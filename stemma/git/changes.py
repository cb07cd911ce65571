"""What each commit changed against its first parent, by `git diff-tree`.

Which of the changes are kept is decided by `ingest`; lists of whole commits come from `trees`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from stemma.errors import SourceError
from stemma.git import cat_file, trees
from stemma.git.history import Damage
from stemma.git.store import Store
from stemma.git.trees import FILE_MODE_PREFIX, MODE_DIGITS, unquoted

COMMITS_PER_RUN = 20_000

_OPTIONS = (
    *("-r", "--root", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--always"),
    "--ignore-submodules=none",
)


def changes(store: Store, first_parents: Mapping[str, str | None], damage: Damage) -> Iterator[pl.DataFrame]:
    """Batches of the file changes of the commits against their first parents: sha, path, old_blob, new_blob.

    Only regular files; null where there is none before or after. A commit without parents adds all it holds. One whose
    trees cannot be read is named in `damage` and left out, and those that follow it are compared with the last on their
    first-parent path that can be; where there is none, they add all they hold.

    Args:
        first_parents: by commit, parents before their children; None where git sees none: a root, or one cut off.
        damage: commits that are already known to be missing are passed over, too.
    """
    shas, reading = list(first_parents), _Reading(store, first_parents, damage)
    for start in range(0, len(shas), COMMITS_PER_RUN):
        yield from reading.read(shas[start : start + COMMITS_PER_RUN])


class _Reading:
    """Commits compared with what comes before them, past those that cannot be."""

    def __init__(self, store: Store, first_parents: Mapping[str, str | None], damage: Damage) -> None:
        self._store, self._first_parents, self._damage = store, first_parents, damage
        self._bare = set(damage.missing)
        self._alone: set[str] = set()  # what they would be compared with cannot be read

    def read(self, left: list[str]) -> Iterator[pl.DataFrame]:
        is_surveyed = bool(self._bare)
        if is_surveyed:
            left = self._surveyed(left)
        while left:
            compared = []
            for sha in left:
                if self._begins_anew(sha):
                    yield from self._additions(sha)
                else:
                    compared.append(sha)
            run = _Run(self._store, [f"{sha} {self._base(sha) or ''}".rstrip() for sha in compared])
            yield from run
            left = [sha for sha in compared if sha not in run.answered]
            if left and not is_surveyed:
                left, is_surveyed = self._surveyed(left), True
            elif left:
                left = self._behind(left)

    def _base(self, sha: str) -> str | None:
        before = self._first_parents[sha]
        while before in self._bare:
            before = self._first_parents.get(before)
        return before

    def _begins_anew(self, sha: str) -> bool:
        """Whether it has parents, as git sees it, and none of them can be compared with."""
        is_cut = self._first_parents[sha] is not None and self._base(sha) is None
        return is_cut or sha in self._alone

    def _pass_over(self, shas: Iterable[str]) -> None:
        new = set(shas) - self._bare
        self._bare |= new
        self._damage.missing += sorted(new)

    def _surveyed(self, left: list[str]) -> list[str]:
        """Those whose root tree is there. A partial clone may lack all but the newest: they are found at once."""
        roots = cat_file.headers(self._store, [f"{sha}^{{tree}}" for sha in left])
        self._pass_over(sha for sha, root in zip(left, roots, strict=True) if root.kind != "tree")
        return [sha for sha in left if sha not in self._bare]

    def _behind(self, left: list[str]) -> list[str]:
        """What is left when git gave up on the first of them: either it cannot be read, or what comes before it."""
        if trees.is_readable(self._store, left[0]):
            self._alone.add(left[0])
            return left
        self._pass_over(left[:1])
        return left[1:]

    def _additions(self, sha: str) -> list[pl.DataFrame]:
        """All that the commit holds; nothing where not all of it can be listed."""
        try:
            listed = list(trees.tree(self._store, sha))
        except SourceError:
            self._pass_over([sha])
            return []
        kept = [batch.filter(pl.col("mode").str.starts_with(FILE_MODE_PREFIX)) for batch in listed]
        nothing = pl.lit(None, pl.String).alias("old_blob")
        return [batch.select(pl.lit(sha).alias("sha"), "path", nothing, new_blob="blob_oid") for batch in kept]


@dataclass
class _Run:
    """One run of git over lines of a commit and what it is compared with; `answered` are the commits it told of.

    Git gives up on a tree that it cannot read, but passes in silence over a commit that is not there.
    """

    store: Store
    lines: list[str]
    answered: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        if not self.lines:
            return
        with self.store.stream("diff-tree", "--stdin", *_OPTIONS, lines=self.lines) as compared:
            sha, width = "", len(self.lines[0].partition(" ")[0])
            for block in compared.line_blocks():
                batch, told = _parse(block, sha, width)
                if told:
                    self.answered.update(told)
                    sha = told[-1]
                yield batch


def _parse(lines: list[str], sha: str, width: int) -> tuple[pl.DataFrame, list[str]]:
    """One block, which begins inside commit `sha`: its changes, and the commits that begin in it.

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
    return batch, frame.filter(is_header)["line"].to_list()
