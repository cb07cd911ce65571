"""Which git checkout a file on this machine stands in, and which registered repository that checkout is.

The files of a whole checkout are listed in `worktree`; how a registered repository is read is told in `fetch`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stemma.config import Settings
from stemma.errors import NotFoundError, SourceError
from stemma.git import command, paths, registry
from stemma.git.blob import blob_id
from stemma.git.repository import Repository
from stemma.store.postgres import Database


@dataclass(frozen=True)
class Place:
    """A file of a checkout: the checkout's root, and the path in it as `paths.escape` writes it."""

    root: Path
    path: str


def find_place(file: Path, *, must_exist: bool = True) -> Place | None:
    """Where a file stands, or would stand; None when there must be one and is none, or it is in no git checkout."""
    try:
        if must_exist and not file.is_file():
            return None
        above = next((folder for folder in file.parents if folder.is_dir()), Path())
        folder = above.resolve()
    except OSError:  # a name too long, a folder that may not be entered
        return None
    top = command.run(None, "rev-parse", "--show-toplevel", folder=folder)
    if top.code != 0:
        return None
    root = Path(top.output.removesuffix("\n")).resolve()
    inside = (folder / file.relative_to(above)).relative_to(root)
    return Place(root, paths.escape(os.fsencode(inside)))


def find_registered(db: Database, settings: Settings, root: Path) -> Repository | None:
    """The registered repository that a checkout is: by its folder, or by the URL it was cloned from."""
    origin = command.run(None, "config", "--get", "remote.origin.url", folder=root)
    named = [paths.shown(root), *([origin.output.strip()] if origin.code == 0 else [])]
    for name in named:
        try:
            return registry.find(db, name, settings)
        except (NotFoundError, SourceError):
            continue
    return None


def edited_since(db: Database, place: Place, repository: Repository, max_bytes: int) -> str | None:
    """A sentence where the file on disk is not the text that was read of it last, whose lines are counted.

    A filter or another kind of line end makes other bytes of the same text, so this is good for a remark alone.
    """
    full = place.root / os.fsdecode(paths.unescape(place.path))
    known = db.read(
        "SELECT blob_oid FROM stemma.files WHERE repo_id = $1 AND path = $2", [repository.repo_id, place.path]
    )["blob_oid"].to_list()
    try:
        if not known or full.stat().st_size > max_bytes or blob_id(full.read_bytes(), known[0]) == known[0]:
            return None
    except OSError:
        return None
    return f"{place.path} has been edited since; lines are those of the text that was read."
