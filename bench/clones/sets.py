"""A set of functions and of pairs of them whose truth is known: what every detector is measured on.

BigCloneBench's is read in `bigclonebench`, the injected one made in `injected`; how they are scored is `scoring`'s.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

FUNCTIONS = pl.Schema(
    {
        "function_id": pl.Int64(),
        "language": pl.String(),
        "package": pl.String(),
        "place": pl.String(),
        "text": pl.Binary(),
    }
)
_MAKERS = frozenset({"edits", "functions", "injected", "layout", "originals", "released", "renaming", "sets", "syntax"})
PAIRS = pl.Schema(
    {
        "a": pl.Int64(),
        "b": pl.Int64(),
        "is_clone": pl.Boolean(),
        "kind": pl.String(),  # the clone type, or of what sort the negative is
        "detail": pl.String(),  # which operators made it
        "level": pl.Float64(),  # of Type-3: the strength aimed at
        "strength": pl.Float64(),  # and the one it has
        "package": pl.String(),  # what cross-validation keeps together
    }
)
T1, T2, ST3, T3 = "T1", "T2", "ST3", "T3"


@dataclass(frozen=True)
class CloneSet:
    """Functions, and labelled pairs of them: a < b, each once."""

    name: str
    provenance: dict[str, str]
    functions: pl.DataFrame
    pairs: pl.DataFrame

    @property
    def languages(self) -> list[str]:
        return self.functions["language"].unique().sort().to_list()

    def texts(self, language: str) -> dict[int, bytes]:
        rows = self.functions.filter(pl.col("language") == language)
        return dict(zip(rows["function_id"], rows["text"], strict=True))


class MissingSetError(Exception):
    """A set that is not in the folder; says which repository and commit to put where."""


def repository(folder: Path, name: str, commit: str) -> Path:
    """The git directory or clone of a public repository under the folder.

    Raises:
        MissingSetError: it is not there.
    """
    plain = name.replace("/", "+")
    for place in (folder / plain / "repo", folder / plain, folder / name):
        if place.exists():
            return place
    raise MissingSetError(f"Put a clone of {name} at {commit} into {folder / plain}.")


def files_at(repo: Path, commit: str, suffix: str, *paths: str) -> dict[str, bytes]:
    """Path -> content of the files with this suffix in a commit, below `paths` where any are given."""
    command = ["git", "-C", str(repo), "archive", "--format=tar", commit, "--", *paths]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [member for member in tar if member.isfile() and member.name.endswith(suffix)]
        return {member.name: file.read() for member in members if (file := tar.extractfile(member)) is not None}


def kept(folder: Path, name: str, key: str, build: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """A frame that takes minutes to make, from the folder if it was made there before of the same things.

    `key` says what it is made of; the code that makes it is part of that.
    """
    own = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem in _MAKERS)
    digest = hashlib.sha256(key.encode() + own).hexdigest()[:16]
    place = folder / "made" / f"{name}-{digest}.parquet"
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}")
        build().write_parquet(part)
        part.rename(place)
    return pl.read_parquet(place)
