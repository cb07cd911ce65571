"""Trees of source files as git repositories to measure on: all of a folder, a sample of it, a clone, a change.

The folder itself is only read. What is measured on them is said in `speed`.
"""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma.languages import grammar_of, language_of

OPERATORS = "+-*/%"
IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "core.autocrlf=false")


@dataclass(frozen=True)
class Tree:
    """A folder's files of languages that Stemma reads: paths in it, their bytes, and how many of which language."""

    folder: Path
    paths: list[str]
    n_bytes: int
    languages: dict[str, int]

    def sample(self, share: float, seed: int = 0) -> Tree:
        """A share of the files, drawn at random; of one seed a smaller sample is part of a larger one."""
        shuffled = random.Random(seed).sample(self.paths, len(self.paths))
        return _tree(self.folder, sorted(shuffled[: round(share * len(shuffled))]))


def read_tree(folder: Path) -> Tree:
    found = (path for path in folder.rglob("*") if grammar_of(path.name) and not path.is_symlink() and path.is_file())
    return _tree(folder, sorted(str(path.relative_to(folder)) for path in found if ".git" not in path.parts))


def packages(tree: Tree) -> dict[str, int]:
    """Files by the first folder of their path: the packages that make up the tree."""
    return dict(sorted(Counter(path.split("/")[0] for path in tree.paths).items()))


def as_clone(tree: Tree, target: Path) -> Path:
    """A clean clone of a repository whose one commit holds the tree's files, whatever ignore rules are among them."""
    origin = target.with_name(f"{target.name}.git")
    git("init", "--quiet", "--bare", str(origin))
    git(
        f"--git-dir={origin}", f"--work-tree={tree.folder}", "add", "--force", "--pathspec-from-file=-",
        "--pathspec-file-nul", cwd=tree.folder, input="\0".join(f":(literal){path}" for path in tree.paths).encode(),
    )  # fmt: skip
    git(f"--git-dir={origin}", f"--work-tree={tree.folder}", *IDENTITY, "commit", "--quiet", "--message", "Packages")
    git("clone", "--quiet", str(origin), str(target))
    return target


def change(clone: Path, paths: Sequence[str], n_files: int) -> list[str]:
    """Append a function of its own to Python files spread over the tree, and commit; the files."""
    candidates = [path for path in paths if language_of(path) == "python" and (clone / path).stat().st_size > 500]
    chosen = candidates[:: max(1, len(candidates) // n_files)][:n_files]
    for number, path in enumerate(chosen, 2):
        with (clone / path).open("a") as file:
            file.write(_added(number))
    git("-C", str(clone), *IDENTITY, "commit", "--quiet", "--all", "--message", "A few files")
    return chosen


def _added(number: int) -> str:
    """A function that is like none of another number when names and literals are gone: a new pattern to match."""
    steps = (f"    total = total {OPERATORS[step * number % 5]} values[{step}]\n" for step in range(5 + number))
    return f"\n\ndef added_by_the_benchmark_{number}(values, total):\n{''.join(steps)}    return total\n"


def git(*arguments: str, **options: Any) -> None:
    subprocess.run(["git", *arguments], check=True, **options)


def _tree(folder: Path, paths: list[str]) -> Tree:
    languages = Counter(str(language_of(path)) for path in paths)
    n_bytes = sum((folder / path).stat().st_size for path in paths)
    return Tree(folder, paths, n_bytes, dict(languages.most_common()))
