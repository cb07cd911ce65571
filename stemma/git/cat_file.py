"""Objects of any kind by id, through `git cat-file`, which is begun anew behind an object that makes it give up.

Which objects are worth reading is known by `objects` (file contents) and `history` (commits).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stemma.errors import SourceError
from stemma.git.store import Store

SHA1_DIGITS = 40


@dataclass(frozen=True)
class Header:
    """Kind and size of one object; kind is None when it is not there, `corrupt` when it is but cannot be read."""

    oid: str
    kind: str | None
    n_bytes: int = 0


CORRUPT = "corrupt"


def object_id(kind: str, content: bytes, like: str = "") -> str:
    """Git's id of an object: SHA-1, or SHA-256 where `like` is such an id."""
    digest = hashlib.sha256() if len(like) > SHA1_DIGITS else hashlib.sha1(usedforsecurity=False)
    digest.update(f"{kind} {len(content)}\0".encode())
    digest.update(content)
    return digest.hexdigest()


def headers(store: Store, oids: Sequence[str]) -> Iterator[Header]:
    """The header of each object, in the order asked; nothing is unpacked for it."""
    answered = 0
    while answered < len(oids):
        with store.stream("cat-file", "--batch-check", "--buffer", lines=oids[answered:]) as answers:
            for line in answers.output:
                yield _header(oids[answered], line)
                answered += 1
        if answered < len(oids):
            _refuse_if_gone(store, answers.message)
            yield Header(oids[answered], CORRUPT)
            answered += 1


def contents(store: Store, oids: Sequence[str]) -> Iterator[tuple[Header, bytes | None]]:
    """The objects with their contents, in the order asked; None where it is missing or is not what its id says."""
    answered = 0
    while answered < len(oids):
        with store.stream("cat-file", "--batch", "--buffer", lines=oids[answered:]) as answers:
            while answered < len(oids) and (line := answers.output.readline()):
                header = _header(oids[answered], line)
                if header.kind is None:
                    content = None
                else:
                    content = answers.output.read(header.n_bytes)
                    if len(content) < header.n_bytes:  # git died in the middle of it
                        break
                    answers.output.read(1)
                    if object_id(header.kind, content, like=header.oid) != header.oid:
                        header, content = Header(header.oid, CORRUPT), None
                answered += 1
                yield header, content
        if answered < len(oids):
            _refuse_if_gone(store, answers.message)
            yield Header(oids[answered], CORRUPT), None
            answered += 1


def all_of_kind(store: Store, kind: str) -> list[str]:
    """Ids of every object of one kind in the store, reachable or not."""
    arguments = ["--batch-all-objects", "--batch-check=%(objecttype) %(objectname)", "--buffer", "--unordered"]
    with store.stream("cat-file", *arguments) as listed:
        return [line.split(" ")[1] for block in listed.line_blocks() for line in block if line.startswith(f"{kind} ")]


def _header(oid: str, line: bytes) -> Header:
    match line.split():
        case [_, kind, size] if size.isdigit():
            return Header(oid, kind.decode(), int(size))
        case _:
            return Header(oid, None)


def _refuse_if_gone(store: Store, message: str) -> None:
    if "not a git repository" in message or not store.objects.exists():
        raise SourceError(f"{store.name} can no longer be read as a git repository: {message}.", "Bring it back.")
