"""The published index: every live pattern and its places as arrays in one file, mapped into memory and never changed.

How it is made from Postgres lives in `publish`, how it is asked in `similar`. A new one takes the old one's place
whole (`os.replace`), so whoever has one open goes on reading what it opened.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.config import Settings
from stemma.errors import NotFoundError, StoreError

FILE = "similar.index"
MAGIC = b"STEMMA1\n"  # changes with the meaning of any array
ALIGNMENT = 64
_BUILDING = ".building"

Arrays = Mapping[str, NDArray[Any]]

POSTINGS = 200_000
"""Entries of the inverted index one query reads, its rarest fingerprints first. Those beyond stand in thousands of
patterns each and say little."""


@dataclass(frozen=True)
class Texts:
    """Texts in one block of bytes: text i ends where `ends[i]` says."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]

    def __getitem__(self, at: int) -> str:
        start = int(self.ends[at - 1]) if at else 0
        return self.data[start : int(self.ends[at])].tobytes().decode("utf-8")

    def numbers_of(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """Where those of these texts stand that are among them, in any order."""
        sizes = np.diff(self.ends, prepend=0)
        found = [np.empty(0, np.int64)]
        for text in texts:
            wanted = np.frombuffer(text.encode(), np.uint8)
            at = np.flatnonzero(sizes == len(wanted))
            places = (self.ends[at] - len(wanted))[:, None] + np.arange(len(wanted))
            found.append(at[(self.data[places] == wanted).all(axis=1)])
        return np.concatenate(found)


class Index:
    """Arrays of live patterns, a row each, in the order of their ids; lists are values and where each row's end.

    Args:
        arrays: as `publish.read_arrays` makes them, in memory or mapped from a file.
        about: what they were made of: `languages`, `kinds`, `repositories` (names), `locations` (of those that are
            folders of this machine), `embedder` (null without vectors), `dimensions`, `digest`, `built_at`.
    """

    def __init__(self, arrays: Arrays, about: Mapping[str, Any]) -> None:
        self.arrays = arrays
        self.about = about
        self.vocabulary = Texts(arrays["vocabulary"], arrays["vocabulary_ends"])
        self.structures = Texts(arrays["structures"], arrays["structure_ends"])
        self.codes = Texts(arrays["codes"], arrays["code_ends"])
        self.paths = Texts(arrays["paths"], arrays["path_ends"])
        self.names = Texts(arrays["names"], arrays["name_ends"])

    def __len__(self) -> int:
        return len(self.arrays["ids"])

    def row_of(self, pattern_id: str) -> int | None:
        """The row of a pattern; None where it is not live."""
        high, low = np.frombuffer(bytes.fromhex(pattern_id), ">u8").astype(np.uint64)
        ids = self.arrays["ids"]
        row = int(np.searchsorted(ids[:, 0], high))
        while row < len(ids) and ids[row, 0] == high:
            if ids[row, 1] == low:
                return row
            row += 1
        return None

    def pattern_id(self, row: int) -> str:
        halves: bytes = self.arrays["ids"][row].astype(">u8").tobytes()
        return halves.hex()

    def part(self, name: str, row: int) -> NDArray[Any]:
        """The values of one row of a list: `shingles` or `words`."""
        ends = self.arrays[f"{name}_ends"]
        return self.arrays[name][int(ends[row - 1]) if row else 0 : int(ends[row])]

    def place_rows(self, row: int) -> range:
        """Which rows of the `place_` arrays are places of a pattern."""
        ends = self.arrays["place_ends"]
        return range(int(ends[row - 1]) if row else 0, int(ends[row]))

    def sharing(self, sketch: NDArray[np.uint32], is_wanted: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
        """The k wanted rows whose fingerprints (as `candidates.sketch` makes them) are most like these."""
        hashes, starts = self.arrays["posting_hashes"], self.arrays["posting_starts"]
        at = np.searchsorted(hashes, sketch)
        at = at[at < len(hashes)]
        at = at[np.isin(hashes[at], sketch)]
        sizes = starts[at + 1] - starts[at]
        rarest = np.argsort(sizes, kind="stable")
        rarest = rarest[: max(1, int(np.searchsorted(np.cumsum(sizes[rarest]), POSTINGS, side="right")))]
        if not len(rarest):
            return np.empty(0, np.int64)
        rows = self.arrays["posting_rows"]
        met = np.concatenate([rows[starts[i] : starts[i + 1]] for i in at[rarest]])
        common = np.bincount(met, minlength=len(self))
        found = np.flatnonzero((common > 0) & is_wanted)
        union = len(sketch) + self.arrays["sketch_sizes"][found].astype(np.int64) - common[found]
        return found[_largest(common[found] / union, k)]

    def nearest(self, vector: NDArray[np.float32], is_wanted: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
        """The k wanted rows whose vectors are nearest: by signs first, then the best of those by their vectors."""
        vectors, signs = self.arrays["vectors"], self.arrays["signs"]
        rows = np.flatnonzero(is_wanted & self.arrays["has_vector"])
        if not len(rows) or not vector.any():
            return np.empty(0, np.int64)
        few = SIGNED * k
        if len(rows) > few:
            own = signs_of(vector[None], self.arrays["rotation"])[0]
            apart = np.bitwise_count(signs[rows] ^ own).sum(axis=1, dtype=np.uint16)
            rows = rows[np.argpartition(apart, few)[:few]]
            rows.sort()
        cosines = vectors[rows].astype(np.float32) @ vector
        return rows[_largest(cosines, k)]

    def worded(self, words: list[str], is_wanted: NDArray[np.bool_], least: float) -> NDArray[np.int64]:
        """The wanted rows whose words have the Jaccard similarity `least` with these, in order."""
        if not is_wanted.any():
            return np.empty(0, np.int64)
        ends, values = self.arrays["words_ends"], self.arrays["words"]
        is_asked = np.zeros(len(self.vocabulary.ends), np.bool_)
        is_asked[self.vocabulary.numbers_of(words)] = True
        common = np.diff(np.append(0, np.cumsum(is_asked[values], dtype=np.int64))[np.append(0, ends)])
        every = np.diff(ends, prepend=0) + len(words) - common
        return np.flatnonzero(is_wanted & (common > 0) & (common >= least * every))

    def vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Unit rows; a row of zeros where a pattern has no vector."""
        return self.arrays["vectors"][rows].astype(np.float32)


SIGNED = 50
"""Rows rescored for each neighbour wanted, taken by the Hamming distance of their sign bits (Charikar 2002). They hold
.975 of the true 20 nearest of 100,000 hashed vectors of 384 dimensions, half as many .953; without the rotation .47."""

SIGN_BITS = 384  # at least; rotated anew until there are so many


def rotation_for(dimensions: int) -> NDArray[np.float32]:
    """Random rotations side by side, (dimensions, bits): after one the signs say as much of every direction."""
    drawn = np.random.default_rng(dimensions)
    n = -(-SIGN_BITS // dimensions) if dimensions else 0
    rotations = [np.linalg.qr(drawn.normal(size=(dimensions, dimensions)))[0] for _ in range(n)]
    return np.concatenate([np.empty((dimensions, 0)), *rotations], axis=1).astype(np.float32)


def signs_of(vectors: NDArray[Any], rotation: NDArray[np.float32]) -> NDArray[np.uint64]:
    """The sign bits of each row under the rotation, as 64-bit words."""
    bits = np.packbits(vectors.astype(np.float32) @ rotation > 0, axis=1)
    wide = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    wide[:, : bits.shape[1]] = bits
    return wide.view(np.uint64)


def path_of(settings: Settings) -> Path:
    return settings.data_dir / FILE


def open_index(settings: Settings) -> Index:
    """The index as it is now, mapped: only what is read comes into memory.

    Raises:
        NotFoundError: there is none, or it is not whole.
    """
    target = path_of(settings)
    try:
        with target.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise NotFoundError(f"There is no index at {target}.", "Run: stemma run") from error
    header = _header(data)
    if header is None:
        raise NotFoundError(f"The index at {target} is not whole, or of another version.", "Run: stemma run")
    arrays = {
        name: np.frombuffer(data, dtype, int(np.prod(shape)), offset).reshape(shape)
        for name, (dtype, shape, offset) in header["arrays"].items()
    }
    return Index(arrays, header["about"])


def _header(data: mmap.mmap) -> dict[str, Any] | None:
    start = len(MAGIC) + 16
    if len(data) < start or data[: len(MAGIC)] != MAGIC:
        return None
    n_header, n_bytes = np.frombuffer(data, np.int64, 2, len(MAGIC))
    if len(data) != n_bytes or not 0 < n_header <= n_bytes - start:
        return None
    try:
        header = json.loads(data[start : start + int(n_header)])
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def write_index(settings: Settings, index: Index) -> int:
    """Publish an index: written aside, synced, and put in the former one's place; returns its bytes.

    Raises:
        StoreError: it cannot be written; the former one stays.
    """
    target = path_of(settings)
    building = target.with_name(f"{FILE}.{uuid.uuid4().hex}{_BUILDING}")
    try:
        with building.open("wb") as file:
            n_bytes = _write(file, index)
            file.flush()
            os.fsync(file.fileno())
        building.replace(target)
    except OSError as error:
        raise StoreError(
            f"The index cannot be written to {target}: {error.strerror}.",
            "Free some space or mend the folder's permissions, then run again; the former index stays.",
        ) from error
    finally:
        with suppress(OSError):
            building.unlink(missing_ok=True)
    return n_bytes


def _write(file: Any, index: Index) -> int:
    arrays = {name: np.ascontiguousarray(array) for name, array in index.arrays.items()}
    places = dict.fromkeys(arrays, 10**15)  # as wide as any offset, so that the header's length is known
    header = b""
    for _ in range(2):
        table = {name: (array.dtype.str, array.shape, places[name]) for name, array in arrays.items()}
        header = json.dumps({"about": dict(index.about), "arrays": table}).encode().ljust(len(header))
        offset = len(MAGIC) + 16 + len(header)
        for name, array in arrays.items():
            places[name] = offset = -(-offset // ALIGNMENT) * ALIGNMENT
            offset += array.nbytes
    n_bytes = offset
    file.write(MAGIC + np.array([len(header), n_bytes], np.int64).tobytes() + header)
    for name, array in arrays.items():
        file.write(b"\0" * (places[name] - file.tell()))
        file.write(array.data if array.size else b"")
    return n_bytes


@contextmanager
def only_builder(settings: Settings) -> Iterator[None]:
    """Wait for another build of the same index to end; what a killed one left behind is then nobody's, and goes."""
    target = path_of(settings)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f"{FILE}.lock").open("w")
    except OSError as error:
        raise StoreError(f"{target.parent} cannot be written: {error.strerror}.", "Check data_dir.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file is closed, or its holder dies
        for leftover in target.parent.glob(f"{FILE}.*{_BUILDING}"):
            leftover.unlink(missing_ok=True)
        yield


def _largest(values: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Positions of the k largest, largest first; equal ones in the order they stand."""
    if len(values) > k:
        best = np.argpartition(-values, k)[:k]
        best.sort()
    else:
        best = np.arange(len(values))
    return best[np.argsort(-values[best], kind="stable")]
