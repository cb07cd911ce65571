"""Vectors of a set's patterns by the default embedder, and the nearest neighbours that join the candidates.

A run finds neighbours in the vector store; here they are exact, by a blocked matrix product, at the same bounds.
"""

from __future__ import annotations

from bench.clones.detection import Clock
from bench.clones.own import Read, Vectors
from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.embed.texts import pattern_texts
from stemma.match.kinds import scopes_of
from stemma.match.neighbours import near_in


def default_vectors(data: Read) -> Vectors:
    clock = Clock()
    embedder = open_embedder(Settings())
    with clock.running("embedding"):
        matrix = embedder.embed(pattern_texts(data.patterns))
    with clock.running("neighbours"):
        near = near_in(matrix, scopes_of(data.patterns["language"], data.patterns["kind"]))
    return Vectors(embedder.name, matrix, near, clock.spent)
