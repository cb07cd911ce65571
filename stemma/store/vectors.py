"""Matrix by pattern id, behind one interface: Qdrant Edge in this process, or a Qdrant server by URL.

The two adapters live in `vectors_edge` and `vectors_server`. Texts become vectors in `embed`; which neighbours are
copies is said in `match`. Every vector can be rebuilt from Postgres, so a store that is lost costs time, not data.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.config import Settings
from stemma.errors import MixtureError, StoreError
from stemma.ids import content_id

Matrix = NDArray[np.float32]
Filters = Mapping[str, Sequence[str]]  # payload field -> the values it may have

# Fields are indexed before the first vector comes: Qdrant filters by an unindexed field slowly and with poor recall.
KEYWORD_FIELDS = ("language", "kind")
INTEGER_FIELDS = ("n_tokens",)

# Measured on 100,000 real functions, 384 dimensions, filtered by language: recall@10 .988 at 128, .994 at 256 (0.19 and
# 0.35 ms); without oversampling the 4-bit codes lose .04 of it.
SEARCH_EF = 192
OVERSAMPLING = 2.0
HNSW_M = 16
HNSW_EF_CONSTRUCT = 100

RE_EMBED = "The embedder has changed behind its name. Embed everything anew with: stemma run --re-embed"

NEIGHBOURS = pl.Schema({"query_id": pl.String(), "neighbour_id": pl.String(), "cosine": pl.Float32()})


class Source(Protocol):
    """What this room asks of an embedder: a name that changes with its vectors, and their length."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...


@dataclass(frozen=True)
class NoVectors:
    """A store that cannot be had now, and why. What needs no vectors goes on without, and says so."""

    reason: str


class Vectors(ABC):
    """The vectors of one embedder. Ids are pattern ids (32 hex digits); vectors are rows of length 1."""

    points_per_request = 2_000

    def __init__(self, place: str, source: Source) -> None:
        self.place = place
        self.embedder_name = source.name
        self.dimensions = source.dimensions

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def upsert(self, ids: Sequence[str], vectors: Matrix, payload: pl.DataFrame) -> None:
        """Write vectors and their payload rows, in the order of `ids`; an id that exists is overwritten.

        Raises:
            MixtureError: the vectors have another length than this store.
            StoreError: they hold a value that is no number.
        """
        self._check(ids, vectors)
        for start in range(0, len(ids), self.points_per_request):
            part = slice(start, start + self.points_per_request)
            self._upsert(ids[part], vectors[part].tolist(), payload[part].to_dicts())

    def search(
        self,
        ids: Sequence[str],
        vectors: Matrix,
        k: int,
        *,
        filters: Filters | None = None,
        min_cosine: float | None = None,
    ) -> pl.DataFrame:
        """The `k` nearest of each vector that pass the filters: query_id, neighbour_id, cosine, nearest first.

        A query that is itself stored finds itself as well: ask for one more and leave it out.
        """
        self._check(ids, vectors)
        found = [NEIGHBOURS.to_frame()]
        for start in range(0, len(ids), self.points_per_request):
            part = slice(start, start + self.points_per_request)
            hits = self._search(vectors[part].tolist(), k, filters, min_cosine)
            found.append(_neighbours(ids[part], hits))
        return pl.concat(found)

    def fetch(self, ids: Sequence[str]) -> tuple[list[str], Matrix]:
        """The vectors stored under these ids, and which ids those are, in the order of `ids`."""
        stored: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(ids), self.points_per_request):
            found = self._fetch(ids[start : start + self.points_per_request])
            stored |= {id_: np.array(vector, np.float32) for id_, vector in found.items()}
        known = [id_ for id_ in ids if id_ in stored]
        matrix = np.empty((len(known), self.dimensions), np.float32)
        for row, id_ in enumerate(known):
            matrix[row] = stored[id_]
        return known, matrix

    def delete(self, ids: Sequence[str]) -> None:
        """Forget these ids; unknown ones are no error."""
        for start in range(0, len(ids), self.points_per_request):
            self._delete(ids[start : start + self.points_per_request])

    def _check(self, ids: Sequence[str], vectors: Matrix) -> None:
        if vectors.shape != (len(ids), self.dimensions):
            raise MixtureError(
                f"{len(ids)} vectors of shape {vectors.shape} do not fit {self.place}, which holds "
                f"{self.dimensions} dimensions.",
                RE_EMBED,
            )
        if not np.isfinite(vectors).all():
            raise StoreError(f"A vector for {self.place} holds a value that is no number.", "Check the embedder.")

    @abstractmethod
    def count(self) -> int:
        """How many vectors are stored."""

    @abstractmethod
    def ids(self) -> Iterator[list[str]]:
        """All ids, in batches."""

    @abstractmethod
    def flush(self) -> None:
        """Return only when everything written so far survives a crash."""

    @abstractmethod
    def optimize(self) -> None:
        """Build the index over what was loaded; once after a bulk load."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; it may be opened again."""

    @abstractmethod
    def _upsert(self, ids: Sequence[str], vectors: list[list[float]], payload: list[dict[str, Any]]) -> None: ...

    @abstractmethod
    def _search(
        self, vectors: list[list[float]], k: int, filters: Filters | None, min_cosine: float | None
    ) -> list[list[tuple[str, float]]]: ...

    @abstractmethod
    def _fetch(self, ids: Sequence[str]) -> dict[str, Sequence[float]]: ...

    @abstractmethod
    def _delete(self, ids: Sequence[str]) -> None: ...


def open_vectors(settings: Settings, embedder: Source) -> Vectors:
    """The store of this embedder's vectors, made when it does not exist; use it as a context manager.

    Raises:
        BusyError: another process has Qdrant Edge's folder open.
        MixtureError: what is stored has other dimensions than the embedder.
        StoreError: the folder cannot be used, or the server cannot be reached or refuses.
    """
    slug = embedder_slug(embedder.name)
    if settings.qdrant_url is None:
        from stemma.store.vectors_edge import EdgeVectors

        return EdgeVectors(settings.data_dir / "vectors" / slug, embedder)
    from stemma.store.vectors_server import ServerVectors, connect

    api_key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    client = connect(settings.qdrant_url, api_key)
    return ServerVectors(client, f"stemma-{slug}", embedder, _server(settings.qdrant_url))


def drop_vectors(settings: Settings, embedder_name: str) -> None:
    """Remove the store of this embedder's vectors, whatever it holds; no error where there is none.

    Raises:
        BusyError: another process has Qdrant Edge's folder open.
        StoreError: the folder cannot be removed, or the server cannot be reached or refuses.
    """
    slug = embedder_slug(embedder_name)
    if settings.qdrant_url is None:
        from stemma.store.vectors_edge import remove

        remove(settings.data_dir / "vectors" / slug)
        return
    from stemma.store.vectors_server import connect, drop

    api_key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    client = connect(settings.qdrant_url, api_key)
    drop(client, f"stemma-{slug}", _server(settings.qdrant_url))
    client.close()


def _server(url: str) -> str:
    """The server as errors name it: its host and port, never the user and password that a URL may hold."""
    return f"Qdrant at {urlsplit(url).netloc.rpartition('@')[2]}"


def embedder_slug(name: str) -> str:
    """The name as a folder or collection name; where letters had to be replaced, a hash keeps names apart."""
    slug = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:80]
    return slug if slug == name else f"{slug}-{content_id(name)[:8]}"


def _neighbours(ids: Sequence[str], hits: list[list[tuple[str, float]]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query_id": [query for query, found in zip(ids, hits, strict=True) for _ in found],
            "neighbour_id": [id_ for found in hits for id_, _ in found],
            "cosine": [cosine for found in hits for _, cosine in found],
        },
        schema=NEIGHBOURS,
    )
