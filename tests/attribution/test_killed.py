"""`update_origins` in processes of its own: killed in the middle, and two at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemma.attribution.edits import update_agent_edits
from stemma.attribution.origins import OriginCounts, update_origins
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
from stemma.track import spool
from tests.attribution.agent import Agent, origins
from tests.halted import start, wait_until_alone, wait_until_halted, writers_halted
from tests.lineage.code import file, function
from tests.repositories import GitRepository

PASS = """
import sys
from stemma.attribution import origins
from stemma.config import Settings
from stemma.git import registry
from stemma.store.postgres import Database
origins.VERSIONS_PER_BATCH = 1
settings = Settings(data_dir=sys.argv[1], database_url=sys.argv[2], workers=1)
with Database(sys.argv[2]) as database:
    origins.update_origins(database, settings, registry.find(database, sys.argv[3], settings))
"""
MADE = ("origins", "origin_spans", "origin_progress")


@pytest.fixture
def pending(  # noqa: PLR0917 - fixtures
    database: Database,
    settings: Settings,
    repository: GitRepository,
    agent: Agent,
    attribute: Callable[[Path], str],
    bring_up: Callable[[Path], str],
) -> str:
    """Origins were decided once; since then an agent and a person wrote on, and the agent's edits were read."""
    repository.commit("human", {"a.py": file(function("one"), function("two", "parse"))})
    agent.write("b.py", function("three", "retry"))
    repository.commit("agent")
    attribute(repository.path)
    repository.commit("person", {"b.py": function("three", "retry", extra="seen = set(items)")})
    agent.write("c.py", function("four", "longest"))
    repository.commit("agent again")
    spool.ingest_spool(database, settings)
    repo_id = bring_up(repository.path)
    update_agent_edits(database, settings)
    return repo_id


DECIDED = {
    ("one", "human"): ("unknown", None),
    ("two", "human"): ("unknown", None),
    ("three", "agent"): ("agent", 1.0),
    ("three", "person"): ("mixed", round(20 / 24, 2)),
    ("four", "agent again"): ("agent", 1.0),
}


def everything(database: Database) -> list[pl.DataFrame]:
    rows = (database.read(f"SELECT * FROM stemma.{table}") for table in MADE)
    return [frame.sort(frame.columns) for frame in rows]


def same(one: list[pl.DataFrame], other: list[pl.DataFrame]) -> bool:
    return all(a.equals(b) for a, b in zip(one, other, strict=True))


def anew(database: Database, settings: Settings, repo_id: str) -> list[pl.DataFrame]:
    """What one undisturbed run from nothing decides."""
    for table in MADE:
        database.execute(f"DELETE FROM stemma.{table}")
    update_origins(database, settings, registry.find(database, repo_id, settings))
    return everything(database)


@pytest.mark.parametrize("table", MADE)
def test_killed_in_the_middle_it_leaves_what_was_there_and_the_next_one_decides_all(
    database: Database, settings: Settings, pending: str, table: str
) -> None:
    before = everything(database)
    with writers_halted(database, table):
        process = start(PASS, str(settings.data_dir), database.url, pending)
        wait_until_halted(database)
        process.kill()
        process.wait()
    wait_until_alone(database)
    assert same(everything(database), before)

    process = start(PASS, str(settings.data_dir), database.url, pending)
    assert process.wait() == 0
    assert origins(database) == DECIDED
    found = everything(database)
    assert same(found, anew(database, settings, pending))


def test_two_in_two_processes_decide_what_one_does(database: Database, settings: Settings, pending: str) -> None:
    with writers_halted(database, "origin_spans"):
        both = [start(PASS, str(settings.data_dir), database.url, pending) for _ in range(2)]
        wait_until_halted(database, 2)
    assert [process.wait() for process in both] == [0, 0]
    assert origins(database) == DECIDED
    found = everything(database)
    repo = registry.find(database, pending, settings)
    assert update_origins(database, settings, repo) == OriginCounts()
    assert same(found, anew(database, settings, pending))
