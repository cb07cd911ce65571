"""Which repositories Stemma knows: register, find, list, mark. What it forgets with one of them is told in `removal`.

Reading a registered repository begins in `fetch`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count

import polars as pl

from stemma.config import Settings, load_settings
from stemma.errors import ConfigError, NotFoundError, SourceError
from stemma.git import command, fetch, paths
from stemma.git.location import Location, parse_location
from stemma.git.removal import Removal, forget
from stemma.git.repository import FOLDER, GIT, Repository
from stemma.git.standing import storable
from stemma.ids import content_id
from stemma.store.postgres import Database
from stemma.tables import polars_schema, repositories

_NAME = re.compile(r"[^\x00-\x1f\x7f/]{1,100}")
_COLUMNS = "repo_id, name, kind, location, tags, team, head_sha, extractor_version, is_shallow, status, status_reason"


def register(
    db: Database,
    settings: Settings,
    location: str,
    name: str | None = None,
    *,
    tags: Sequence[str] = (),
    team: str | None = None,
) -> str:
    """Register a git repository by path or URL, or a folder; returns its repo_id.

    The same location again is the same repository; a name, tags or team given then take the place of the old ones.
    User and token in a URL are kept in a file of mode 0600 in the data folder and nowhere else.

    Raises:
        SourceError: there is nothing to read at the location.
        ConfigError: the name is taken or unusable.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be the name of a repository.", "Use up to 100 characters without '/'.")
    kind, place = _look(location)
    repo_id = content_id("repository", place.key)
    known = db.read("SELECT name FROM stemma.repositories WHERE repo_id = $1", [repo_id])
    repo = Repository(repo_id, name or place.default_name, kind, place.text, settings.data_dir)
    if place.is_url:
        fetch.check_reachable(repo, place.credential)
    if known.is_empty() and _insert(db, repo, name, tags, team):
        return repo_id
    _change(db, repo, name, tags, team)
    return repo_id


def list_repositories(db: Database) -> pl.DataFrame:
    """Every column of every registered repository, by name."""
    return db.read("SELECT * FROM stemma.repositories ORDER BY name", schema=polars_schema(repositories))


def find(db: Database, name_or_id_or_path: str, settings: Settings | None = None) -> Repository:
    """The registered repository of that name, id, or path or URL.

    Args:
        settings: say where clones are; by default those that the environment gives.

    Raises:
        NotFoundError: there is none.
    """
    data_dir = (settings or load_settings()).data_dir
    for column, value in _ways_to_name(name_or_id_or_path):
        found = db.read(f"SELECT {_COLUMNS} FROM stemma.repositories WHERE {column} = $1", [value])
        if not found.is_empty():
            row = found.row(0, named=True)
            return Repository(**{**row, "tags": tuple(row["tags"])}, data_dir=data_dir)
    raise NotFoundError(f"No repository is called {name_or_id_or_path!r}.", "Run `stemma repo list` to see them.")


def remove(db: Database, settings: Settings, name: str) -> Removal:
    """Forget a repository and everything that only it held; see `removal.forget`."""
    return forget(db, find(db, name, settings))


def mark(db: Database, name: str, status: str, reason: str | None) -> None:
    """Note how a repository was found; a status that already gives this reason stays as it is."""
    db.execute(
        "UPDATE stemma.repositories SET status = $2, status_reason = $3 "
        "WHERE name = $1 AND (status_reason IS DISTINCT FROM $3 OR ($3 IS NULL AND status IS DISTINCT FROM $2))",
        [name, status, storable(reason)],
    )


def _look(text: str) -> tuple[str, Location]:
    """The kind of what is at a location, and the location in the form that is stored.

    The top of a work tree, a bare repository and a `.git` are git; any other folder is one, even inside a work tree.
    """
    place = parse_location(text)
    if place.is_url:
        return GIT, place
    path = place.path
    try:
        next(path.iterdir(), None)
    except FileNotFoundError as error:
        raise SourceError(f"{place.text} does not exist.", "Check the path.") from error
    except NotADirectoryError as error:
        raise SourceError(f"{place.text} is a file.", "Give the folder or repository it is in.") from error
    except OSError as error:
        raise SourceError(f"{place.text} cannot be read: {error.strerror}.", "Mend its mode or owner.") from error
    answer = command.run(None, "rev-parse", "--absolute-git-dir", "--is-bare-repository", folder=path)
    if answer.code != 0:
        if (path / ".git").exists():
            raise SourceError(
                f"{place.text} has a .git that git cannot read: {answer.message}.", "Mend it, or clone it again."
            )
        return FOLDER, place
    git_dir, is_bare = answer.output.splitlines()
    if path.name == ".git" and path.samefile(git_dir):
        return GIT, parse_location(str(path.parent))
    if (path / ".git").exists() or (is_bare == "true" and path.samefile(git_dir)):
        return GIT, place
    return FOLDER, place


def _insert(db: Database, repo: Repository, name: str | None, tags: Sequence[str], team: str | None) -> bool:
    """Add the row under a name that is free; False when another process has added the repository meanwhile."""
    for candidate in [name] if name else _names(repo.name):
        row = {
            "repo_id": repo.repo_id,
            "name": candidate,
            "kind": repo.kind,
            "location": repo.location,
            "tags": list(tags),
            "team": team,
            "added_at": datetime.now(UTC),
            "is_shallow": False,
        }
        schema = {column: kind for column, kind in polars_schema(repositories).items() if column in row}
        if db.insert(repositories, pl.DataFrame([row], schema=schema), "nothing"):
            return True
        if not db.read("SELECT 1 FROM stemma.repositories WHERE repo_id = $1", [repo.repo_id]).is_empty():
            return False
    raise ConfigError(f"Another repository is already called {name!r}.", "Choose another name.")


def _change(db: Database, repo: Repository, name: str | None, tags: Sequence[str], team: str | None) -> None:
    with db.transaction() as transaction:
        if name:
            taken = "SELECT 1 FROM stemma.repositories WHERE name = $1 AND repo_id <> $2"
            if not transaction.read(taken, [name, repo.repo_id]).is_empty():
                raise ConfigError(f"Another repository is already called {name!r}.", "Choose another name.")
            transaction.execute("UPDATE stemma.repositories SET name = $2 WHERE repo_id = $1", [repo.repo_id, name])
        if tags:
            frame = pl.DataFrame({"repo_id": [repo.repo_id], "tags": [list(tags)]})
            with transaction.staged("given_tags", frame) as given:
                transaction.execute(
                    f"UPDATE stemma.repositories r SET tags = g.tags FROM {given} g WHERE r.repo_id = g.repo_id"
                )
        if team:
            transaction.execute("UPDATE stemma.repositories SET team = $2 WHERE repo_id = $1", [repo.repo_id, team])
        transaction.execute(
            "UPDATE stemma.repositories SET kind = $2 WHERE repo_id = $1 AND kind <> $2", [repo.repo_id, repo.kind]
        )


def _names(first: str) -> Iterator[str]:
    yield first
    for number in count(2):
        yield f"{first}-{number}"


def _ways_to_name(text: str) -> Iterator[tuple[str, str]]:
    yield "name", text
    yield "repo_id", text
    try:
        place = parse_location(text)
    except SourceError:
        return
    yield "repo_id", content_id("repository", place.key)
    if not place.is_url and place.path.name == ".git":
        yield "location", paths.escape(os.fsencode(place.path.parent))


__all__ = ["Removal", "Repository", "find", "list_repositories", "mark", "register", "remove"]
