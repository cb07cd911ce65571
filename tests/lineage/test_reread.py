"""A content that could not be read when the history was, and can be read now, changes what the history says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.extract.ingest import extract_blobs
from stemma.feedback.outcomes import update_outcomes
from stemma.git import registry
from stemma.git.ingest import ingest_history
from stemma.lineage import history, occurrences
from stemma.lineage.history import update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database
from tests.ingested import ingest
from tests.lineage.code import events, file, function, intervals
from tests.repositories import GitRepository

LONG = "# " + "x" * 2000
Chain = Callable[[Path, Settings], str]


@pytest.fixture
def small(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_file_bytes": 1500})


@pytest.fixture
def chain(database: Database) -> Chain:
    """All that a run does for a repository's history; returns its id."""

    def run(path: Path, settings: Settings) -> str:
        repo_id = ingest(database, settings, path)
        return lineage_of(database, repo_id)

    return run


def lineage_of(database: Database, repo_id: str) -> str:
    update_occurrences(database, repo_id)
    update_lineage(database, repo_id)
    update_outcomes(database, repo_id)
    return repo_id


def grow(repository: GitRepository) -> None:
    """`two` comes with a file too large for a small limit, which also changes `one`, and stays when that shrinks."""
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": file(LONG, function("one", extra="x = 1"), function("two", "parse"))})
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})


BEFORE = [("a.py:one", 0, None), ("a.py:two", 2, None)]
AFTER = [("a.py:one", 0, 1), ("a.py:one", 1, 2), ("a.py:one", 2, None), ("a.py:two", 1, None)]


def test_a_larger_limit_tells_the_history_anew(
    database: Database, repository: GitRepository, settings: Settings, small: Settings, chain: Chain
) -> None:
    grow(repository)
    repo_id = chain(repository.path, small)
    assert intervals(database, repo_id) == BEFORE
    chain(repository.path, settings)
    assert intervals(database, repo_id) == AFTER
    assert (1, "body_changed", "a.py:one") in events(database, repo_id)
    assert (1, "introduced", "a.py:two") in events(database, repo_id)
    assert update_occurrences(database, repo_id).n_begun == 0


def test_every_repository_that_names_the_content_starts_over_and_no_other(
    database: Database,
    make_repository: Callable[[str], GitRepository],
    settings: Settings,
    small: Settings,
    chain: Chain,
) -> None:
    first, second, other = (make_repository(name) for name in ("first", "second", "other"))
    for repository in (first, second):
        grow(repository)
    other.commit(files={"b.py": function("three")})
    chain(first.path, small)
    ids = [chain(repository.path, small) for repository in (second, other)]
    chain(first.path, settings)
    marked = database.read("SELECT repo_id FROM stemma.lineage_progress WHERE version IS NULL")["repo_id"].to_list()
    assert marked == [ids[0]] * 3
    assert intervals(database, lineage_of(database, ids[0])) == AFTER


def test_a_content_that_stays_unreadable_starts_nothing_over(
    database: Database, repository: GitRepository, small: Settings, chain: Chain
) -> None:
    grow(repository)
    chain(repository.path, small)
    smaller = small.model_copy(update={"max_file_bytes": 1400})
    chain(repository.path, smaller)
    assert database.read("SELECT count(*) FROM stemma.lineage_progress WHERE version IS NULL").item() == 0


@pytest.mark.parametrize(
    ("module", "update", "part"), [(occurrences, update_occurrences, "_advance"), (history, update_lineage, "_traced")]
)
def test_a_mark_set_while_a_step_advances_is_not_lost(
    *,
    database: Database,
    repository: GitRepository,
    settings: Settings,
    chain: Chain,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    update: Callable[[Database, str], object],
    part: str,
) -> None:
    repository.commit(files={"a.py": function("one")})
    repo_id = chain(repository.path, settings)
    repository.commit(files={"b.py": function("two", "parse")})
    repo = registry.find(database, repo_id, settings)
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    if module is history:
        update_occurrences(database, repo_id)
    advance = getattr(module, part)

    def marked_meanwhile(*arguments: object) -> object:
        database.execute("UPDATE stemma.lineage_progress SET version = NULL")
        return advance(*arguments)

    monkeypatch.setattr(module, part, marked_meanwhile)
    update(database, repo_id)
    step = module.STEP  # type: ignore[attr-defined]
    marked = database.read("SELECT version IS NULL AS v FROM stemma.lineage_progress WHERE step = $1", [step])
    assert marked.item() is True
