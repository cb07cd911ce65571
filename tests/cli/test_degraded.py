"""`stemma run` without vectors finds copies by structure, every result says so, and the next run makes up for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemma.store.postgres import Database
from tests.cli.conftest import Stemma
from tests.repositories import GitRepository

STORE = 4
FUNCTION = '''
def total_of_positives(values, limit):
    """Sum of the values above zero."""
    total = 0
    for value in values:
        if value > 0 and total < limit:
            total += value
    print("total", total, limit)
    return total
'''
NEAR = FUNCTION.replace('print("total", total, limit)', "log(total)\n    check(limit)")


def matches(database: Database) -> list[dict[str, Any]]:
    return database.read("SELECT semantic, note, matcher_version FROM stemma.matches").to_dicts()


def test_without_the_vector_store_a_run_goes_on_and_the_next_one_heals(
    stemma: Stemma, database: Database, tmp_path: Path
) -> None:
    repository = GitRepository(tmp_path / "one")
    repository.commit("Two like functions", {"a.py": FUNCTION, "b.py": NEAR})
    assert stemma("repo", "add", str(repository.path)).code == 0
    stemma.environment["STEMMA_QDRANT_URL"] = "http://127.0.0.1:9"

    without = stemma("run", "--json")
    assert without.code == STORE, without.err
    assert "Matched by structure and words alone" in without.sentence
    assert "127.0.0.1:9" in without.json["last_run"]["degraded"]
    assert without.json["last_run"]["status"] == "succeeded"
    assert without.json["remarks"][0].startswith("Degraded:")
    assert without.json["counts"]["families"] == 1
    (match,) = matches(database)
    assert match["semantic"] is None
    assert "vector" in match["note"]

    del stemma.environment["STEMMA_QDRANT_URL"]
    healed = stemma("run", "--json")
    assert healed.code == 0, healed.err
    assert healed.json["last_run"]["degraded"] is None
    (match,) = matches(database)
    assert match["semantic"] > 0
    assert match["note"] is None
    assert stemma("run", "--json").json["note"].startswith("Nothing new")
