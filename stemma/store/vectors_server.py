"""A Qdrant server: the vectors of one embedder in a collection, open to any number of processes.

What a vector store is, and which one is opened, is said in `vectors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

from stemma.errors import ConfigError, MixtureError, StoreError
from stemma.store.vectors import (
    HNSW_EF_CONSTRUCT,
    HNSW_M,
    INTEGER_FIELDS,
    KEYWORD_FIELDS,
    OVERSAMPLING,
    RE_EMBED,
    SEARCH_EF,
    Filters,
    Source,
    Vectors,
)

TIMEOUT_S = 60
SCROLL_POINTS = 10_000


def connect(url: str, api_key: str | None) -> QdrantClient:
    """A client of the server at `url`; nothing is asked yet.

    Raises:
        ConfigError: it is no URL. It is neither quoted nor chained: it may hold a password.
    """
    try:
        return QdrantClient(url=url, api_key=api_key, timeout=TIMEOUT_S, check_compatibility=False)
    except ValueError:
        raise ConfigError(
            "The setting 'qdrant_url' is no URL of a Qdrant server.", "Set it to http://<host>:<port>."
        ) from None


def drop(client: QdrantClient, collection: str, server: str) -> None:
    """Delete the collection, where there is one.

    Raises:
        StoreError: the server cannot be reached or refuses.
    """
    with _refusals(f"the collection {collection} of {server}"):
        client.delete_collection(collection)


class ServerVectors(Vectors):
    """One collection of the server that `client` talks to, made when it does not exist.

    Raises:
        MixtureError: the collection has other dimensions.
        StoreError: the server cannot be reached or refuses.
    """

    points_per_request = 500  # 384 numbers each as JSON: 4 MB, below the server's limit of 32

    def __init__(self, client: QdrantClient, collection: str, source: Source, server: str = "Qdrant") -> None:
        super().__init__(f"the collection {collection} of {server}", source)
        self._client = client
        self._collection = collection
        with _refusals(self.place):
            self._ensure_collection()

    def count(self) -> int:
        with _refusals(self.place):
            return self._client.count(self._collection, exact=True).count

    def ids(self) -> Iterator[list[str]]:
        offset: Any = None
        while True:
            with _refusals(self.place):
                points, offset = self._client.scroll(
                    self._collection, limit=SCROLL_POINTS, offset=offset, with_payload=False, with_vectors=False
                )
            yield [_hex(point.id) for point in points]
            if offset is None:
                return

    def flush(self) -> None:
        """Nothing to do: every write waits until the server holds it."""

    def optimize(self) -> None:
        """Nothing to do: the server indexes by itself."""

    def close(self) -> None:
        self._client.close()

    def _upsert(self, ids: Sequence[str], vectors: list[list[float]], payload: list[dict[str, Any]]) -> None:
        points = [
            models.PointStruct(id=id_, vector=vector, payload=fields)
            for id_, vector, fields in zip(ids, vectors, payload, strict=True)
        ]
        with _refusals(self.place):
            self._client.upsert(self._collection, points, wait=True)

    def _search(
        self, vectors: list[list[float]], k: int, filters: Filters | None, min_cosine: float | None
    ) -> list[list[tuple[str, float]]]:
        params = models.SearchParams(
            hnsw_ef=SEARCH_EF,
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING),
        )
        requests = [
            models.QueryRequest(
                query=vector, limit=k, filter=_filter(filters), score_threshold=min_cosine, params=params
            )
            for vector in vectors
        ]
        with _refusals(self.place):
            found = self._client.query_batch_points(self._collection, requests)
        return [[(_hex(hit.id), hit.score) for hit in response.points] for response in found]

    def _fetch(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        with _refusals(self.place):
            records = self._client.retrieve(self._collection, list(ids), with_payload=False, with_vectors=True)
        return {_hex(record.id): record.vector for record in records}  # type: ignore[misc]

    def _delete(self, ids: Sequence[str]) -> None:
        with _refusals(self.place):
            self._client.delete(self._collection, models.PointIdsList(points=list(ids)), wait=True)

    def _ensure_collection(self) -> None:
        if not self._client.collection_exists(self._collection):
            self._create_collection()
        stored = self._client.get_collection(self._collection).config.params.vectors
        if not isinstance(stored, models.VectorParams) or stored.size != self.dimensions:
            raise MixtureError(f"{self.place} does not hold vectors of {self.dimensions} dimensions.", RE_EMBED)

    def _create_collection(self) -> None:
        self._client.create_collection(
            self._collection,
            vectors_config=models.VectorParams(size=self.dimensions, distance=models.Distance.COSINE),
            hnsw_config=models.HnswConfigDiff(m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT, payload_m=HNSW_M),
            # int8 rather than Edge's 4 bits: every server since 1.1 knows it, and rescoring evens the results.
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
            ),
        )
        for field in KEYWORD_FIELDS:
            self._client.create_payload_index(self._collection, field, models.PayloadSchemaType.KEYWORD)
        for field in INTEGER_FIELDS:
            self._client.create_payload_index(self._collection, field, models.PayloadSchemaType.INTEGER)


def _hex(point_id: Any) -> str:
    return UUID(str(point_id)).hex


def _filter(filters: Filters | None) -> models.Filter | None:
    if not filters:
        return None
    return models.Filter(
        must=[
            models.FieldCondition(key=key, match=models.MatchAny(any=list(values))) for key, values in filters.items()
        ]
    )


@contextmanager
def _refusals(place: str) -> Iterator[None]:
    try:
        yield
    except ResponseHandlingException as error:
        raise StoreError(
            f"The server of {place} cannot be reached: {error}.",
            "Start it, or unset STEMMA_QDRANT_URL to use the embedded store.",
        ) from error
    except ApiException as error:
        raise StoreError(f"The server of {place} refused: {error}", "Check STEMMA_QDRANT_API_KEY.") from error
