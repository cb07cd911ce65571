"""Real git repositories for tests, built by the git command with a fixed author and fixed dates: same calls, same ids.

What is then read from them is tested in each room's own folder.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST_DATE = datetime(2024, 1, 1, 12, tzinfo=UTC)
AUTHOR = ("Ada Author", "ada@example.org")

Content = str | bytes | None


class GitRepository:
    """A git repository at `path`; each `commit` is one day after the one before, the first on 2024-01-01 12:00 UTC."""

    def __init__(self, path: Path, *, object_format: str = "sha1", branch: str = "main") -> None:
        self.path = path
        self.n_commits = 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", f"--object-format={object_format}", f"--initial-branch={branch}", ".")

    def git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Standard output of one git command in the work tree, stripped."""
        return self.git_bytes(*arguments, stdin=stdin, environment=environment).decode().strip()

    def git_bytes(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        command, variables = ["git", *arguments], self._env(environment)
        done = subprocess.run(command, cwd=self.path, input=stdin, capture_output=True, check=False, env=variables)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def _env(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        date = self.date(self.n_commits).strftime("%Y-%m-%dT%H:%M:%S+0000")
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        return kept | {
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": AUTHOR[0],
            "GIT_AUTHOR_EMAIL": AUTHOR[1],
            "GIT_COMMITTER_NAME": AUTHOR[0],
            "GIT_COMMITTER_EMAIL": AUTHOR[1],
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
            **(extra or {}),
        }

    @staticmethod
    def date(nth_commit: int) -> datetime:
        """Author and committer date of the nth commit (from 0)."""
        return FIRST_DATE + timedelta(days=nth_commit)

    def write(self, files: Mapping[str, Content]) -> None:
        """Write (or, for None, remove) files of the work tree without committing them."""
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self,
        message: str = "A commit",
        files: Mapping[str, Content] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Write the files (None removes one), commit everything in the work tree, and return the commit's id."""
        self.write(files or {})
        self.git("add", "--all", "--force", ".")
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message, environment=environment)
        self.n_commits += 1
        return self.head()

    def move(self, old: str, new: str) -> None:
        """Rename a tracked file, to be committed by the next `commit`."""
        (self.path / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Create a branch and switch to it."""
        self.git("switch", "-q", "-C", name, start)

    def switch(self, name: str) -> None:
        self.git("switch", "-q", name)

    def merge(self, name: str, message: str = "A merge") -> str:
        """Merge a branch into the current one by a merge commit; the current branch is the first parent."""
        self.git("merge", "-q", "--no-ff", "-m", message, name)
        self.n_commits += 1
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def blob(self, path: str, commit: str = "HEAD") -> str:
        """Object id of a file's content at a commit."""
        return self.git("rev-parse", f"{commit}:{path}")
