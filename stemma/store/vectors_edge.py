"""Qdrant Edge: the vectors of one embedder in a folder, searched in this process, written by one process at a time.

What a vector store is, and which one is opened, is said in `vectors`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import qdrant_edge as qdrant

from stemma.errors import BusyError, MixtureError, StoreError
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

logger = logging.getLogger(__name__)
SCROLL_POINTS = 20_000


class EdgeVectors(Vectors):
    """One folder of Qdrant Edge. A folder that cannot be read is set aside, with a warning, and an empty one made.

    Raises:
        BusyError: another process has the folder open.
        MixtureError: the folder holds vectors of other dimensions.
        StoreError: the folder cannot be written.
    """

    def __init__(self, path: Path, source: Source) -> None:
        super().__init__(str(path), source)
        self._lock = _lock(path)
        try:
            self._shard = _open(path, self.dimensions)
        except BaseException:
            self._lock.close()
            raise

    def count(self) -> int:
        with _refusals(self.place):
            return int(self._shard.count(qdrant.CountRequest(exact=True)))

    def ids(self) -> Iterator[list[str]]:
        offset: Any = None
        while True:
            request = qdrant.ScrollRequest(offset=offset, limit=SCROLL_POINTS, with_payload=False, with_vector=False)
            with _refusals(self.place):
                points, offset = self._shard.scroll(request)
            yield [_hex(point.id) for point in points]
            if offset is None:
                return

    def flush(self) -> None:
        with _refusals(self.place):
            self._shard.flush()

    def optimize(self) -> None:
        with _refusals(self.place):
            if self._shard.optimize():
                self._shard.flush()

    def close(self) -> None:
        if not self._lock.closed:
            self._shard.close()
            self._lock.close()

    def _upsert(self, ids: Sequence[str], vectors: list[list[float]], payload: list[dict[str, Any]]) -> None:
        points = [qdrant.Point(*point) for point in zip(ids, vectors, payload, strict=True)]
        with _refusals(self.place):
            self._shard.update(qdrant.UpdateOperation.upsert_points(points))

    def _search(
        self, vectors: list[list[float]], k: int, filters: Filters | None, min_cosine: float | None
    ) -> list[list[tuple[str, float]]]:
        params = qdrant.SearchParams(
            hnsw_ef=SEARCH_EF,
            quantization=qdrant.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING),
        )
        requests = [
            qdrant.QueryRequest(
                limit=k,
                query=qdrant.Query.Nearest(vector),
                filter=_filter(filters),
                score_threshold=min_cosine,
                params=params,
            )
            for vector in vectors
        ]
        with _refusals(self.place):
            found = self._shard.query_batch(qdrant.QueryBatchRequest(requests))
        return [[(_hex(hit.id), hit.score) for hit in hits] for hits in found]

    def _fetch(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        with _refusals(self.place):
            records = self._shard.retrieve(list(ids), with_payload=False, with_vector=True)
        return {_hex(record.id): record.vector for record in records}  # type: ignore[misc]

    def _delete(self, ids: Sequence[str]) -> None:
        with _refusals(self.place):
            self._shard.update(qdrant.UpdateOperation.delete_points(list(ids)))


def remove(path: Path) -> None:
    """Delete the folder, while nobody has it open.

    Raises:
        BusyError: another process has.
        StoreError: it cannot be deleted.
    """
    with _lock(path):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(f"{error.filename} cannot be removed: {error.strerror}.", "Check its owner.") from error


@contextmanager
def _refusals(place: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the binding raises nothing more precise
        hint = "Check the disk's free space; a folder that is removed is built again by `stemma run`."
        raise StoreError(f"Qdrant Edge refused {place}: {error}", hint) from error


def _lock(path: Path) -> IO[str]:
    """Hold the folder for this process: the kernel lets go when it ends, however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a+")
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error.strerror}.", "Check data_dir.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise BusyError(
            f"The vectors in {path} are in use by process {holder}.", "Wait for it to end, or use a Qdrant server."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _open(path: Path, dimensions: int) -> qdrant.EdgeShard:
    config = _config(dimensions)
    shard = _load(path, config) if path.exists() and any(path.iterdir()) else None
    try:
        if shard is None:
            path.mkdir(exist_ok=True)
            shard = qdrant.EdgeShard.create(str(path), config)
        _index_fields(shard)
    except Exception as error:  # the binding raises nothing more precise
        raise StoreError(f"No vectors can be stored in {path}: {error}", "Check the disk and data_dir.") from error
    return shard


def _load(path: Path, config: qdrant.EdgeConfig) -> qdrant.EdgeShard | None:
    """The shard in the folder; None when it could not be read and has been set aside."""
    try:
        return qdrant.EdgeShard.load(str(path), config)
    except BaseException as error:  # a panic inside the library is a BaseException that is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        if "ncompatible config" in str(error):
            raise MixtureError(f"{path} holds vectors of another kind: {error}", RE_EMBED) from error
        if not os.access(path, os.W_OK | os.X_OK) or "os error 28" in str(error):  # 28: no space left
            raise StoreError(
                f"{path} cannot be opened: {error}", "Check its owner and the disk's free space."
            ) from error
        _set_aside(path, error)
        return None


def _config(dimensions: int) -> qdrant.EdgeConfig:
    quantization = qdrant.TurboQuantQuantizationConfig(bits=qdrant.TurboQuantBitSize.Bits4, always_ram=True)
    return qdrant.EdgeConfig(
        vectors=qdrant.EdgeVectorParams(
            size=dimensions, distance=qdrant.Distance.Cosine, quantization_config=quantization
        ),
        # full_scan_threshold is in kB of vectors; payload_m links the points of one language among themselves.
        hnsw_config=qdrant.HnswIndexConfig(
            m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT, full_scan_threshold=10_000, payload_m=HNSW_M
        ),
        wal_enabled=True,  # without it a kill loses everything
    )


def _index_fields(shard: qdrant.EdgeShard) -> None:
    kinds = dict.fromkeys(KEYWORD_FIELDS, qdrant.PayloadSchemaType.Keyword)
    kinds |= dict.fromkeys(INTEGER_FIELDS, qdrant.PayloadSchemaType.Integer)
    for field in kinds.keys() - shard.info().payload_schema.keys():
        shard.update(qdrant.UpdateOperation.create_field_index(field, kinds[field]))


def _set_aside(path: Path, error: BaseException) -> None:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.rename(path.with_name(f"{path.name}.broken-{moment}"))
    logger.warning("The vectors in %s cannot be read (%s); set aside as %s, built again.", path, error, aside.name)


def _filter(filters: Filters | None) -> qdrant.Filter | None:
    if not filters:
        return None
    return qdrant.Filter(
        must=[qdrant.FieldCondition(key, match=qdrant.MatchAny(list(values))) for key, values in filters.items()]
    )


def _hex(point_id: Any) -> str:
    return point_id.hex if isinstance(point_id, UUID) else UUID(str(point_id)).hex
