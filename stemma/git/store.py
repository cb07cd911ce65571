"""The object store of a repository, read without its configuration: git runs in an empty one that borrows the objects.

So nothing that stands in the repository's own configuration (programs, promisor remotes, replacements, grafts) counts.
What is asked of the store lives in `cat_file`, `history`, `changes` and `trees`.
"""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stemma.errors import SourceError, StoreError
from stemma.git import command
from stemma.git.paths import shown

BLOCK_BYTES = 8 * 2**20
PIPE_BYTES = 2**20  # fewer turns between git and us; the most that an unprivileged process may ask for

_CONFIG = {
    "sha1": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    "sha256": "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n",
}
_empty: dict[str, tempfile.TemporaryDirectory[str]] = {}


@dataclass
class Stream:
    """A running git command: read `output`; after the `with` block, `code` and `message` say how it ended."""

    output: IO[bytes]
    code: int = 0
    message: str = ""

    def line_blocks(self) -> Iterator[list[str]]:
        """The output as lists of whole lines, a bounded number of bytes at a time."""
        rest = b""
        while block := self.output.read(BLOCK_BYTES):
            head, newline, tail = block.rpartition(b"\n")
            if not newline:
                rest += tail
                continue
            yield (rest + head).decode("utf-8", "replace").split("\n")
            rest = tail
        if rest:
            yield rest.decode("utf-8", "replace").split("\n")


@dataclass(frozen=True)
class Store:
    """Where the objects of the repository at `git_dir` are, and the list of commits where a shallow one is cut off."""

    git_dir: Path
    objects: Path
    shallow: Path
    object_format: str

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return shown(self.git_dir)

    def shallow_commits(self) -> list[str]:
        """Commits at which a shallow clone was cut off, sorted; empty when its history is whole."""
        try:
            return sorted(self.shallow.read_text("ascii").split())
        except FileNotFoundError:
            return []

    @contextmanager
    def stream(self, *arguments: str, lines: Iterable[str] = ()) -> Iterator[Stream]:
        """Run git on the store, `lines` on its standard input; how it ended is for the caller to judge.

        The input goes through an unnamed file, not a pipe: no thread, and neither side can wait for the other for ever.
        """
        with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as feed:
            try:
                for line in lines:
                    feed.write(line.encode() + b"\n")
                feed.seek(0)
            except OSError as error:
                raise StoreError(
                    f"The temporary folder cannot be written: {error}.", "Free some disk space."
                ) from error
            borrowed = {"GIT_OBJECT_DIRECTORY": str(self.objects), "GIT_SHALLOW_FILE": str(self.shallow)}
            variables = command.environment() | borrowed
            empty = _empty_repository(self.object_format)
            process = command.start(empty, arguments, variables, None, (feed, subprocess.PIPE, complaints))
            assert process.stdout is not None
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            running = Stream(process.stdout)
            try:
                yield running
                process.stdout.close()
                running.code = process.wait()
            finally:
                process.stdout.close()
                command.stop(process)
            running.message = command.complaint(complaints)


def open_store(git_dir: Path) -> Store:
    """Find the objects of the repository whose `.git`, or which itself, is `git_dir`.

    Raises:
        SourceError: it is not a git repository, or is one that this git cannot read.
    """
    paths = ("--path-format=absolute", "--git-path", "objects", "--git-path", "shallow")
    answer = command.run(git_dir, "rev-parse", *paths, "--show-object-format")
    found = answer.output.splitlines()
    if answer.code != 0 or len(found) != 3 or found[2] not in _CONFIG:
        reason = answer.message or f"it said {found}"
        raise SourceError(
            f"{shown(git_dir)} cannot be read as a git repository: {reason}.", "Mend it, or clone it again."
        )
    return Store(git_dir, Path(found[0]), Path(found[1]), found[2])


def _empty_repository(object_format: str) -> Path:
    """A bare repository without objects, made once in a process, and again if something cleaned it away."""
    made = _empty.get(object_format)
    if made is None or not Path(made.name, "HEAD").exists():
        made = _empty[object_format] = tempfile.TemporaryDirectory(prefix="stemma-git-", ignore_cleanup_errors=True)
        for folder in ("objects", "refs"):
            Path(made.name, folder).mkdir(exist_ok=True)
        Path(made.name, "config").write_text(_CONFIG[object_format])
        Path(made.name, "HEAD").write_text("ref: refs/heads/none\n")
    return Path(made.name)
