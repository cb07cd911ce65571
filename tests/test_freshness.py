"""A run does nothing only where nothing that it reads, and nothing that it made, has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemma import freshness, rebuild, runs
from stemma.config import Settings
from stemma.git import registry
from stemma.git.registry import Repository
from stemma.judge_settings import JudgeSettings
from stemma.match import index
from stemma.quorum.labels import record_review
from stemma.store import marts
from stemma.store.postgres import Database
from stemma.track import spool
from tests.repositories import GitRepository

DBT_PROJECT = Path(__file__).parent.parent / "dbt_project"


@pytest.fixture
def repository(database: Database, settings: Settings, tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "one")
    made.commit("First", {"a.py": "x = 1\n"})
    registry.register(database, settings, str(made.path), name="one")
    marts.path(settings).parent.mkdir(parents=True, exist_ok=True)
    marts.path(settings).touch()
    (settings.data_dir / "vectors").mkdir()
    index.path_of(settings).touch()
    return made


def states(database: Database, settings: Settings) -> dict[str, str]:
    known: list[Repository] = [registry.find(database, "one", settings)]
    return freshness.current_inputs(database, settings, known, DBT_PROJECT)


def test_the_same_state_is_fresh(database: Database, settings: Settings, repository: GitRepository) -> None:
    assert freshness.is_fresh(states(database, settings), states(database, settings))


def test_a_commit_an_event_and_another_limit_are_news(
    database: Database, settings: Settings, repository: GitRepository
) -> None:
    before = states(database, settings)
    larger = settings.model_copy(update={"max_file_bytes": settings.max_file_bytes + 1})
    assert not freshness.is_fresh(states(database, larger), before)
    spool.append(settings, {"agent": "tester", "event_type": "wrote", "payload": {}})
    assert not freshness.is_fresh(states(database, settings), before)
    spool.ingest_spool(database, settings)  # by someone else than a run, which is still to hold it against history
    assert not freshness.is_fresh(states(database, settings), before)
    before = states(database, settings)
    assert freshness.is_fresh(states(database, settings), before)
    repository.commit("Second", {"a.py": "x = 2\n"})
    assert not freshness.is_fresh(states(database, settings), before)


def test_a_review_and_another_judge_are_news_and_a_label_by_outcome_is_not(
    database: Database, settings: Settings, repository: GitRepository
) -> None:
    before = states(database, settings)
    text = ("a" * 32, "b" * 32)
    by_outcome = "INSERT INTO stemma.labels VALUES ('1', $1, $2, true, 'outcome', 'rules', NULL, now())"
    database.execute(by_outcome, text)
    assert freshness.is_fresh(states(database, settings), before)
    record_review(database, text, is_fit=True, name="Ada", reason="Fine.")
    assert not freshness.is_fresh(states(database, settings), before)
    before = states(database, settings)
    judge = JudgeSettings(name="one", base_url="http://127.0.0.1:9/v1", model="tiny")
    judged = settings.model_copy(update={"judges": (judge,)})
    assert not freshness.is_fresh(states(database, judged), before)
    assert freshness.is_fresh(states(database, judged), states(database, judged))


def test_lost_marts_and_lost_vectors_are_made_again(
    database: Database, settings: Settings, repository: GitRepository
) -> None:
    before = states(database, settings)
    marts.path(settings).unlink()
    assert not freshness.is_fresh(states(database, settings), before)
    assert not freshness.is_fresh(states(database, settings), states(database, settings))


def test_a_lost_index_is_made_again(database: Database, settings: Settings, repository: GitRepository) -> None:
    index.path_of(settings).unlink()
    assert not freshness.is_fresh(states(database, settings), states(database, settings))


def test_only_the_newest_run_counts_and_only_if_it_succeeded(database: Database) -> None:
    runs.begin(database, "first")
    runs.end(database, "first", status="succeeded", inputs={"repository one": "a"})
    assert runs.last_inputs(database) == {"repository one": "a"}
    runs.begin(database, "second")
    assert runs.last_inputs(database) == {}
    runs.end(database, "second", status="failed", error="a reason")
    assert runs.last_inputs(database) == {}


def test_what_was_forgotten_is_not_up_to_date(
    database: Database, settings: Settings, repository: GitRepository
) -> None:
    runs.begin(database, "first")
    runs.end(database, "first", status="succeeded", inputs={"repository one": "a"})
    rebuild.forget_derived(database, [registry.find(database, "one", settings)])
    assert runs.last_inputs(database) == {}
