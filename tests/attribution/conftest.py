"""An agent that writes into a git repository as the real hooks tell it, and the road from there to origins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.attribution.edits import update_agent_edits
from stemma.attribution.origins import update_origins
from stemma.attribution.statements import update_attributions
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from stemma.track import spool
from tests.attribution.agent import Agent
from tests.lineage.conftest import bring_up, ingest, repository
from tests.repositories import GitRepository

__all__ = ["bring_up", "ingest", "repository"]


@pytest.fixture
def agent(repository: GitRepository, settings: Settings) -> Agent:
    return Agent(repository, settings)


@pytest.fixture
def attribute(database: Database, settings: Settings, bring_up: Callable[[Path], str]) -> Callable[[Path], str]:
    """Ingest events, history and lineage, then decide origins; returns the repository's id."""

    def run(path: Path) -> str:
        spool.ingest_spool(database, settings)
        repo_id = bring_up(path)
        update_agent_edits(database, settings)
        repo = registry.find(database, repo_id, settings)
        update_attributions(database, repo)
        update_origins(database, settings, repo)
        return repo_id

    return run
