"""A small replay of agents' edits in an installed package: nearly all of theirs is found, and nothing of a person's."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from bench.attribution.scoring import measure
from stemma.config import Settings
from stemma.store.postgres import Database

PACKAGE = Path(typer.__file__).parent


@pytest.mark.parametrize("scenario", ["rebase", "squash, reformat and rename in one"])
def test_what_agents_wrote_is_still_theirs(scenario: str, database: Database, settings: Settings) -> None:
    (score,) = measure(PACKAGE, database, settings, n=8, only=(scenario,))
    assert sum(score.n.values()) >= 24
    assert score.wrong == 0, score.misses
    assert score.right >= 0.95, score.misses
