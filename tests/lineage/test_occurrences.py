"""Occurrences of small repositories whose histories are known commit by commit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.lineage import occurrences
from stemma.lineage.occurrences import OccurrenceCounts, update_occurrences
from stemma.store.postgres import Database
from tests.lineage.code import everything, file, function, intervals
from tests.repositories import GitRepository

Step = Callable[[Path], str]


def test_a_row_is_made_when_a_text_changes_not_when_its_file_does(
    database: Database, repository: GitRepository, ingest: Step
) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    repository.commit(files={"a.py": file("import os", function("one"), function("two", "parse", extra="x = 1"))})
    repo_id = ingest(repository.path)
    assert update_occurrences(database, repo_id) == OccurrenceCounts(n_begun=3, n_ended=0)
    assert intervals(database, repo_id) == [("a.py:one", 0, None), ("a.py:two", 0, 1), ("a.py:two", 1, None)]


def test_what_is_deleted_and_comes_back_stands_twice(
    database: Database, repository: GitRepository, ingest: Step
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": None, "b.py": "x = 1\n"})
    repository.commit(files={"a.py": function("one")})
    repo_id = ingest(repository.path)
    update_occurrences(database, repo_id)
    assert intervals(database, repo_id) == [("a.py:one", 0, 1), ("a.py:one", 2, None)]


def test_new_commits_end_what_stood_before_them(database: Database, repository: GitRepository, ingest: Step) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse")), "b.py": function("three")})
    update_occurrences(database, ingest(repository.path))
    repository.commit(files={"a.py": function("two", "parse")})
    repo_id = ingest(repository.path)
    assert update_occurrences(database, repo_id) == OccurrenceCounts(n_begun=0, n_ended=1)
    assert intervals(database, repo_id) == [("a.py:one", 0, 1), ("a.py:two", 0, None), ("b.py:three", 0, None)]


def test_an_unreadable_content_neither_ends_nor_begins_anything(
    database: Database, repository: GitRepository, ingest: Step
) -> None:
    text = file(function("one"), function("two", "parse"))
    repository.commit(files={"a.py": text})
    repository.commit(files={"a.py": b"\0" + text.encode()})  # a NUL byte: skipped as binary
    repository.commit(files={"a.py": function("two", "parse")})
    repo_id = ingest(repository.path)
    update_occurrences(database, repo_id)
    assert intervals(database, repo_id) == [("a.py:one", 0, 2), ("a.py:two", 0, None)]


def test_only_what_the_first_parent_saw_counts_at_a_merge(
    database: Database, repository: GitRepository, ingest: Step
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.branch("side")
    repository.commit(files={"b.py": function("two", "parse")})
    repository.commit(files={"b.py": function("two", "retry")})
    repository.switch("main")
    repository.commit(files={"c.py": function("three", "longest")})
    repository.merge("side")
    repo_id = ingest(repository.path)
    update_occurrences(database, repo_id)
    assert intervals(database, repo_id) == [("a.py:one", 0, None), ("b.py:two", 2, None), ("c.py:three", 1, None)]


def test_batches_of_any_size_give_the_same_rows(
    database: Database, repository: GitRepository, ingest: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in ("total", "parse", "parse", "retry", "total"):
        repository.commit(files={"a.py": file(function("one"), function("two", body)), "b.py": function("x", body)})
    repository.commit(files={"b.py": None})
    repo_id = ingest(repository.path)
    update_occurrences(database, repo_id)
    whole = everything(database)
    database.execute("DELETE FROM stemma.occurrences")
    database.execute("DELETE FROM stemma.lineage_progress")
    monkeypatch.setattr(occurrences, "ROWS_PER_BATCH", 1)
    update_occurrences(database, repo_id)
    assert everything(database) == whole


def test_a_second_run_writes_nothing(database: Database, repository: GitRepository, ingest: Step) -> None:
    repository.commit(files={"a.py": function("one")})
    repo_id = ingest(repository.path)
    update_occurrences(database, repo_id)
    assert update_occurrences(database, repo_id) == OccurrenceCounts()


def test_a_force_push_retires_exactly_what_is_gone(database: Database, repository: GitRepository, ingest: Step) -> None:
    repository.commit(files={"a.py": file(function("one"), function("two", "parse"))})
    kept = repository.commit("no definition changes", {"README.md": "Read me."})
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": file(function("one"), function("three", "retry"))})
    update_occurrences(database, ingest(repository.path))
    repository.git("reset", "-q", "--hard", kept)
    repository.commit("rewritten", {"b.py": function("four", "longest")})
    repo_id = ingest(repository.path)
    assert update_occurrences(database, repo_id) == OccurrenceCounts(n_begun=1, n_ended=0, n_retired=1)
    assert intervals(database, repo_id) == [("a.py:one", 0, None), ("a.py:two", 0, None), ("b.py:four", 2, None)]


def test_commits_whose_contents_were_not_yet_read_wait(
    database: Database, repository: GitRepository, ingest: Step
) -> None:
    repository.commit(files={"a.py": function("one")})
    repository.commit(files={"a.py": function("two")})
    repo_id = ingest(repository.path)
    unread = repository.blob("a.py")
    for table in ("snippets", "blobs"):
        database.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM stemma.{table} WHERE blob_oid = $1", [unread])
        database.execute(f"DELETE FROM stemma.{table} WHERE blob_oid = $1", [unread])
    assert update_occurrences(database, repo_id) == OccurrenceCounts(n_begun=1, n_waiting=1)
    for table in ("blobs", "snippets"):
        database.execute(f"INSERT INTO stemma.{table} SELECT * FROM kept_{table}")
    assert update_occurrences(database, repo_id) == OccurrenceCounts(n_begun=1, n_ended=1)
