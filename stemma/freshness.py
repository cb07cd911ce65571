"""What a run would read, as cheap states by name: equal states mean there is nothing to do. Runs keep them (`runs`)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.errors import SourceError
from stemma.git import registry
from stemma.git.fetch import head_state
from stemma.git.registry import Repository
from stemma.ids import content_id
from stemma.languages import EXTRACTOR_VERSION
from stemma.match.matches import matcher_version
from stemma.quorum.members import open_members
from stemma.quorum.votes import current_version
from stemma.store.postgres import Database
from stemma.track import spool


def current_inputs(
    db: Database, settings: Settings, repositories: Iterable[Repository], dbt_project: Path
) -> dict[str, str]:
    """The state of each repository's head and of everything that reads it.

    A repository that cannot be reached gets a state that never equals an earlier one, so that the run names it.
    """
    states = {
        "stemma": version("codestemma"),
        "registered": content_id(*sorted(registry.list_repositories(db)["repo_id"])),
        "extractor": EXTRACTOR_VERSION,
        "matcher": f"{matcher_version(settings, open_embedder(settings).name)} at {settings.match_threshold}",
        "quorum": content_id(*(f"{member.name} {current_version(member)}" for member in open_members())),
        "dbt": _folder_digest(dbt_project),
        "spool": spool_state(settings, db),
    }
    for repository in repositories:
        try:
            states[f"repository {repository.name}"] = head_state(db, settings, repository)
        except SourceError as error:
            states[f"repository {repository.name}"] = f"unreadable: {error.problem}"
    return states


def spool_state(settings: Settings, db: Database) -> str:
    """How much of the agents' spool waits to be read."""
    return f"{spool.pending(settings, db)} bytes waiting"


def is_fresh(states: dict[str, str], last: dict[str, str]) -> bool:
    """Whether a run that found `states` has nothing to do after one that read `last`."""
    unreadable = any(state.startswith("unreadable") for state in states.values())
    return not unreadable and all(last.get(name) == state for name, state in states.items())


def _folder_digest(folder: Path) -> str:
    """Hash of the models, macros and settings of the dbt project."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".sql", ".yml") and "target" not in path.parts)
    return content_id(*(part for path in paths for part in (str(path.relative_to(folder)), path.read_bytes())))
