"""File contents by object id, streamed: from git by `cat-file --batch`, from a folder by the paths that hold them.

Which contents there are is told by `history`, `changes` and `trees`; what they mean, by `stemma.extract`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice

from stemma.errors import SourceError
from stemma.git import cat_file
from stemma.git.blob import CORRUPT, MISSING, NOT_A_FILE, TOO_LARGE
from stemma.git.folders import read_folder_blobs
from stemma.git.repository import FOLDER, Repository
from stemma.git.store import open_store

MAX_BYTES = 5_000_000
OIDS_PER_BATCH = 20_000


def read_blobs(
    repo: Repository,
    oids: Iterable[str],
    *,
    max_bytes: int = MAX_BYTES,
    reasons: MutableMapping[str, str] | None = None,
) -> Iterator[tuple[str, bytes | None]]:
    """Each id with its content, or None where there is none to be had; every id once, in no promised order.

    A content is checked against its id: a repository cannot pass one text off as another. Memory holds one content
    (at most `max_bytes`) and a batch of ids.

    Args:
        reasons: filled with why an id came as None: too_large, missing, corrupt, not_a_file or (folder) changed.

    Raises:
        SourceError: the repository itself is gone.
    """
    why = {} if reasons is None else reasons
    if not repo.path.exists():
        raise SourceError(f"{repo.location} is gone, so {repo.name} cannot be read.", "Bring it back, or remove it.")
    if repo.kind == FOLDER:
        yield from read_folder_blobs(repo, oids, max_bytes, why)
        return
    store, remaining = open_store(repo.git_dir), iter(oids)
    while batch := list(islice(remaining, OIDS_PER_BATCH)):
        fitting = []
        for header in cat_file.headers(store, batch):
            reason = _why_not(header, max_bytes)
            if reason is None:
                fitting.append(header.oid)
            else:
                why[header.oid] = reason
                yield header.oid, None
        for header, content in cat_file.contents(store, fitting):
            if content is None:
                why[header.oid] = header.kind or MISSING
            yield header.oid, content


def _why_not(header: cat_file.Header, max_bytes: int) -> str | None:
    if header.kind is None:
        return MISSING
    if header.kind == CORRUPT:
        return CORRUPT
    if header.kind != "blob":
        return NOT_A_FILE
    return TOO_LARGE if header.n_bytes > max_bytes else None
