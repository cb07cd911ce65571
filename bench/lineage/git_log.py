"""`git log -L` on the same elements: the history that git itself tells of a range of lines, and what it costs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.lineage.clones import repository_at
from bench.lineage.labels import INTRODUCTION, Labelled, Told
from bench.lineage.own import cpu_seconds


def told(folder: Path, element: Labelled, last_line: int) -> Told:
    """Every commit that `git log -L` names, the last of them as the introduction; other kinds it does not tell."""
    git_dir = repository_at(folder, element.repository)
    span = f"-L{element.line},{last_line}:{element.path}"
    before = cpu_seconds()
    done = subprocess.run(
        ["git", f"--git-dir={git_dir}", "log", span, "--no-patch", "--format=%H", element.repository.commit],
        capture_output=True,
        text=True,
        check=True,
    )
    cpu_s = cpu_seconds() - before
    shas = done.stdout.split()
    return Told({sha: frozenset({INTRODUCTION} if sha == shas[-1] else ()) for sha in shas}, cpu_s)
