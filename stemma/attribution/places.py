"""Which registered repository a file of an event belongs to, and its path there: by location, linked worktrees too.

A clone that is not registered belongs to none here; what was written in it is found by content, in `matching`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from stemma.git import paths
from stemma.git.repository import Repository
from stemma.store.postgres import Database

_MAX_POINTER = 4_096
_COLUMNS = "repo_id, name, kind, location"


class Places:
    """The locations of all registered repositories, asked once; folders that were asked about are remembered."""

    def __init__(self, repositories: list[Repository]) -> None:
        local = [repo for repo in repositories if not repo.is_remote]
        roots = [(Path(os.path.realpath(repo.path)), repo.repo_id) for repo in local]
        self._roots = sorted(roots, key=lambda root: -len(root[0].parts))
        self._git_dirs = {os.path.realpath(repo.git_dir): repo.repo_id for repo in local}
        self._linked: dict[Path, tuple[Path, str] | None] = {}

    def find(self, file_path: str, cwd: str | None) -> tuple[str | None, str]:
        """Repository (None: not known) and path in it; a path that lies in none stays as it was written."""
        written = Path(os.path.normpath(Path(cwd or "") / file_path))
        if not written.is_absolute():
            return None, paths.shown(file_path)
        real = Path(os.path.realpath(written))
        for candidate in (real, written):
            for root, repo_id in self._roots:
                if root in candidate.parents:
                    return repo_id, paths.shown(candidate.relative_to(root))
        if (linked := self._worktree(real.parent)) is not None:
            return linked[1], paths.shown(real.relative_to(linked[0]))
        return None, paths.shown(written)

    def _worktree(self, folder: Path) -> tuple[Path, str] | None:
        """The top of the linked worktree that a folder stands in, and its repository."""
        if folder not in self._linked:
            pointer = folder / ".git"
            if _is(pointer, Path.is_file):
                repo_id = self._git_dirs.get(_common_dir(pointer) or "")
                self._linked[folder] = (folder, repo_id) if repo_id else None
            elif _is(pointer, Path.exists) or folder == folder.parent:
                self._linked[folder] = None
            else:
                self._linked[folder] = self._worktree(folder.parent)
        return self._linked[folder]


def _is(path: Path, question: Callable[[Path], bool]) -> bool:
    try:
        return question(path)
    except OSError:  # a folder that may not be entered
        return False


def _common_dir(pointer: Path) -> str | None:
    """The repository that the `.git` file of a linked worktree leads to (gitrepository-layout: gitdir, commondir)."""
    own = _first_line(pointer).removeprefix("gitdir:").strip()
    if not own:
        return None
    folder = pointer.parent / own
    common = _first_line(folder / "commondir").strip()
    return os.path.realpath(folder / common) if common else os.path.realpath(folder)


def _first_line(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return os.fsdecode(opened.read(_MAX_POINTER).split(b"\n")[0])
    except OSError:
        return ""


def read_places(db: Database, data_dir: Path) -> Places:
    rows = db.read(f"SELECT {_COLUMNS} FROM stemma.repositories ORDER BY repo_id")
    return Places([Repository(**row, data_dir=data_dir) for row in rows.iter_rows(named=True)])
