"""Runs that find only some of the commits, or another chain: what is written, kept, moved and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stemma.config import Settings
from stemma.extract.ingest import extract_blobs
from stemma.git import fetch, registry
from stemma.git.ingest import ingest_history
from stemma.lineage.history import VERSION, update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.store.postgres import Database
from tests.lineage.code import everything, file, function, standing, unmatched
from tests.repositories import GitRepository

Step = Callable[[Path], str]
KEPT = function("kept", "retry")


def forget(database: Database) -> None:
    for table in ("occurrences", "lineage_events", "lineage_nodes", "lineage_progress"):
        database.execute(f"DELETE FROM stemma.{table}")
    database.execute("UPDATE stemma.commits SET traced_by = NULL")


def test_a_chain_that_runs_otherwise_moves_what_stands_and_makes_nothing_anew(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("base", {"a.py": file(function("one"), KEPT)})
    repository.commit("main", {"b.py": function("two", "parse")})
    bring_up(repository.path)
    repository.branch("side", "HEAD~1")
    repository.commit("side", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    repository.merge("main", "turned")  # main's commit is on the second parent now
    repo_id = bring_up(repository.path)
    assert standing(database, repo_id) == [
        ("a.py:kept", "base", 0),
        ("a.py:one", "base", 0),
        ("b.py:two", "main", 2),
        ("a.py:one", "side", 1),
    ]
    assert unmatched(database, repo_id) == []
    before = everything(database)
    forget(database)
    bring_up(repository.path)
    assert everything(database) == before


def test_a_force_push_takes_back_what_is_gone_and_leaves_every_other_row(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("base", {"a.py": file(function("one"), KEPT)})
    repository.commit("stays", {"a.py": file(function("one", extra="x = 1"), KEPT)})
    repo_id = bring_up(repository.path)
    stood = everything(database)
    repository.commit("goes", {"a.py": file(function("one", extra="x = 2"), KEPT)})
    bring_up(repository.path)
    repository.git("reset", "-q", "--hard", "HEAD~1")
    ctids = "SELECT node_id, ctid::text AS at, xmin::text AS by FROM stemma.lineage_nodes ORDER BY 1"
    rows = {row[0]: row for row in database.read(ctids).rows()}
    bring_up(repository.path)
    assert [rows[row[0]] for row in database.read(ctids).rows()] == database.read(ctids).rows()  # not even rewritten
    after = everything(database)
    for table in ("lineage_nodes", "lineage_edges", "lineage_events", "occurrences"):
        assert after[table] == stood[table]
    assert update_lineage(database, repo_id).n_retired == 0


def test_commits_wait_for_contents_and_what_does_not_hang_on_them_does_not(
    database: Database, repository: GitRepository, settings: Settings
) -> None:
    repository.commit("base", {"a.py": file(function("one"), KEPT)})
    repo_id = registry.register(database, settings, str(repository.path))
    repo = registry.find(database, repo_id, settings)
    fetch.refresh(database, settings, repo)
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    repository.branch("unread")
    repository.commit("unread", {"b.py": function("two", "parse")})
    repository.switch("main")
    repository.commit("empty", {})
    repository.merge("unread", "merge")
    fetch.refresh(database, settings, repo)
    ingest_history(database, settings, repo)
    counts = update_lineage(database, repo_id)
    assert (counts.n_nodes, counts.n_waiting) == (2, 2)
    traced = database.read("SELECT subject FROM stemma.commits WHERE traced_by = $1 ORDER BY position", [VERSION])
    assert traced["subject"].to_list() == ["base", "empty"]
    place = "SELECT first_parent_index FROM stemma.lineage_progress WHERE step = 'lineage'"
    assert database.read(place).item() == 1
    extract_blobs(database, settings, repo)
    counts = update_lineage(database, repo_id)
    assert (counts.n_nodes, counts.n_waiting) == (1, 0)
    assert database.read(place).item() == 2
    update_occurrences(database, repo_id)
    assert unmatched(database, repo_id) == []


def test_a_run_after_the_last_one_was_cut_off_finds_what_has_gone_meanwhile(
    database: Database, repository: GitRepository, bring_up: Step
) -> None:
    repository.commit("base", {"a.py": file(function("one"), KEPT)})
    repository.commit("goes", {"a.py": file(function("one", extra="x = 2"), KEPT)})
    repo_id = bring_up(repository.path)
    # As a run leaves it that was killed after its last batch: nothing says how far it had come.
    database.execute(
        "UPDATE stemma.lineage_progress SET version = version || ' unfinished', first_parent_index = NULL, sha = NULL "
        "WHERE step = 'lineage'"
    )
    repository.git("reset", "-q", "--hard", "HEAD~1")
    bring_up(repository.path)
    assert standing(database, repo_id) == [("a.py:kept", "base", 0), ("a.py:one", "base", 0)]
