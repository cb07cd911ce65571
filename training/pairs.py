"""Which two texts are to be near each other, drawn batch by batch: documentation and code, name and code, two copies.

The texts as features come from `prepare`; what is done with a batch lives in `train`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from training.prepare import KINDS

SHARES = {"text": 0.7, "name": 0.1, "same": 0.15, "self": 0.05}
CODE = {"plain": 0.65, "local": 0.25, "all": 0.1}
ONE_LANGUAGE = 0.7
"""Share of the batches of one language, whose candidates are harder to tell apart."""
BLOCK = 16
"""Neighbours taken together: functions of one package are the hardest of all."""
LOW, HIGH = 0.15, 0.9
"""Cosine, as words, of two functions of one name that are taken for the same function: less is chance, more a copy."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Left and right features, row i of one belonging to row i of the other; rows of one group are never negatives."""

    kind: str
    left: sparse.csr_matrix
    right: sparse.csr_matrix
    groups: tuple[Ints, Ints]


class Pairs:
    """Batches without end, the same for one seed and the same functions."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.functions = pl.read_parquet(folder / "train.parquet")
        self.features = {kind: sparse.load_npz(folder / f"{kind}.npz") for kind in KINDS}
        self._random = np.random.default_rng(seed)
        frame = self.functions
        self._language = (
            frame["language"].replace("typescript", "javascript").replace("cpp", "c").rank("dense").to_numpy()
        )
        self._text = frame["text"].fill_null("").rank("dense").to_numpy().astype(np.int64)
        self._name = frame["words"].rank("dense").to_numpy().astype(np.int64)
        self._documented = np.flatnonzero(frame["text"].is_not_null().to_numpy())
        is_telling = (frame["words"].str.count_matches(" ") >= 1).to_numpy()
        self._named = np.flatnonzero(is_telling)
        self._first, self._second = self._same_functions(is_telling)

    def draw(self, size: int) -> Batch:
        kind = str(self._random.choice(list(SHARES), p=list(SHARES.values())))
        if kind == "same":
            chosen = self._choose(self._language[self._first], np.arange(len(self._first)), size)
            left, right = self._first[chosen], self._second[chosen]
            return self._batch(kind, self._code(left, with_full=True), self._code(right, with_full=True), left, right)
        pool = self._documented if kind == "text" else self._named
        rows = pool[self._choose(self._language[pool], np.arange(len(pool)), size)]
        if kind == "text":
            return self._batch(kind, self.features["text"][rows], self._code(rows), rows, rows)
        if kind == "name":
            return self._batch(kind, self.features["name"][rows], self._masked(rows), rows, rows)
        return self._batch(kind, self._code(rows, with_full=True), self._masked(rows), rows, rows)

    def _choose(self, languages: NDArray[np.int64], pool: Ints, size: int) -> Ints:
        """Blocks of neighbours, of one language mostly; a language is drawn by the square root of its share."""
        if self._random.random() < ONE_LANGUAGE:
            found, counts = np.unique(languages, return_counts=True)
            share = np.sqrt(counts) * (counts > 4 * BLOCK)
            pool = pool[languages == self._random.choice(found, p=share / share.sum())]
        starts = self._random.integers(0, len(pool), size // BLOCK)
        return pool[np.unique((starts[:, None] + np.arange(BLOCK)).ravel() % len(pool))]

    def _code(self, rows: Ints, with_full: bool = False) -> sparse.csr_matrix:
        if with_full and self._random.random() < 0.35:
            return self.features["full"][rows]
        return self.features[self._random.choice(list(CODE), p=list(CODE.values()))][rows]

    def _masked(self, rows: Ints) -> sparse.csr_matrix:
        return self.features["local" if self._random.random() < 0.5 else "all"][rows]

    def _batch(self, kind: str, left: sparse.csr_matrix, right: sparse.csr_matrix, i: Ints, j: Ints) -> Batch:
        return Batch(
            kind, left, right, (np.stack([self._text[i], self._name[i]]), np.stack([self._text[j], self._name[j]]))
        )

    def _same_functions(self, is_telling: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Functions of one telling name in two packages, whose words agree in part."""
        rows = self.functions.with_row_index("row").filter(pl.Series(is_telling)).select("row", "words", "package")
        rows = rows.filter(pl.len().over("words").is_between(2, 40))
        pairs = rows.join(rows, on="words", suffix="_b").filter(
            (pl.col("row") < pl.col("row_b")) & (pl.col("package") != pl.col("package_b"))
        )
        a, b = pairs["row"].to_numpy().astype(np.int64), pairs["row_b"].to_numpy().astype(np.int64)
        full = self.features["full"]
        weight = np.log(full.shape[0] / (1 + np.bincount(full.indices, minlength=full.shape[1]))).astype(np.float32)
        weighted = full.multiply(weight[None, :]).tocsr()
        norms = np.sqrt(weighted.multiply(weighted).sum(1)).A1
        cosines = np.concatenate(
            [
                weighted[a[s : s + 20_000]].multiply(weighted[b[s : s + 20_000]]).sum(1).A1
                for s in range(0, len(a), 20_000)
            ]
            or [np.zeros(0)]
        ) / (norms[a] * norms[b] + 1e-9)
        is_same = (cosines > LOW) & (cosines < HIGH)
        return a[is_same], b[is_same]
