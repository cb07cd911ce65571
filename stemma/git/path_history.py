"""The commits that changed one path, over the whole graph behind a commit, and how they hang together.

What all paths of every commit changed is told in `changes`; what became of a definition in the file, in
`stemma.lineage.asked`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from stemma.errors import SourceError
from stemma.git import paths
from stemma.git.store import Store
from stemma.git.trees import FILE_MODE_PREFIX

_MARK = "commit\0"
_OPTIONS = (
    # Whole graph, with parents rewritten to the nearest commits that matter to the path; merges as their first parent
    # sees them. No renames: they are for the caller to judge.
    *("--full-history", "--parents", "--topo-order", "--diff-merges=first-parent", "--root"),
    *("--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--no-decorate"),
    "--format=tformat:commit%x00%H%x00%P%x00%ct%x00%at",
)


@dataclass(frozen=True, slots=True)
class PathChange:
    """One commit that changed the path against its first parent; a blob is None where there is no regular file.

    `parents` are the nearest such commits behind each of its parents, first parent first; where the path is unknown
    behind one, it is left out.
    """

    sha: str
    parents: tuple[str, ...]
    old_blob: str | None
    new_blob: str | None
    committed_at: int
    authored_at: int


@dataclass(frozen=True)
class PathHistory:
    """The changes of one path by commit, children before parents; `head` is the last one behind the commit asked of."""

    path: str
    head: str | None
    changes: dict[str, PathChange]


@dataclass(frozen=True, slots=True)
class TreeChange:
    """One file that differs between two commits; a blob is None where there is no regular file."""

    path: str
    old_blob: str | None
    new_blob: str | None


def tree_changes(store: Store, parent: str | None, commit: str) -> list[TreeChange]:
    """Every regular file that differs between two commits; all of the later one's where there is no earlier one.

    Raises:
        SourceError: they cannot be compared.
    """
    ends = (parent, commit) if parent else ("--root", commit)
    options = ("-r", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-commit-id")
    found = []
    with store.stream("diff-tree", *options, *ends) as running:
        for lines in running.line_blocks():
            for line in lines:
                meta, _, name = line.partition("\t")
                old, new = _row(meta)
                if old or new:
                    found.append(TreeChange(paths.unquote(name), old, new))
    if running.code != 0:
        raise SourceError(f"What {commit} changed in {store.name} cannot be read: {running.message}.", "Run git fsck.")
    return found


def path_history(store: Store, path: str, commit: str) -> PathHistory:
    """Every commit reachable from `commit` that changed `path` (as `paths.escape` writes it).

    One walk of git over the commits, which reads trees down to the path and no file.

    Raises:
        SourceError: the history cannot be read.
    """
    listed = list(_listed(store, path, commit))
    stands_for: dict[str, str | None] = {}
    changes: dict[str, PathChange] = {}
    for sha, parents, row, committed_at, authored_at in reversed(listed):
        behind = [stands_for.get(parent) for parent in parents]
        if row is None:  # a merge that took the file as its first parent had it
            stands_for[sha] = behind[0] if behind else None
            continue
        known = tuple(dict.fromkeys(found for found in behind if found is not None))
        old, new = row
        if known and behind[0] is None:  # the merge of a branch that knows the path into one that does not
            old = changes[known[0]].new_blob
        stands_for[sha] = sha if old != new else next(iter(known), None)
        if old != new:
            changes[sha] = PathChange(sha, known, old, new, committed_at, authored_at)
    head = stands_for[listed[0][0]] if listed else None
    return PathHistory(path, head, dict(reversed(changes.items())))


_Row = tuple[str | None, str | None]


def _listed(store: Store, path: str, commit: str) -> Iterator[tuple[str, list[str], _Row | None, int, int]]:
    """What git names: commit, parents, contents before and after (None: a merge that changed nothing), dates."""
    name = os.fsdecode(paths.unescape(path))
    with store.stream("--literal-pathspecs", "log", *_OPTIONS, commit, "--", name) as running:
        found: tuple[str, list[str], int, int] | None = None
        row: _Row | None = None
        for lines in running.line_blocks():
            for line in lines:
                if line.startswith(_MARK):
                    if found:
                        yield *found[:2], row, *found[2:]
                    _, sha, parents, committed_at, authored_at = line.split("\0")
                    found, row = (sha, parents.split(), int(committed_at or 0), int(authored_at or 0)), None
                elif line.startswith(":"):
                    row = _row(line)
        if found:
            yield *found[:2], row, *found[2:]
    if running.code != 0:
        raise SourceError(f"The history of {path} in {store.name} cannot be read: {running.message}.", "Run git fsck.")


def _row(line: str) -> _Row:
    old_mode, new_mode, old, new, _ = line[1:].split(" ", 4)
    return (
        old if old_mode.startswith(FILE_MODE_PREFIX) else None,
        new if new_mode.startswith(FILE_MODE_PREFIX) else None,
    )
