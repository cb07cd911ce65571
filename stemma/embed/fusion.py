"""The dense and the lexical channel put together, with weights learned on the development sets.

The channels live in `static` (or another embedder) and `bm25`; the weights, and where they come from, in `fusion.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """How much the lexical channel counts beside a cosine: when the query is prose, and when it is code."""

    text: float
    code: float


@cache
def learned() -> Weights:
    """The weights in the wheel, found by `python -m bench.retrieval FOLDER --fit`."""
    stored = json.loads((files("stemma.embed") / "fusion.json").read_text())
    return Weights(**stored["weights"])


def fuse(cosines: Scores, lexical: Scores, bounds: Scores, *, is_text: bool, weights: Weights | None = None) -> Scores:
    """One score for each query and text: cosine + weight * lexical.

    BM25 has no scale of its own. Dividing by the geometric mean of the query's best score and of the most that it
    could have scored makes of it a share: a query whose words are found nowhere then leaves the cosine alone, and one
    whose words are all found counts in full.

    Args:
        cosines: shape (queries, texts).
        lexical: BM25 of the same shape.
        bounds: shape (queries,), the sum of the inverse document frequencies of each query's words.
        is_text: whether the queries are prose.
    """
    weight = getattr(weights or learned(), "text" if is_text else "code")
    scale = np.sqrt(np.maximum(lexical.max(axis=1), 0) * bounds)[:, None]
    shares = np.divide(lexical, scale, out=np.zeros_like(lexical), where=scale > 0)
    fused: Scores = (cosines + np.float32(weight) * shares).astype(np.float32)
    return fused
