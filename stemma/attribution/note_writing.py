"""git-ai notes written into a repository, under `refs/notes/ai`, when somebody asks for it, and never otherwise.

What stands in them is made in `export`. This is the only place of Stemma that writes into a person's repository.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator

from stemma.attribution import git_ai
from stemma.attribution.git_ai import Note
from stemma.attribution.statements import list_notes
from stemma.errors import SourceError
from stemma.git import command
from stemma.git.repository import GIT, Repository
from stemma.git.store import open_store

_WRITER = b"Stemma <stemma@localhost>"


def write_notes(repo: Repository, notes: Iterable[tuple[str, Note]], *, overwrite: bool = False) -> tuple[int, int]:
    """Add the notes of commits to the repository's own; returns how many were written, and how many of old ones kept.

    All are one new commit of the notes' ref, or nothing: git refuses where another has moved the ref meanwhile. A
    commit that has a note keeps it, unless `overwrite`.

    Raises:
        SourceError: the repository is a folder or a clone of Stemma's, or git refuses.
    """
    if repo.kind != GIT or repo.is_remote:
        raise SourceError(f"{repo.name} is no git repository of this machine.", "Print the notes instead: --stdout.")
    known = list_notes(open_store(repo.git_dir), repo)
    chosen, n_kept = [], 0
    for sha, note in notes:
        if sha in known and not overwrite:
            n_kept += 1
        else:
            chosen.append((sha, git_ai.write_note(note).encode("utf-8", "replace")))
    if chosen:
        _import(repo, chosen, has_ref=bool(known) or _has_ref(repo))
    return len(chosen), n_kept


def _has_ref(repo: Repository) -> bool:
    return command.run(repo.git_dir, "rev-parse", "--verify", "--quiet", git_ai.REF).code == 0


def _import(repo: Repository, notes: list[tuple[str, bytes]], *, has_ref: bool) -> None:
    with tempfile.TemporaryFile() as feed, tempfile.TemporaryFile() as complaints:
        feed.writelines(_stream(notes, has_ref=has_ref))
        feed.seek(0)
        streams = (feed, subprocess.DEVNULL, complaints)
        process = command.start(repo.git_dir, ("fast-import", "--quiet"), command.environment(), None, streams)
        try:
            code = process.wait()
        finally:
            command.stop(process)
        if code != 0:
            said = command.complaint(complaints)
            raise SourceError(f"git does not take the notes into {repo.name}: {said}.", "Try again, or mend the cause.")


def _stream(notes: list[tuple[str, bytes]], *, has_ref: bool) -> Iterator[bytes]:
    """Input of `git fast-import`: one commit of the notes' ref; `N` hangs a note on a commit."""
    message = b"Notes written by stemma attribution export\n"
    yield b"commit %s\n" % git_ai.REF.encode()
    yield b"committer %s %d +0000\n" % (_WRITER, int(time.time()))
    yield b"data %d\n%s" % (len(message), message)
    if has_ref:
        yield b"from %s^0\n" % git_ai.REF.encode()
    for sha, text in notes:
        yield b"N inline %s\ndata %d\n%s\n" % (sha.encode(), len(text), text)
