"""Files of the spool folder: which there are, how far each was read, and its next whole lines in bounded memory.

What a line means lives in `events`; how it is stored, in `spool`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from stemma.ids import content_id

# `events.jsonl`, and `events.jsonl.1` as logrotate leaves it.
_NAME = re.compile(r".+\.jsonl(\.\d+)?")
MAX_LINE_BYTES = 10_000_000
KEPT_BYTES = 64_000  # of a longer line
BATCH_BYTES = 8_000_000
_CHUNK_BYTES = 1_000_000
_FINGERPRINT_BYTES = 1024


@dataclass(frozen=True)
class Position:
    """How far a file was read. A file never read is at 0 bytes, with the fingerprint of nothing."""

    name: str
    inode: int
    read_bytes: int = 0
    read_lines: int = 0
    seen_bytes: int = 0
    fingerprint: str = content_id(b"", b"")


@dataclass(frozen=True)
class Line:
    """A whole line without its end; of one longer than MAX_LINE_BYTES only the beginning."""

    number: int
    data: bytes
    is_too_long: bool = False


@dataclass
class Batch:
    """Consecutive lines of one file, and the position after them."""

    position: Position
    lines: list[Line] = field(default_factory=list)


def stat_files(folder: Path) -> dict[str, os.stat_result]:
    """Regular files of the folder whose names are a spool's, the one written last at the end; links are not followed.

    A rotated file so comes before the new one that took its name, while its position is still noted under that name.
    """
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries if _is_spool(entry)}
    except FileNotFoundError:
        return {}
    return dict(sorted(found.items(), key=lambda item: (item[1].st_mtime_ns, item[0])))


def _is_spool(entry: os.DirEntry[str]) -> bool:
    return _NAME.fullmatch(entry.name) is not None and entry.is_file(follow_symlinks=False)


def unread_bytes(status: os.stat_result, position: Position | None) -> int:
    """Bytes that may hold something new since the last look; 0 where the file did not change since."""
    if position is None or status.st_ino != position.inode or status.st_size < position.read_bytes:
        return status.st_size
    return status.st_size - position.read_bytes if status.st_size != position.seen_bytes else 0


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the file, which must still be a regular one: never a pipe that blocks, never a link.

    Raises:
        OSError: it is gone or may not be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def resume(descriptor: int, name: str, known: list[Position]) -> Position:
    """Where to read on: at the position noted under this name, or under an earlier name of the same inode.

    A file that was truncated, replaced or rewritten does not begin or go on as noted: it is read from its start.
    """
    status = os.fstat(descriptor)
    for position in sorted(known, key=lambda candidate: candidate.name != name):
        is_candidate = position.name == name or position.inode == status.st_ino
        if is_candidate and fingerprint(descriptor, position.read_bytes) == position.fingerprint:
            return replace(position, name=name, inode=status.st_ino)
    return Position(name, status.st_ino)


def fingerprint(descriptor: int, read_bytes: int) -> str | None:
    """Hash of the first and the last kilobyte before `read_bytes`; None where the file is shorter than that."""
    if os.fstat(descriptor).st_size < read_bytes:
        return None
    n_bytes = min(read_bytes, _FINGERPRINT_BYTES)
    return content_id(os.pread(descriptor, n_bytes, 0), os.pread(descriptor, n_bytes, read_bytes - n_bytes))


def next_batch(descriptor: int, position: Position) -> Batch:
    """Whole lines from the position on, about BATCH_BYTES of them; a line without an end waits for its end.

    It has no lines when no whole line is left; its position then says how large the file was.
    """
    lines: list[Line] = []
    offset, line_start, number = position.read_bytes, position.read_bytes, position.read_lines
    head, n_held = bytearray(), 0  # the line begun: what is kept of it, and all its bytes so far
    is_at_end = False
    while line_start - position.read_bytes < BATCH_BYTES and not is_at_end:
        chunk = os.pread(descriptor, _CHUNK_BYTES, offset)
        is_at_end = not chunk
        offset += len(chunk)
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            n_bytes = n_held + len(piece)
            number += 1
            lines.append(_line(number, bytes(head) + piece if head else piece, n_bytes))
            line_start += n_bytes + 1
            head.clear()
            n_held = 0
        n_held += len(rest)
        if len(head) <= MAX_LINE_BYTES:  # so at most a chunk more is ever held
            head += rest
    after = replace(
        position,
        read_bytes=line_start,
        read_lines=number,
        seen_bytes=offset if is_at_end else line_start,
        fingerprint=fingerprint(descriptor, line_start) or position.fingerprint,
    )
    return Batch(after, lines)


def _line(number: int, data: bytes, n_bytes: int) -> Line:
    if n_bytes > MAX_LINE_BYTES:
        return Line(number, data[:KEPT_BYTES], is_too_long=True)
    return Line(number, data)
