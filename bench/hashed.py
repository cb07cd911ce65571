"""A baseline of `retrieval`: hashed sub-tokens, which Stemma embedded by before it had a trained model."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemma.embed.base import Vectors, normalise, stable_hash
from stemma.words import split_identifier

DIMENSIONS = 384
WORD = re.compile(r"[^\W\d]\w*")
MAX_CACHED_WORDS = 500_000  # about 100 MB; hostile code may hold any number of distinct words
MAX_WORD_CHARACTERS = 200  # longer ones are data, and would fill the cache


class HashedEmbedder:
    """Feature hashing of sub-tokens with signs (Weinberger et al., 2009) and sub-linear term frequency, 1 + ln tf.

    The sign comes from a hash bit that the dimension does not use, so that collisions cancel on average.
    A text without a word gives a row of zeros.
    """

    name = "lexical-384-v1"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        self._forget()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """As `Embedder.embed`. Equal texts give equal bits, in any batch, process and platform of the same NumPy."""
        if len(self._words) > MAX_CACHED_WORDS:
            self._forget()
        rows, slots = self._occurrences(texts)
        if not slots.size:
            return np.zeros((len(texts), DIMENSIONS), np.float32)
        hashes, ranks = np.unique(np.array(list(self._slots), dtype=np.uint64), return_inverse=True)
        cells, counts = np.unique(rows * len(hashes) + ranks[slots], return_counts=True)  # sums in order of the hash
        rows, slots = np.divmod(cells, len(hashes))
        hashes = hashes[slots]
        columns = (hashes % DIMENSIONS).astype(np.int64)
        weights = (1 + np.log(counts)) * np.where(hashes >> np.uint64(63), 1.0, -1.0)
        flat = np.bincount(rows * DIMENSIONS + columns, weights, minlength=len(texts) * DIMENSIONS)
        return normalise(flat.reshape(len(texts), DIMENSIONS).astype(np.float32))

    def _forget(self) -> None:
        self._slots: dict[int, int] = {}  # hash of a sub-token -> its number, in order of first use
        self._words: dict[str, tuple[int, ...]] = {}  # word -> numbers of its sub-tokens

    def _occurrences(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and sub-token number of every sub-token of every text."""
        words = self._words
        lengths: list[int] = []
        slots: list[int] = []
        for text in texts:
            before = len(slots)
            for word in WORD.findall(text):
                numbers = words.get(word)
                slots.extend(self._learn(word) if numbers is None else numbers)
            lengths.append(len(slots) - before)
        return np.repeat(np.arange(len(texts)), lengths), np.array(slots, dtype=np.int64)

    def _learn(self, word: str) -> tuple[int, ...]:
        pieces = split_identifier(word[:MAX_WORD_CHARACTERS])
        numbers = tuple(self._slots.setdefault(stable_hash(piece), len(self._slots)) for piece in pieces)
        if len(word) <= MAX_WORD_CHARACTERS:
            self._words[word] = numbers
        return numbers
