"""Patterns are live by their occurrences, and the store holds a vector of exactly the live ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stemma import tables
from stemma.config import Settings
from stemma.embed.patterns import embed_patterns, refresh_patterns
from stemma.embed.static import StaticEmbedder
from stemma.ids import content_id
from stemma.store.postgres import Database
from stemma.store.vectors import Vectors, open_vectors

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
EMBEDDER = StaticEmbedder()


def pattern(name: str, code: str = "", *, n_live: int = 1, is_trivial: bool = False) -> dict[str, object]:
    return {
        "pattern_id": content_id(name), "language": "python", "kind": "function", "name": name, "signature": name,
        "docstring": None, "code": code or f"def {name}(): pass", "n_lines": 1, "n_tokens": 30, "shingles": [1, 2],
        "sub_tokens": ["a"], "is_trivial": is_trivial, "n_live": n_live, "n_repositories": min(n_live, 1),
        "trivial_reason": "tiny" if is_trivial else None, "structure": "", "extractor_version": "1",
    }  # fmt: skip


def occurrence(name: str, repo: str, path: str, *, ended: bool = False, category: str = "source") -> dict[str, object]:
    return {
        "repo_id": repo, "path": path, "qualified_name": name, "kind": "function", "duplicate_index": 0,
        "valid_from": 0, "valid_to": 1 if ended else None, "valid_from_sha": "a",
        "valid_to_sha": "b" if ended else None, "language": "python", "category": category, "blob_oid": "c",
        "ordinal": 0, "exact_hash": "d", "pattern_id": content_id(name),
    }  # fmt: skip


def counts(embedded: int = 0, absent: int = 0, dropped: int = 0, mended: int = 0) -> dict[str, int]:
    return {"n_embedded": embedded, "n_dropped": dropped, "n_mended": mended, "without_vector": absent}


def insert_patterns(database: Database, *rows: dict[str, object]) -> None:
    database.insert(tables.patterns, pl.DataFrame(list(rows), tables.polars_schema(tables.patterns)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def vectors(settings: Settings) -> Vectors:
    return open_vectors(settings, EMBEDDER)


def test_live_counts_follow_standing_source_occurrences_only(database: Database) -> None:
    insert_patterns(database, *(pattern(name, n_live=0) for name in ("twice", "ended", "vendored")), pattern("stale"))
    repositories = pl.DataFrame(
        [
            {"repo_id": repo, "name": repo, "kind": "git", "location": repo, "tags": [], "added_at": MOMENT,
             "is_shallow": False}
            for repo in ("r1", "r2")
        ],
        schema_overrides={"tags": pl.List(pl.String)},
    )  # fmt: skip
    database.insert(tables.repositories, repositories)
    rows = [
        occurrence("twice", "r1", "a.py"),
        occurrence("twice", "r1", "b.py"),
        occurrence("twice", "r2", "a.py"),
        occurrence("ended", "r1", "a.py", ended=True),
        occurrence("vendored", "r1", "a.py", category="vendored"),
    ]
    database.insert(tables.occurrences, pl.DataFrame(rows, tables.polars_schema(tables.occurrences)))

    assert refresh_patterns(database) == {"n_changed": 2, "patterns": 4, "live": 1, "live_not_trivial": 1}
    live = database.read("SELECT name, n_live, n_repositories FROM stemma.patterns ORDER BY name").rows()
    assert live == [("ended", 0, 0), ("stale", 0, 0), ("twice", 3, 2), ("vendored", 0, 0)]
    assert refresh_patterns(database)["n_changed"] == 0


def test_only_live_patterns_that_are_not_trivial_get_a_vector_and_only_once(
    database: Database, vectors: Vectors
) -> None:
    insert_patterns(database, pattern("parse"), pattern("dead", n_live=0), pattern("tiny", is_trivial=True))
    with vectors:
        assert embed_patterns(database, vectors, EMBEDDER) == counts(embedded=1)
        assert list(vectors.ids()) == [[content_id("parse")]]
        assert embed_patterns(database, vectors, EMBEDDER) == counts()
    noted = database.read("SELECT pattern_id, embedder, dimensions FROM stemma.embeddings").rows()
    assert noted == [(content_id("parse"), "static-384-v2", 384)]


def test_a_text_without_a_feature_is_noted_and_has_no_vector(database: Database, vectors: Vectors) -> None:
    insert_patterns(database, pattern("", "; ,"))
    with vectors:
        assert embed_patterns(database, vectors, EMBEDDER) == counts(absent=1)
        assert embed_patterns(database, vectors, EMBEDDER) == counts()
        assert vectors.count() == 0
    assert database.read("SELECT dimensions FROM stemma.embeddings")["dimensions"].to_list() == [0]


def test_a_lost_store_is_filled_again(database: Database, settings: Settings, tmp_path: Path) -> None:
    insert_patterns(database, pattern("parse"), pattern("render"))
    with open_vectors(settings, EMBEDDER) as vectors:
        embed_patterns(database, vectors, EMBEDDER)
    (tmp_path / "vectors").rename(tmp_path / "lost")
    with open_vectors(settings, EMBEDDER) as vectors:
        assert embed_patterns(database, vectors, EMBEDDER) == counts(embedded=2, mended=2)
        assert vectors.count() == 2


def test_a_crash_between_vectors_and_rows_is_harmless(database: Database, vectors: Vectors) -> None:
    insert_patterns(database, pattern("parse"), pattern("render"))
    with vectors:
        embed_patterns(database, vectors, EMBEDDER)
        database.execute("DELETE FROM stemma.embeddings WHERE pattern_id = $1", [content_id("parse")])
        assert embed_patterns(database, vectors, EMBEDDER) == counts(embedded=1, mended=1)
        assert vectors.count() == 2


def test_a_pattern_that_is_no_longer_live_loses_its_vector(database: Database, vectors: Vectors) -> None:
    insert_patterns(database, pattern("parse"), pattern("render"))
    with vectors:
        embed_patterns(database, vectors, EMBEDDER)
        database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE name = 'parse'")
        assert embed_patterns(database, vectors, EMBEDDER) == counts(dropped=1)
        assert list(vectors.ids()) == [[content_id("render")]]


def test_a_changed_embedder_gets_vectors_and_rows_of_its_own(database: Database, settings: Settings) -> None:
    class Other:
        name = "other-2-v1"
        dimensions = 2

        def embed(self, texts: list[str]) -> np.ndarray:
            return np.tile(np.array([0.6, 0.8], np.float32), (len(texts), 1))

    insert_patterns(database, pattern("parse"))
    with open_vectors(settings, EMBEDDER) as static, open_vectors(settings, Other()) as other:
        embed_patterns(database, static, EMBEDDER)
        assert embed_patterns(database, other, Other()) == counts(embedded=1)
        assert (static.count(), other.count()) == (1, 1)
    noted = database.read("SELECT embedder, dimensions FROM stemma.embeddings ORDER BY embedder").rows()
    assert noted == [("other-2-v1", 2), ("static-384-v2", 384)]
