"""What an embedder is: text in, unit vectors out.

The embedders themselves live beside this file; the vectors they make are kept by `store.vectors`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors of one fixed length.

    `name` holds the version: vectors of two names are never compared. A text with nothing to embed gives a row of
    zeros, which stands for "no vector": it is not stored, and its pairs have no semantic component.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 of shape (len(texts), dimensions), each row of length 1, or 0 where there is nothing to embed."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """An embedder that keeps vectors once made beside the store."""

    def forget(self) -> None:
        """Drop what is kept."""
        ...


def normalise(vectors: Vectors) -> Vectors:
    """The rows scaled to length 1; rows of zeros stay as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def present(vectors: Vectors) -> NDArray[np.bool_]:
    """Which rows are vectors, rather than rows of zeros that stand for their absence."""
    is_present: NDArray[np.bool_] = np.any(vectors != 0, axis=1)
    return is_present


def stable_hash(text: str) -> int:
    """64 bits of BLAKE2b: the same in every process and on every platform, unlike `hash()`."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
