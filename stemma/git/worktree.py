"""A checkout as it stands on disk, committed or not: its files, and the lines of them that are new since a revision.

How a registered repository is read lives in `trees` and `folders`. Nothing the repository configures is run: filters
are shut off as well, which `command` has no need to do for reading objects.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from stemma.errors import ConfigError, NotFoundError, SourceError
from stemma.git import command, folders, paths
from stemma.git.ignore import GIT_ATTRIBUTES, STEMMA_IGNORE
from stemma.git.repository import FOLDER, Repository
from stemma.git.selection import read_rules
from stemma.languages import language_of

RULE_FILE_BYTES = 1_000_000
EVERY_LINE = 2**31 - 1
LINES = pl.Schema({"path": pl.String, "start_line": pl.Int32, "end_line": pl.Int32})

_FILES = pl.Schema({"path": pl.String, "n_bytes": pl.Int64})
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_FILTER = re.compile(r"(filter\..*)\.[^.]*", re.DOTALL)


@dataclass(frozen=True)
class Worktree:
    """Files of known languages below `root`, or below the part of it that was asked for.

    `files` has path (relative to root, as `paths.escape` writes it), n_bytes, language and category; `unreadable` names
    what could not be looked at.
    """

    root: Path
    is_git: bool
    files: pl.DataFrame
    unreadable: tuple[str, ...] = ()


def read_worktree(place: Path) -> Worktree:
    """The files of a checkout or plain folder, ignore lists applied; of a part of it where `place` is one.

    In a git checkout those that are tracked or could be (`git ls-files --cached --others --exclude-standard`); in a
    folder, also one that git ignores, all that its own `.gitignore` and `.stemmaignore` leave. Symbolic links and
    submodules are not followed.

    Raises:
        NotFoundError: there is no such place.
        SourceError: it cannot be read.
    """
    place = place.resolve()
    if not place.exists():
        raise NotFoundError(f"{paths.shown(place)} does not exist.", "Check the path.")
    folder = place if place.is_dir() else place.parent
    top = command.run(None, "rev-parse", "--show-toplevel", folder=folder)
    if top.code != 0:
        return _of_folder(folder, place)
    root = Path(top.output.removesuffix("\n")).resolve()
    if place != root and command.run(None, "check-ignore", "--quiet", str(place), folder=root).code == 0:
        return _of_folder(folder, place)  # asked for by name, though git leaves it out
    listed = _listed(root, "--cached", "--others", "--exclude-standard")
    files = pl.DataFrame(_regular(root, listed), schema=_FILES, orient="row").unique("path").sort("path")
    return Worktree(root, True, _chosen(root, files, place))


def lines_since(worktree: Worktree, revision: str) -> pl.DataFrame:
    """Lines (path, start_line, end_line) that are in the files now and were not in the revision.

    Since the point where HEAD and the revision part, as `git diff revision...`: what the other side did meanwhile is
    not new here. A file that was moved is not new, one that git does not track is.

    Raises:
        ConfigError: it is no git checkout, or has no such revision.
        SourceError: git cannot compare.
    """
    if not worktree.is_git:
        raise ConfigError(f"{paths.shown(worktree.root)} is no git checkout, so nothing in it is known to be new.",
                          "Leave out --new-since, or give a path inside a git checkout.")  # fmt: skip
    base = _base(worktree.root, revision)
    untracked = [(paths.escape(raw), 1, EVERY_LINE) for raw in _listed(worktree.root, "--others", "--exclude-standard")]
    return pl.DataFrame([*_diff(worktree.root, base), *untracked], schema=LINES, orient="row")


def _of_folder(folder: Path, place: Path) -> Worktree:
    repository = Repository("", folder.name, FOLDER, paths.shown(folder), folder / ".stemma-no-data")
    found = folders.scan(repository)
    files = found.states.filter(pl.col("mode").str.starts_with("100")).select(_FILES.names())
    return Worktree(folder, False, _chosen(folder, files, place), tuple(found.unreadable))


def _chosen(root: Path, files: pl.DataFrame, place: Path) -> pl.DataFrame:
    """Files of a known language at or below `place`, with language and category by their names and attributes."""
    name = pl.col("path").str.split("/").list.last()
    rules = files.filter(name.is_in([STEMMA_IGNORE, GIT_ATTRIBUTES]), pl.col("n_bytes") <= RULE_FILE_BYTES)
    kept = read_rules(language_of, _texts(root, rules["path"])).classify(files).filter(pl.col("language").is_not_null())
    if place != root:
        part = paths.shown(place.relative_to(root))
        kept = kept.filter((pl.col("path") == part) | pl.col("path").str.starts_with(f"{part}/"))
    return kept


def _texts(root: Path, rules: Iterable[str]) -> Iterator[tuple[str, str]]:
    for path in rules:
        try:
            yield path, read_file(root, path, RULE_FILE_BYTES).decode("utf-8", "replace")
        except OSError:
            continue


def read_file(root: Path | str, path: str, max_bytes: int) -> bytes:
    """The first `max_bytes` and one of a file, not through a link or a pipe that took its place.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    full = os.path.join(os.fsencode(root), paths.unescape(path))  # noqa: PTH118 - bytes, not a Path
    descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return file.read(max_bytes + 1)


def read_mtimes(root: Path, files: Iterable[str]) -> Iterator[float]:
    """When each of the files was last written, in seconds of Unix time; those that are gone are left out."""
    above = os.fsencode(root) + b"/"
    for path in files:
        with suppress(OSError):
            yield os.lstat(above + paths.unescape(path)).st_mtime


def _listed(root: Path, *which: str) -> Iterator[bytes]:
    answer = command.run(None, "ls-files", "-z", *which, folder=root)
    if answer.code != 0:
        raise SourceError(f"git cannot list {paths.shown(root)}: {answer.message}.", "Mend the checkout (git status).")
    return (os.fsencode(path) for path in answer.output.split("\0") if path)


def _regular(root: Path, listed: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    """Those of the files that are there and are no links or submodules, with their sizes."""
    above = os.fsencode(root) + b"/"
    for raw in listed:
        try:
            found = os.lstat(above + raw)
        except OSError:  # tracked, and deleted since
            continue
        if stat.S_ISREG(found.st_mode):
            yield paths.escape(raw), found.st_size


def _base(root: Path, revision: str) -> str:
    """Commit at which HEAD and the revision part; the revision itself where they have none in common."""
    asked = f"{revision}^{{commit}}"
    found = command.run(None, "rev-parse", "--verify", "--quiet", "--end-of-options", asked, folder=root)
    is_shallow = command.run(None, "rev-parse", "--is-shallow-repository", folder=root).output.strip() == "true"
    deeper = "Fetch what is missing: git fetch --unshallow (in GitHub Actions: fetch-depth: 0)."
    if found.code != 0:
        hint = deeper if is_shallow else "Name a commit, branch or tag that git rev-parse knows here."
        where = "this shallow clone" if is_shallow else paths.shown(root)
        raise ConfigError(f"There is no revision '{revision}' in {where}.", hint)
    commit = found.output.strip()
    parting = command.run(None, "merge-base", commit, "HEAD", folder=root)
    if parting.code == 0:
        return parting.output.split()[0]
    if is_shallow:
        raise ConfigError(f"Where HEAD and '{revision}' part is beyond the end of this shallow clone.", deeper)
    return commit


def _diff(root: Path, base: str) -> Iterator[tuple[str, int, int]]:
    arguments = (
        *("diff", "--unified=0", "--find-renames", "--diff-filter=d", "--no-color", "--no-ext-diff", "--no-textconv"),
        *("--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/", base, "--"),
    )
    variables = command.environment(config=_without_filters(root))
    with tempfile.TemporaryFile() as complaints:
        process = command.start(None, arguments, variables, root, (subprocess.DEVNULL, subprocess.PIPE, complaints))
        try:
            assert process.stdout is not None
            yield from _hunks(process.stdout)
            process.stdout.close()
            if process.wait() != 0:
                said = command.complaint(complaints)
                raise SourceError(f"git cannot compare {paths.shown(root)} with {base}: {said}.", "Try git diff there.")
        finally:
            command.stop(process)


def _hunks(output: Iterable[bytes]) -> Iterator[tuple[str, int, int]]:
    """The new lines a diff without context tells of. Contents are counted off, so that none is taken for a header."""
    path, n_content = "", 0
    for line in output:
        if n_content:
            n_content -= not line.startswith(b"\\")
        elif line.startswith(b"+++ "):
            path = _path(line[4:].rstrip(b"\n"))
        elif hunk := _HUNK.match(line):
            n_old, start, n_new = (1 if number is None else int(number) for number in hunk.groups())
            n_content = n_old + n_new
            if n_new:
                yield path, start, start + n_new - 1


def _path(told: bytes) -> str:
    name = paths.unquote(told.rstrip(b"\t").decode("ascii", "replace"))
    return name.removeprefix("b/")


def _without_filters(root: Path) -> list[tuple[str, str]]:
    """Settings under which no filter that the checkout's attributes name is run on its files."""
    names = command.run(None, "config", "--null", "--name-only", "--get-regexp", r"^filter\.", folder=root)
    drivers = {found[1] for name in names.output.split("\0") if (found := _FILTER.fullmatch(name))}
    off = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    return [(f"{driver}.{key}", value) for driver in sorted(drivers) for key, value in off]
