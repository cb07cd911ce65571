"""What a run would read, as cheap states by name: equal states mean there is nothing to do. Runs keep them (`runs`)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from stemma.attribution import edits, origins, statements
from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.errors import SourceError
from stemma.feedback import outcomes
from stemma.git import registry
from stemma.git.fetch import head_state
from stemma.git.registry import Repository
from stemma.ids import content_id
from stemma.match import index
from stemma.match.matches import matcher_version
from stemma.quorum.calibration import calibration_in_force
from stemma.quorum.members import open_members
from stemma.quorum.members.judge import open_judges
from stemma.quorum.poll import current_version
from stemma.quorum.rule import Rule
from stemma.quorum.sitting import rule_version
from stemma.semantics.patterns import analyser_state
from stemma.store import marts
from stemma.store.postgres import Database
from stemma.track import spool

UNREADABLE = "unreadable"


def current_inputs(
    db: Database, settings: Settings, repositories: Iterable[Repository], dbt_project: Path
) -> dict[str, str]:
    """The state of each of these repositories, of the stores, and of what reads them all.

    A repository that cannot be reached gets a state that never equals an earlier one, so that the run names it.
    """
    # What reads a repository apart from the others is part of its own state: a run over some brings only those up.
    readers = (
        f"{outcomes.VERSION} {edits.VERSION} {origins.VERSION} {settings.max_file_bytes} {settings.parse_timeout_s}"
    )
    states = {
        "stemma": version("codestemma"),
        "registered": content_id(*sorted(registry.list_repositories(db)["repo_id"])),
        "matcher": f"{matcher_version(settings, open_embedder(settings).name)} at {settings.match_threshold}",
        "analyser": analyser_state(settings),
        "quorum": _quorum(db, settings),
        "dbt": dbt_digest(dbt_project),
        **store_states(settings, db),
    }
    for repository in repositories:
        try:
            state = f"{head_state(db, settings, repository)} {statements.state(repository)} {readers}"
        except SourceError as error:
            state = f"{UNREADABLE}: {error.problem}"
        states[repository_key(repository.name)] = state
    return states


def _quorum(db: Database, settings: Settings) -> str:
    rule = rule_version(Rule(target_error=settings.quorum_target_error), calibration_in_force(settings))
    members = (*open_members(settings, db), *open_judges(settings, db))
    return content_id(rule, *(f"{one.name} {current_version(one)}" for one in members), str(db.read(_SAID).item()))


# What people decided; labels by outcome are a run's own work.
_SAID = "SELECT concat(count(*), ' ', max(labelled_at)) AS said FROM stemma.labels WHERE source <> 'outcome'"


def repository_key(name: str) -> str:
    """Under which name a repository's state is kept."""
    return f"repository {name}"


def store_states(settings: Settings, db: Database) -> dict[str, str]:
    """What a run itself changes: read them again when it has ended."""
    vectors = settings.qdrant_url or (settings.data_dir / "vectors").exists()
    return {
        "spool": f"{spool.pending(settings, db)} bytes waiting after {spool.n_read_lines(db)} lines",
        "marts": "there" if marts.path(settings).exists() else "absent",
        "vectors": "there" if vectors else "absent",
        "index": "there" if index.path_of(settings).exists() else "absent",
    }


def is_fresh(states: dict[str, str], last: dict[str, str]) -> bool:
    """Whether a run that found `states` has nothing to do after one that read `last`."""
    unreadable = any(state.startswith(UNREADABLE) for state in states.values())
    lost = "absent" in (states["marts"], states["vectors"], states["index"])
    return not unreadable and not lost and all(last.get(name) == state for name, state in states.items())


def dbt_digest(folder: Path) -> str:
    """Hash of the models, macros and settings of the dbt project."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".sql", ".yml") and "target" not in path.parts)
    return content_id(*(part for path in paths for part in (str(path.relative_to(folder)), path.read_bytes())))
