"""`stemma run` without vectors finds copies by structure, every result says so, and the next run makes up for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from stemma.store.postgres import Database
from tests.cli.conftest import Stemma
from tests.misbehaving import Answer, serving
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
OTHER = NEAR.replace("total < limit", "total <= limit or total == 7")


def embeddings(body: Any) -> Answer:
    """The same vector for the same text, and near ones for like texts: counts of letters."""
    rows = []
    for index, text in enumerate(body["input"]):
        counts = np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=256)[97:123] + 1
        rows.append({"index": index, "embedding": [float(count) for count in counts]})
    return Answer(content=json.dumps({"data": rows}).encode())


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


def test_with_an_embedder_that_fails_a_run_goes_on_and_the_next_one_heals(
    stemma: Stemma, database: Database, tmp_path: Path
) -> None:
    repository = GitRepository(tmp_path / "one")
    repository.commit("Two like functions", {"a.py": FUNCTION, "b.py": NEAR})
    assert stemma("repo", "add", str(repository.path)).code == 0
    with serving(embeddings) as endpoint:
        stemma.environment |= {"STEMMA_EMBEDDER": "openai:letters", "STEMMA_OPENAI_BASE_URL": endpoint.url}
        assert stemma("run").code == 0
        assert all(match["semantic"] for match in matches(database))

        endpoint.otherwise = lambda body: Answer(500, b"out of memory")
        repository.commit("A third", {"c.py": OTHER})
        without = stemma("run", "--json")
        assert without.code == STORE, without.err
        assert "out of memory" in without.json["last_run"]["degraded"]
        found = matches(database)
        assert len(found) == 3
        assert [match["semantic"] is None for match in found].count(True) == 2
        doctor = stemma("doctor", "--json").json
        (breaker,) = [finding for finding in doctor if finding["what"].startswith("breaker")]
        assert breaker["state"] == "missing"
        assert "open since" in breaker["detail"]

        endpoint.otherwise = embeddings
        doctor = stemma("doctor", "--reset-breakers", "--json").json
        assert not [finding for finding in doctor if finding["what"].startswith("breaker")]
        assert stemma("run").code == 0
        found = matches(database)
        assert len(found) == 3
        assert all(match["semantic"] for match in found)

        endpoint.otherwise = lambda body: Answer(content=embeddings(body).content.replace(b"1.0]", b"1.0, 1.0]"))
        repository.commit("A fourth", {"d.py": OTHER.replace("check", "verify").replace("7", "limit")})
        mixed = stemma("run")
        assert mixed.code == STORE
        assert "stemma run --re-embed" in mixed.sentence
        n_embedded = len(endpoint.asked)
        assert stemma("run", "--re-embed").code == 0
        assert len(endpoint.asked) > n_embedded
        dimensions = database.read("SELECT DISTINCT dimensions FROM stemma.embeddings")["dimensions"].to_list()
        assert dimensions == [27]
