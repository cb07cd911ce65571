"""The built-in embedder: a trained vector for each feature of a text, summed. It needs NumPy and nothing else.

How the vectors were trained lives in `training/`; the features in `features`; the model's figures in `model/CARD.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.embed.base import Vectors, normalise
from stemma.embed.features import Tokens
from stemma.embed.vocabulary import Counted, Vocabulary

NAME = "static-384-v2"
BATCH = 1_000
"""Texts read at once: some 50 MB of features."""


@dataclass(frozen=True)
class Model:
    """The trained artefact: vocabulary, int8 vectors of shape (rows, dimensions), and each row's float32 scale."""

    vocabulary: Vocabulary
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> Model:
        with np.load(path) as arrays:
            vocabulary = Vocabulary(arrays["words"], arrays["pairs"], arrays["runs"], int(arrays["n_buckets"]))
            return cls(vocabulary, arrays["vectors"], arrays["scales"])

    def save(self, path: Path) -> None:
        known = self.vocabulary
        np.savez(
            path,
            words=known.words,
            pairs=known.pairs,
            runs=known.runs,
            n_buckets=np.array(known.n_buckets),
            vectors=self.vectors,
            scales=self.scales,
        )


@cache
def built_in() -> Model:
    """The model in the wheel, read once per process."""
    with as_file(files("stemma.embed") / "model" / "static.npz") as path:
        return Model.load(path)


class StaticEmbedder:
    """Sum of the vectors of a text's features, each times 1 + ln of its count, scaled to length 1.

    A static model in the manner of word2vec's averages (Mikolov et al., 2013) and fastText's hashed buckets
    (Bojanowski et al., 2017); that a feature matters more is said by its vector's length. Each text is summed alone
    and in order of rows, so equal texts give equal bits in any batch. A text without a feature gives a row of zeros.
    """

    def __init__(self, model: Model | None = None, name: str = NAME) -> None:
        self._model = model or built_in()
        self._tokens = Tokens()
        self.name = name
        self.dimensions = int(self._model.vectors.shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            counted = self._model.vocabulary.count(self._tokens.read(batch))
            self._sum(counted, vectors[start : start + len(batch)])
        return normalise(vectors)

    def _sum(self, counted: Counted, into: Vectors) -> None:
        weights = (1 + np.log(counted.counts)) * self._model.scales[counted.rows]
        bounds = np.searchsorted(counted.texts, np.arange(len(into) + 1))
        for text in np.flatnonzero(np.diff(bounds)).tolist():
            place = slice(bounds[text], bounds[text + 1])
            rows = self._model.vectors[counted.rows[place]].astype(np.float32)
            np.einsum("i,ij->j", weights[place], rows, out=into[text])  # never BLAS, whose order of sums is its own
