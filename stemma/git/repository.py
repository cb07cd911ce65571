"""What one registered repository is and where it lies on disk. How it gets there is told in `registry` and `fetch`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stemma.git import paths

GIT, FOLDER = "git", "folder"
OK, EMPTY, UNREACHABLE, BROKEN = "ok", "empty", "unreachable", "broken"

# Ends the reason of a `broken` repository that was read all the same, without what could not be.
LEFT_OUT = "left out."
NO_COMMIT, NO_FILE = "It has no commit yet.", "It holds no file."


@dataclass(frozen=True)
class Repository:
    """One row of `repositories`, and the data folder that holds its clone."""

    repo_id: str
    name: str
    kind: str
    location: str
    data_dir: Path
    tags: tuple[str, ...] = ()
    team: str | None = None
    head_sha: str | None = None
    extractor_version: str | None = None
    is_shallow: bool = False
    status: str | None = None
    status_reason: str | None = None

    @property
    def is_remote(self) -> bool:
        """Registered by URL (a path is absolute)."""
        return not self.location.startswith("/")

    @property
    def path(self) -> Path:
        """The work tree, bare repository or folder that is read; of a URL, its clone."""
        if self.is_remote:
            return self.data_dir / "repositories" / f"{self.repo_id}.git"
        return Path(os.fsdecode(paths.unescape(self.location)))

    @property
    def git_dir(self) -> Path:
        """What `git --git-dir` takes: the `.git` of a work tree (folder or file), or the bare repository itself."""
        inner = self.path / ".git"
        return inner if inner.exists() else self.path

    @property
    def manifest(self) -> Path:
        """Cache of a folder's file ids: lost, it costs one more reading of the folder."""
        return self.data_dir / "repositories" / f"{self.repo_id}.manifest"

    @property
    def credentials(self) -> Path:
        """User and token of a URL, readable by the owner alone; absent where it had none."""
        return self.data_dir / "repositories" / f"{self.repo_id}.credentials"
