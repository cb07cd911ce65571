"""The labelled Python set: histories of functions of three public repositories, and what must hold of such labels.

How the labels were made, and by which rules, stands in `python_labels.json` itself; what Stemma finds is held against
them in `python_scoring`. `python -m bench.lineage.python_set FOLDER` checks them against clones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.lineage.clones import git, repository_at
from bench.lineage.labels import Repository

LABELS = Path(__file__).with_name("python_labels.json")
KINDS = (
    *("introduced", "revived", "body_changed", "signature_changed", "documentation_changed", "formatting_changed"),
    *("renamed", "moved_across_files", "file_renamed", "extracted", "deprecated", "removed"),
)
UNASKED = ("moved_within_file",)
"""Kinds that no label asks for, and that some take as right as well."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit of a history; `path` and `qualified_name` as it left the function (as it found it, when removed).

    `also_right`: kinds neither asked for nor wrong. `or_commits`: commits of other branches that made the same change.
    """

    commit: str
    path: str
    qualified_name: str
    kinds: frozenset[str]
    also_right: frozenset[str]
    or_commits: tuple[str, ...]
    is_merge: bool
    is_first_parent_only: bool
    note: str


@dataclass(frozen=True, slots=True)
class Function:
    """One function as it stands at a commit, and its history from there back to its birth, oldest change first."""

    id: int
    repository: Repository
    path: str
    qualified_name: str
    duplicate_index: int
    start_line: int
    changes: tuple[Change, ...]
    elsewhere: frozenset[str]


def functions(path: Path = LABELS) -> list[Function]:
    """All of the set, in its own order."""
    return [_function(row) for row in json.loads(path.read_text(encoding="utf-8"))["functions"]]


def _function(row: dict[str, Any]) -> Function:
    name = row["repository"]
    return Function(
        row["id"],
        Repository(name, name.partition("/")[2], row["start_commit"]),
        row["file"],
        row["qualified_name"],
        row["duplicate_index"],
        row["start_line"],
        tuple(_change(change) for change in row["history"]),
        frozenset(row["on_other_branches"]),
    )


def _change(row: dict[str, Any]) -> Change:
    return Change(
        row["commit"],
        row["path"],
        row["qualified_name"],
        frozenset(row["kinds"]),
        frozenset(row.get("also_right", ())),
        tuple(row.get("or_commits", ())),
        row.get("is_merge", False),
        row.get("first_parent_only", False),
        row.get("note", ""),
    )


def problems(folder: Path, every: Sequence[Function]) -> Iterator[str]:
    """What is wrong with the labels, one line each: unknown commits or kinds, a wrong order, files not touched.

    Raises:
        MissingCloneError: a repository is not in the folder.
    """
    for start in dict.fromkeys(function.repository for function in every):
        git_dir = repository_at(folder, start)
        listed = git(git_dir, "rev-list", "--topo-order", "--reverse", start.commit).split()
        order = {sha: place for place, sha in enumerate(listed)}
        for function in every:
            if function.repository == start:
                yield from (f"{function.id} {function.qualified_name}: {it}" for it in _wrong(git_dir, order, function))


def _wrong(git_dir: Path, order: dict[str, int], function: Function) -> Iterator[str]:
    places = [order.get(change.commit) for change in function.changes]
    known = [place for place in places if place is not None]
    if not function.changes or "introduced" not in function.changes[0].kinds:
        yield "its history does not begin with its introduction"
    if known != sorted(known) or len({change.commit for change in function.changes}) < len(function.changes):
        yield "its commits are not in order, or not each named once"
    if git(git_dir, "ls-tree", function.repository.commit, function.path) == "":
        yield f"{function.path} is not in {function.repository.commit}"
    for change in function.changes:
        if not change.kinds or not (change.kinds | change.also_right) <= {*KINDS, *UNASKED}:
            yield f"{change.commit}: {sorted(change.kinds)}"
        if change.commit not in order:
            yield f"{change.commit} is not behind {function.repository.commit}"
        elif change.path not in _touched(git_dir, change.commit):
            yield f"{change.commit} does not touch {change.path}"
    for sha in (*function.elsewhere, *(other for change in function.changes for other in change.or_commits)):
        if sha not in order:
            yield f"{sha} is not behind {function.repository.commit}"


def _touched(git_dir: Path, sha: str) -> list[str]:
    """The paths that differ from any parent."""
    return git(git_dir, "diff-tree", "-m", "-r", "--root", "--no-commit-id", "--name-only", "-z", sha).split("\0")


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the labelled Python set against clones of its repositories.")
    parser.add_argument("folder", type=Path, help="clones of pallets/flask, psf/requests and dit/dit")
    every = functions()
    found = list(problems(parser.parse_args().folder, every))
    changes = sum(len(function.changes) for function in every)
    print("\n".join([*found, f"{len(every)} functions, {changes} changes, {len(found)} problems"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
