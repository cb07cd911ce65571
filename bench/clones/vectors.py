"""Vectors of a set's patterns by the default embedder, and the nearest neighbours that join the candidates.

A run finds neighbours in the vector store; here they are exact, by a blocked matrix product, at the same bounds.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.clones.detection import Clock
from bench.clones.own import Read, Vectors
from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.embed.texts import pattern_texts
from stemma.match.kinds import scopes_of
from stemma.match.neighbours import MIN_COSINE, NEIGHBOURS

BLOCK = 1_000


def default_vectors(data: Read) -> Vectors:
    clock = Clock()
    embedder = open_embedder(Settings())
    with clock.running("embedding"):
        matrix = embedder.embed(pattern_texts(data.patterns))
    with clock.running("neighbours"):
        near = _near(matrix, scopes_of(data.patterns["language"], data.patterns["kind"]))
    return Vectors(embedder.name, matrix, near, clock.spent)


def _near(matrix: NDArray[np.float32], scopes: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for scope in scopes.unique():
        rows = np.flatnonzero((scopes == scope).to_numpy() & np.any(matrix != 0, axis=1))
        if len(rows) < 2:
            continue
        n = min(NEIGHBOURS, len(rows) - 1)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            cosines = matrix[part] @ matrix[rows].T
            cosines[np.arange(len(part)), np.arange(start, start + len(part))] = -1
            best = np.argpartition(-cosines, n - 1, axis=1)[:, :n]
            is_near = np.take_along_axis(cosines, best, axis=1) >= MIN_COSINE
            found.append((np.repeat(part, is_near.sum(axis=1)), rows[best[is_near]]))
    return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])
