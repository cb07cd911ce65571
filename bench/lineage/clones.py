"""The folder of clones that the user gives: where each repository lies in it, and how to say that one is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.lineage.labels import Repository


class MissingCloneError(Exception):
    """A repository that a set needs is not in the folder."""


def repository_at(folder: Path, repository: Repository) -> Path:
    """The git directory of a clone: `FOLDER/<name>`, `<name>.git` or `<owner>+<name>`, bare or with a work tree.

    Raises:
        MissingCloneError: there is none; says how to get it.
    """
    joined = repository.name.replace("/", "+")
    for name in (repository.folder, f"{repository.folder}.git", joined, f"{joined}/repo"):
        for inner in (folder / name / ".git", folder / name):
            if (inner / "objects").is_dir():
                return inner
    raise MissingCloneError(
        f"{repository.name} is not in {folder}: git clone --bare https://github.com/{repository.name} "
        f"{folder / repository.folder}.git"
    )


def git(git_dir: Path, *arguments: str) -> str:
    """What git says, as text."""
    done = subprocess.run(["git", f"--git-dir={git_dir}", *arguments], capture_output=True, text=True, check=True)
    return done.stdout
