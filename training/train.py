"""The training itself: InfoNCE over batches of pairs, in NumPy and SciPy, and the artefact that comes of it.

What a batch is lives in `pairs`, what words mean before the first batch, in `teacher`. An embedding bag is a sparse
matrix times the table of vectors; only the rows a batch touches are moved.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from stemma.embed.static import Model
from stemma.embed.vocabulary import Vocabulary
from training.pairs import Batch, Pairs
from training.prepare import read_vocabulary
from training.teacher import read_directions

Floats = NDArray[np.float32]
DIMENSIONS = 384
SIZE = 1_024
TEMPERATURE = 0.07
RATE = 0.012
DROPOUT = 0.15
N_STEPS = 1_700
BETA = 0.99
PAIR_LENGTH = 0.3
"""How long the vectors of pairs of words begin, beside those of words, which already say most of what a pair says."""
SEED = 3


class Table:
    """Vectors, moved by Adam without momentum whose second moment is kept by row, not by element."""

    def __init__(self, vectors: Floats) -> None:
        self.vectors = vectors
        self._moments = np.zeros(len(vectors), np.float32)
        self._n_moves = np.zeros(len(vectors), np.int32)

    def move(self, rows: NDArray[np.int64], gradient: Floats, rate: float) -> None:
        self._n_moves[rows] += 1
        moment = BETA * self._moments[rows] + (1 - BETA) * np.einsum("ij,ij->i", gradient, gradient) / gradient.shape[1]
        self._moments[rows] = moment
        scale = rate / (np.sqrt(moment / (1 - BETA ** self._n_moves[rows])) + 1e-12)
        self.vectors[rows] -= scale[:, None] * gradient


def train(folder: Path, n_steps: int = N_STEPS, seed: int = SEED) -> Path:
    """Train for so many batches, the rate falling to nothing in a straight line; write `static.npz`."""
    pairs = Pairs(folder, seed)
    table = Table(first_vectors(pairs, read_vocabulary(folder), read_directions(folder, DIMENSIONS), seed))
    random = np.random.default_rng(seed)
    hits: dict[str, list[float]] = {}
    for number in range(n_steps):
        batch = pairs.draw(SIZE)
        hits.setdefault(batch.kind, []).append(step(table, batch, RATE * (1 - number / n_steps), random))
        if (number + 1) % 100 == 0:
            shown = " ".join(f"{kind} {np.mean(found[-50:]):.3f}" for kind, found in sorted(hits.items()))
            print(
                f"{number + 1} of {n_steps}, {time.process_time():.0f} CPU s, first right: {shown}",
                file=sys.stderr,
                flush=True,
            )
    return write(folder, read_vocabulary(folder), table.vectors)


def first_vectors(pairs: Pairs, vocabulary: Vocabulary, directions: Floats, seed: int) -> Floats:
    """As long as the feature is telling; words where the teacher saw them, all else in random directions.

    The cosine starts as that of TF-IDF in which words of one meaning are one in part.
    """
    full = pairs.features["full"]
    shares = (1 + np.bincount(full.indices, minlength=full.shape[1])) / full.shape[0]
    random = np.random.default_rng(seed).standard_normal((full.shape[1], DIMENSIONS), np.float32)
    lengths = np.clip(-np.log(np.clip(shares, None, 1)), 0.2, 9) / np.sqrt(DIMENSIONS)
    vectors = (random * lengths[:, None]).astype(np.float32)
    n_words = len(vocabulary.words)
    is_taught = np.flatnonzero(directions.any(1))
    vectors[is_taught] = directions[is_taught] * np.linalg.norm(vectors[is_taught], axis=1, keepdims=True)
    vectors[n_words : n_words + len(vocabulary.pairs)] *= np.float32(PAIR_LENGTH)
    return vectors


def step(table: Table, batch: Batch, rate: float, random: np.random.Generator) -> float:
    """One batch: symmetric InfoNCE, its gradient, the move. Gives how often the right one came first."""
    bags = sparse.vstack([_dropped(batch.left, random), _dropped(batch.right, random)], "csr")
    is_touched = np.zeros(bags.shape[1], np.bool_)
    is_touched[bags.indices] = True
    rows = np.flatnonzero(is_touched)
    columns = (np.cumsum(is_touched, dtype=np.int32) - 1)[bags.indices]
    bags = sparse.csr_matrix((bags.data, columns, bags.indptr), (bags.shape[0], len(rows)))
    sums = bags @ table.vectors[rows]
    lengths = np.linalg.norm(sums, axis=1, keepdims=True) + 1e-6
    units = sums / lengths
    n = batch.left.shape[0]
    hits, by_unit = info_nce(units[:n], units[n:], batch)
    by_sum = (by_unit - units * np.einsum("ij,ij->i", units, by_unit)[:, None]) / lengths
    table.move(rows, np.asarray(bags.T @ by_sum), rate)
    return hits


def info_nce(left: Floats, right: Floats, batch: Batch) -> tuple[float, Floats]:
    """Van den Oord et al., 2018, both ways; pairs that share a text or a name are no negatives."""
    logits = left @ right.T / np.float32(TEMPERATURE)
    n = len(left)
    for mine, other in zip(*batch.groups, strict=True):
        same = mine[:, None] == other[None, :]
        np.fill_diagonal(same, False)
        logits[same] = -1e4
    forth, back = _softmax(logits, 1), _softmax(logits, 0)
    hits = float((logits.argmax(1) == np.arange(n)).mean())
    by_logit = forth + back
    by_logit[np.arange(n), np.arange(n)] -= 2
    by_logit *= np.float32(0.5 / n / TEMPERATURE)
    return hits, np.concatenate([by_logit @ right, by_logit.T @ left])


def _softmax(logits: Floats, axis: int) -> Floats:
    raised = np.exp(logits - logits.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def _dropped(bags: sparse.csr_matrix, random: np.random.Generator) -> sparse.csr_matrix:
    """Some of the features left out, so that no one of them is leaned upon."""
    kept = sparse.csr_matrix((bags.data.copy(), bags.indices, bags.indptr), bags.shape)
    kept.data *= random.random(len(kept.data), np.float32) >= DROPOUT
    return kept


def write(folder: Path, vocabulary: Vocabulary, vectors: Floats) -> Path:
    """Quantise each row to int8 by its largest element, and write the artefact."""
    np.save(folder / "vectors.npy", vectors)
    scales = np.abs(vectors).max(1) / 127
    scales[scales == 0] = 1
    quantised = np.rint(vectors / scales[:, None]).astype(np.int8)
    path = folder / "static.npz"
    Model(vocabulary, quantised, scales.astype(np.float32)).save(path)
    return path
