"""The history pass in processes of their own: killed in the middle of a batch, and two at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemma.lineage.history import update_lineage
from stemma.store.postgres import Database
from tests.halted import start, wait_until_alone, wait_until_halted, writers_halted
from tests.lineage.code import file, function
from tests.repositories import GitRepository

# Every batch holds as little as it can, so that there are several.
PASS = """
import sys
from stemma.lineage import occurrences, trace
from stemma.lineage.history import update_lineage
from stemma.store.postgres import Database
trace.VERSIONS_PER_BATCH = trace.CHANGES_PER_STEP = 1
with Database(sys.argv[1]) as database:
    occurrences.update_occurrences(database, sys.argv[2])
    update_lineage(database, sys.argv[2])
"""
MADE = ("lineage_edges", "lineage_events", "lineage_nodes", "occurrences", "lineage_progress")


@pytest.fixture
def repo_id(database: Database, repository: GitRepository, bring_up: Callable[[Path], str]) -> str:
    """Five commits: a birth, a change, a move, a rename and a removal."""
    repository.commit("birth", {"a.py": file(function("one"), function("two", "parse"))})
    repository.commit("change", {"a.py": file(function("one", extra="seen = set()"), function("two", "parse"))})
    repository.commit("move", {"a.py": file(function("one", extra="seen = set()")), "b.py": function("two", "parse")})
    repository.commit("rename", {"b.py": function("three", "parse")})
    repository.commit("removal", {"a.py": None})
    return bring_up(repository.path)


def everything(database: Database) -> dict[str, pl.DataFrame]:
    rows = {table: database.read(f"SELECT * FROM stemma.{table}") for table in MADE}
    return {table: frame.sort(frame.columns) for table, frame in rows.items()}


def forget(database: Database) -> None:
    database.execute("UPDATE stemma.commits SET traced_by = NULL")
    for table in MADE:
        database.execute(f"DELETE FROM stemma.{table}")


@pytest.mark.parametrize("table", ["commits", "lineage_nodes", "lineage_edges", "lineage_events", "occurrences"])
def test_a_pass_killed_in_the_middle_of_a_batch_leaves_whole_batches_and_the_next_goes_on(
    database: Database, repo_id: str, table: str
) -> None:
    whole = everything(database)
    forget(database)
    # By then a batch was written: the one that has these nodes is under way, and must leave nothing.
    condition = "(SELECT count(*) FROM stemma.lineage_nodes) >= 2" if table != "occurrences" else "true"
    with writers_halted(database, table, condition):
        process = start(PASS, database.url, repo_id)
        wait_until_halted(database)
        process.kill()
        process.wait()
    wait_until_alone(database)
    traced = "(SELECT sha FROM stemma.commits WHERE traced_by IS NOT NULL)"
    for written in ("lineage_nodes", "lineage_events"):
        unmarked = f"SELECT count(*) AS n FROM stemma.{written} WHERE sha NOT IN {traced}"
        assert database.read(unmarked).item() == 0
    found = database.read(f"SELECT node_id FROM stemma.lineage_nodes WHERE sha IN {traced}")
    shas = database.read(f"SELECT sha FROM {traced} AS t")["sha"]
    wanted = whole["lineage_nodes"].filter(pl.col("sha").is_in(shas.implode()))
    assert sorted(found["node_id"]) == sorted(wanted["node_id"])
    assert shas.len() < 5  # it was in the middle

    process = start(PASS, database.url, repo_id)
    assert process.wait() == 0
    assert everything_equals(everything(database), whole)


def test_two_passes_in_two_processes_give_the_rows_of_one(database: Database, repo_id: str) -> None:
    whole = everything(database)
    forget(database)
    with writers_halted(database, "lineage_nodes", "(SELECT count(*) FROM stemma.lineage_nodes) >= 2"):
        both = [start(PASS, database.url, repo_id) for _ in range(2)]
        wait_until_halted(database, 2)
    assert [process.wait() for process in both] == [0, 0]
    assert everything_equals(everything(database), whole)
    assert update_lineage(database, repo_id).n_nodes == 0


def everything_equals(found: dict[str, pl.DataFrame], wanted: dict[str, pl.DataFrame]) -> bool:
    return all(found[table].equals(wanted[table]) for table in MADE)
