"""A plain folder read as if it were a commit: its files, their git object ids, and their contents by id.

How successive states become snapshots and changes is decided in `ingest`; git repositories are read by `trees`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from stemma.errors import SourceError
from stemma.git import paths
from stemma.git.blob import CHANGED, TOO_LARGE, blob_id
from stemma.git.ignore import GIT_IGNORE, SKIPPED_FOLDERS, STEMMA_IGNORE, IgnoreRules
from stemma.git.repository import LEFT_OUT, Repository
from stemma.git.trees import SYMLINK_MODE
from stemma.ids import content_id

# A file written again within the clock's grain keeps its times: younger than this when read, it is not trusted.
RACY_NS = 2_000_000_000
UNREAD = "unread-"
IGNORE_FILE_BYTES = 1_000_000
_STATES = {"path": pl.String, "mode": pl.String, "n_bytes": pl.Int64, "mtime_ns": pl.Int64, "ctime_ns": pl.Int64}
_State = tuple[str, str, int, int, int]
_MANIFEST = pl.Schema({**_STATES, "blob_oid": pl.String, "read_at_ns": pl.Int64})


@dataclass
class Scan:
    """Files of a folder (path, mode, n_bytes, mtime_ns, ctime_ns), and those that could not be read."""

    states: pl.DataFrame
    unreadable: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str | None:
        """One sentence on what could not be read, or None."""
        if not self.unreadable:
            return None
        named = ", ".join(sorted(self.unreadable)[:3]) + (", ..." if len(self.unreadable) > 3 else "")
        return f"{len(self.unreadable)} files or folders cannot be read ({named}) and are {LEFT_OUT}"


def digest(repo: Repository) -> str:
    """Changes whenever a file's path, size or time does; no content is read."""
    columns = scan(repo).states.select("path", "mode", "n_bytes", "mtime_ns").get_columns()
    return content_id(*("\n".join(column.cast(pl.String).to_list()) for column in columns))


def scan(repo: Repository) -> Scan:
    """List the folder, ignore lists applied, symbolic links not followed, in the order of paths.

    Raises:
        SourceError: the folder is gone or may not be read.
    """
    root = os.fsencode(repo.path)
    found = Scan(pl.DataFrame(schema=_STATES))
    rules, rows = IgnoreRules(), list[_State]()
    kept_out = os.fsencode(os.path.realpath(repo.data_dir))
    pending = [b""]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(_join(root, folder)))
        except OSError as error:
            if not folder:
                raise SourceError(f"{repo.location} cannot be read: {error.strerror}.", "Check the path.") from error
            found.unreadable.append(paths.escape(folder))
            continue
        _add_rules(rules, root, folder, entries)
        for entry in entries:
            path = paths.escape(raw := _join(folder, entry.name))
            try:
                if entry.is_dir(follow_symlinks=False):
                    is_skipped = entry.name.decode("ascii", "replace") in SKIPPED_FOLDERS or entry.path == kept_out
                    if not is_skipped and not rules.ignores_folder(path):
                        pending.append(raw)
                elif not rules.ignores(path) and (state := _state(entry, path)):
                    rows.append(state)
            except OSError:  # vanished, or not ours to look at
                found.unreadable.append(path)
    found.states = pl.DataFrame(rows, schema=_STATES, orient="row").sort("path")
    return found


def manifest(repo: Repository, max_bytes: int) -> tuple[pl.DataFrame, Scan]:
    """The scan's files with `blob_oid`; only files whose size or times changed since the last time are read.

    A file of more than `max_bytes` is not read: its id is `unread-` and a hash of its size and time. A file that
    cannot be read, or vanishes meanwhile, is left out and named in the scan.
    """
    now = time.time_ns()
    found = scan(repo)
    states = found.states.join(_trusted(repo), on=list(_STATES), how="left")
    fresh = states.filter(pl.col("blob_oid").is_null())
    oids = [_oid_or_none(repo, row, max_bytes) for row in fresh.iter_rows(named=True)]
    fresh = fresh.with_columns(blob_oid=pl.Series(oids, dtype=pl.String), read_at_ns=pl.lit(now, pl.Int64))
    found.unreadable += fresh.filter(pl.col("blob_oid").is_null())["path"].to_list()
    whole = pl.concat([states.filter(pl.col("blob_oid").is_not_null()), fresh.filter(pl.col("blob_oid").is_not_null())])
    whole = whole.sort("path")
    if fresh.height or whole.height != states.height or not repo.manifest.exists():
        _keep(repo, whole)
    return whole, found


def read_folder_blobs(
    repo: Repository, oids: Iterable[str], max_bytes: int, why: MutableMapping[str, str]
) -> Iterator[tuple[str, bytes | None]]:
    """As `objects.read_blobs`; a content that no file has any longer is `changed`."""
    known = _kept(repo)
    if known is None:
        known, _ = manifest(repo, max_bytes)
    places = {oid: (path, mode, size) for oid, path, mode, size in known.select(
        "blob_oid", "path", "mode", "n_bytes").iter_rows()}  # fmt: skip
    for oid in oids:
        path, mode, n_bytes = places.get(oid, (None, "", 0))
        if n_bytes > max_bytes:
            why[oid] = TOO_LARGE
            yield oid, None
            continue
        try:
            content = _content(repo, path, mode, max_bytes) if path is not None else None
        except OSError:
            content = None
        if content is None or blob_id(content) != oid:
            why[oid] = CHANGED
            content = None
        yield oid, content


def _state(entry: os.DirEntry[bytes], path: str) -> _State | None:
    found = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        mode = SYMLINK_MODE
    elif stat.S_ISREG(found.st_mode):
        mode = "100755" if found.st_mode & stat.S_IXUSR else "100644"
    else:  # a socket, pipe or device holds no code
        return None
    return path, mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _add_rules(rules: IgnoreRules, root: bytes, folder: bytes, entries: list[os.DirEntry[bytes]]) -> None:
    present = {entry.name for entry in entries}
    for name in (GIT_IGNORE, STEMMA_IGNORE):  # the later wins
        if name.encode() in present:
            try:
                text = _read(_join(_join(root, folder), name.encode()), IGNORE_FILE_BYTES)
            except OSError:
                continue
            rules.add(paths.escape(folder), text.decode("utf-8", "replace"))


def _content(repo: Repository, path: str, mode: str, max_bytes: int) -> bytes:
    full = _join(os.fsencode(repo.path), paths.unescape(path))
    return os.readlink(full) if mode == SYMLINK_MODE else _read(full, max_bytes)  # noqa: PTH115 - bytes, not a Path


def _oid_or_none(repo: Repository, row: Mapping[str, Any], max_bytes: int) -> str | None:
    if row["n_bytes"] > max_bytes:
        return UNREAD + content_id(str(row["n_bytes"]), str(row["mtime_ns"]))
    try:
        return blob_id(_content(repo, row["path"], row["mode"], max_bytes))
    except OSError:
        return None


def _join(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name)  # noqa: PTH118 - names are bytes, and Path takes only text


def _read(path: bytes, max_bytes: int) -> bytes:
    # Not through a link or a pipe that took the file's place since it was listed.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return file.read(max_bytes + 1)


def _trusted(repo: Repository) -> pl.DataFrame:
    known = _kept(repo)
    if known is None:
        return pl.DataFrame(schema=_MANIFEST)
    return known.filter(pl.max_horizontal("mtime_ns", "ctime_ns") < pl.col("read_at_ns") - RACY_NS)


def _kept(repo: Repository) -> pl.DataFrame | None:
    try:
        frame = pl.read_parquet(repo.manifest)
    except (OSError, pl.exceptions.PolarsError):
        return None
    return frame if frame.schema == _MANIFEST else None


def _keep(repo: Repository, frame: pl.DataFrame) -> None:
    repo.manifest.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(f"{repo.manifest}.{os.getpid()}")
    frame.select(_MANIFEST.names()).write_parquet(aside)
    aside.replace(repo.manifest)
