"""Edge and server give the same neighbours, and what is broken is said and mended."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from qdrant_client import QdrantClient

from stemma.config import Settings
from stemma.embed.static import StaticEmbedder
from stemma.errors import BusyError, ConfigError, MixtureError, StoreError
from stemma.store.vectors import Vectors, drop_vectors, embedder_slug, open_vectors
from stemma.store.vectors_edge import EdgeVectors
from stemma.store.vectors_server import ServerVectors, drop


@dataclass
class Source:
    name: str = "tiny-1"
    dimensions: int = 4


A, B, C, D = (letter * 32 for letter in "abcd")
AXES = np.array([[1, 0, 0, 0], [0.8, 0.6, 0, 0], [0, 1, 0, 0], [-1, 0, 0, 0]], np.float32)
PAYLOAD = pl.DataFrame(
    {
        "language": ["python", "python", "go", "python"],
        "kind": ["function", "class", "function", "function"],
        "n_tokens": 9,
    }
)


@pytest.fixture(params=["edge", "server"])
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vectors]:
    store: Vectors
    if request.param == "edge":
        store = EdgeVectors(tmp_path / "tiny", Source())
    else:
        store = ServerVectors(QdrantClient(":memory:"), "tiny", Source())
    with store:
        store.upsert([A, B, C, D], AXES, PAYLOAD)
        yield store


def neighbours(found: pl.DataFrame) -> list[tuple[str, str, float]]:
    return [(query, near, round(cosine, 4)) for query, near, cosine in found.rows()]


def test_the_nearest_come_first_with_their_cosine(vectors: Vectors) -> None:
    found = vectors.search([A, C], AXES[[0, 2]], 2)
    assert neighbours(found) == [(A, A, 1), (A, B, 0.8), (C, C, 1), (C, B, 0.6)]


def test_a_filter_leaves_only_what_it_names(vectors: Vectors) -> None:
    filters = {"language": ["python", "rust"], "kind": ["function"]}
    assert neighbours(vectors.search([A], AXES[:1], 9, filters=filters)) == [(A, A, 1), (A, D, -1)]


def test_what_is_too_far_is_left_out(vectors: Vectors) -> None:
    assert neighbours(vectors.search([A], AXES[:1], 9, min_cosine=0.5)) == [(A, A, 1), (A, B, 0.8)]


def test_writing_twice_counts_once_and_the_last_wins(vectors: Vectors) -> None:
    vectors.upsert([A], AXES[2:3], PAYLOAD[:1])
    assert vectors.count() == 4
    known, matrix = vectors.fetch([A, "e" * 32, C])
    assert known == [A, C]
    assert matrix == pytest.approx(AXES[[2, 2]])


def test_a_deleted_vector_is_gone(vectors: Vectors) -> None:
    vectors.delete([B, "e" * 32])
    assert sorted(id_ for ids in vectors.ids() for id_ in ids) == [A, C, D]
    assert neighbours(vectors.search([A], AXES[:1], 2)) == [(A, A, 1), (A, C, 0)]


def test_nothing_asked_is_nothing_found(vectors: Vectors) -> None:
    vectors.delete([])
    assert vectors.search([], AXES[:0], 3).is_empty()
    assert vectors.fetch([])[1].shape == (0, 4)


@pytest.mark.parametrize("matrix", [np.ones((1, 5), np.float32), np.full((1, 4), np.nan, np.float32)])
def test_vectors_of_another_length_or_without_value_are_refused(vectors: Vectors, matrix: np.ndarray) -> None:
    with pytest.raises(MixtureError if matrix.shape == (1, 5) else StoreError):
        vectors.upsert([A], matrix, PAYLOAD[:1])
    assert vectors.count() == 4


def test_edge_and_server_find_the_same_neighbours_of_real_code(tmp_path: Path) -> None:
    root = Path(pl.__file__).parent
    parts = [part for path in sorted(root.rglob("*.py"))[:60] for part in path.read_text().split("\n\n")]
    texts = sorted({part for part in parts if len(part) > 200})[:600]
    embedder = StaticEmbedder()
    matrix = embedder.embed(texts)
    ids = [uuid.uuid5(uuid.NAMESPACE_OID, text).hex for text in texts]
    payload = pl.DataFrame({"language": ["python", "go", "go"] * 200, "kind": "function", "n_tokens": 9})[: len(ids)]
    with (
        EdgeVectors(tmp_path / "edge", embedder) as edge,
        ServerVectors(QdrantClient(":memory:"), "x", embedder) as server,
    ):
        found = []
        for store in (edge, server):
            store.upsert(ids, matrix, payload)
            store.optimize()
            found.append(store.search(ids[:100], matrix[:100], 10, filters={"language": ["go"]}))
    one, other = found
    assert len(one) == len(other) == 1000
    # Equal cosines may come in any order, so ranks are compared by their cosines, and neighbours as sets.
    assert one["cosine"].to_numpy() == pytest.approx(other["cosine"].to_numpy(), abs=1e-4)
    assert len(one.join(other, on=["query_id", "neighbour_id"])) >= 0.99 * len(one)


def test_what_was_flushed_survives_a_kill(tmp_path: Path) -> None:
    script = f"""
import os, signal
import numpy as np, polars as pl
from types import SimpleNamespace
from pathlib import Path
from stemma.store.vectors_edge import EdgeVectors
store = EdgeVectors(Path({str(tmp_path / "tiny")!r}), SimpleNamespace(name="tiny-1", dimensions=4))
payload = pl.DataFrame({{"language": ["go"], "kind": ["x"], "n_tokens": [1]}})
store.upsert(["a" * 32], np.eye(4, dtype="f4")[:1], payload)
store.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with EdgeVectors(tmp_path / "tiny", Source()) as store:
        assert store.count() == 1
        found = store.search([B], np.eye(4, dtype=np.float32)[:1], 1, filters={"language": ["go"]})
        assert neighbours(found) == [(B, A, 1)]


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with EdgeVectors(tmp_path / "tiny", Source()):
        with pytest.raises(BusyError, match=f"in use by process {os.getpid()}"):
            EdgeVectors(tmp_path / "tiny", Source())
        script = f"""
from types import SimpleNamespace
from pathlib import Path
from stemma.store.vectors_edge import EdgeVectors
EdgeVectors(Path({str(tmp_path / "tiny")!r}), SimpleNamespace(name="tiny-1", dimensions=4))
"""
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert f"BusyError: The vectors in {tmp_path}/tiny are in use by process {os.getpid()}." in run.stderr
    EdgeVectors(tmp_path / "tiny", Source()).close()


@pytest.mark.parametrize("pattern", ["edge_config.json", "wal/first-index", "wal/open-1", "segments/*/segment.json"])
def test_a_corrupt_folder_is_set_aside_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pattern: str
) -> None:
    with EdgeVectors(tmp_path / "tiny", Source()) as store:
        store.upsert([A], AXES[:1], PAYLOAD[:1])
        store.flush()
    next((tmp_path / "tiny").glob(pattern)).write_bytes(b"\x00garbage")
    with caplog.at_level(logging.WARNING), EdgeVectors(tmp_path / "tiny", Source()) as store:
        assert store.count() == 0
        store.upsert([A], AXES[:1], PAYLOAD[:1])
    assert len(list(tmp_path.glob("tiny.broken-*"))) == 1
    assert "set aside as tiny.broken-" in caplog.text


def test_a_folder_that_was_only_begun_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "tiny" / "wal").mkdir(parents=True)
    with EdgeVectors(tmp_path / "tiny", Source()) as store:
        assert store.count() == 0


def test_other_dimensions_under_the_same_name_are_an_error_and_lose_nothing(tmp_path: Path) -> None:
    with EdgeVectors(tmp_path / "tiny", Source()) as store:
        store.upsert([A], AXES[:1], PAYLOAD[:1])
        store.flush()
    with pytest.raises(MixtureError, match=r"another kind.*stemma run --re-embed"):
        EdgeVectors(tmp_path / "tiny", Source(dimensions=8))
    with EdgeVectors(tmp_path / "tiny", Source()) as store:
        assert store.count() == 1
    client = QdrantClient(":memory:")
    ServerVectors(client, "tiny", Source())
    with pytest.raises(MixtureError, match=r"8 dimensions.*stemma run --re-embed"):
        ServerVectors(client, "tiny", Source(dimensions=8))


def test_a_store_that_was_dropped_takes_other_dimensions(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    drop_vectors(settings, "tiny")  # where there is none
    with open_vectors(settings, Source()) as store:
        store.upsert([A], AXES[:1], PAYLOAD[:1])
        with pytest.raises(BusyError):
            drop_vectors(settings, store.embedder_name)
    drop_vectors(settings, Source().name)
    with open_vectors(settings, Source(dimensions=8)) as store:
        assert store.count() == 0
    client = QdrantClient(":memory:")
    ServerVectors(client, "tiny", Source())
    drop(client, "tiny", "Qdrant")
    assert not client.collection_exists("tiny")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        open_vectors(Settings(data_dir=tmp_path), Source())


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        open_vectors(Settings(data_dir=tmp_path, qdrant_url="http://127.0.0.1:9"), Source())


@pytest.mark.parametrize("url", ["http://ada:hunter2/3@127.0.0.1:9", "ftp://ada:hunter2@127.0.0.1:9"])
def test_a_server_url_that_is_none_is_refused_without_quoting_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="'qdrant_url' is no URL") as failure:
        open_vectors(Settings(data_dir=tmp_path, qdrant_url=url), Source())
    assert "hunter" not in "".join(traceback.format_exception(failure.value.with_traceback(None)))


def test_the_secrets_of_a_server_url_are_in_no_error(tmp_path: Path) -> None:
    url = "http://ada:hunter2@127.0.0.1:9/?api-key=hunter3"
    with pytest.raises(StoreError, match="cannot be reached") as failure:
        open_vectors(Settings(data_dir=tmp_path, qdrant_url=url), Source())
    assert "hunter" not in str(failure.value)


def test_embedders_of_different_names_never_share_a_place(tmp_path: Path) -> None:
    names = ["static-256-v1", "openai:a/b", "openai:a-b", "openai:A-b"]
    assert len({embedder_slug(name) for name in names}) == 4
    assert embedder_slug("static-256-v1") == "static-256-v1"
    with (
        open_vectors(Settings(data_dir=tmp_path), Source("x:1")),
        open_vectors(Settings(data_dir=tmp_path), Source("x:2")),
    ):
        assert len(list((tmp_path / "vectors").glob("*.lock"))) == 2
