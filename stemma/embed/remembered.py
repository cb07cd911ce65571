"""Vectors already made are not made again: any embedder that costs money or seconds, behind the durable memory.

Where they are kept lives in `remote.memory`; the embedders that use it stand beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stemma.embed.base import Vectors
from stemma.errors import MixtureError
from stemma.ids import content_id
from stemma.remote import Memory

SAME_MODEL = 0.99
"""Cosine of two vectors of one text from which on they are the same model's: servers that batch or quantise differently
give .9999 and above; two models, or two versions of one, hardly ever above .9."""


def embed_remembered(
    memory: Memory,
    space: str,
    texts: Sequence[str],
    dimensions: int,
    make: Callable[[list[str]], Vectors],
    *,
    batch: int,
    service: str = "",
) -> Vectors:
    """Vectors of the texts, those unknown made by `make` in batches; each batch is kept as soon as it is there.

    Args:
        space: whose vectors these are: kind, model, version.
        service: what else they depend on.
        make: distinct texts in, float32 of shape (len(texts), dimensions) out.
    """
    keys = [content_id(space, service, str(dimensions), text) for text in texts]
    known = memory.get(list(dict.fromkeys(keys)))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    waiting = list(missing)
    for start in range(0, len(waiting), batch):
        part = waiting[start : start + batch]
        made = np.asarray(make([missing[key] for key in part]), "<f4")
        answers = {key: row.tobytes() for key, row in zip(part, made, strict=True)}
        memory.put(space, answers)
        known |= answers
    vectors = np.zeros((len(texts), dimensions), np.float32)
    for row, key in enumerate(keys):
        vectors[row] = np.frombuffer(known[key], "<f4")
    return vectors


def check_identity(memory: Memory, space: str, probe: Vectors, who: str) -> None:
    """Hold the vector of a fixed text against the one noted when the space was first used; note it where none is.

    Raises:
        MixtureError: they are not of one model, so what was made before does not belong with what is made now.
    """
    noted = np.frombuffer(memory.note_identity(space, probe.astype("<f4").tobytes()), "<f4")
    if noted.size != probe.size:
        problem = f"gave vectors of {noted.size} dimensions and now gives {probe.size}"
    elif cosine(noted, probe) < SAME_MODEL:
        problem = f"gives another vector for the same text than before (cosine {cosine(noted, probe):.3f})"
    else:
        return
    raise MixtureError(
        f"{who} {problem}: the model behind it has changed.",
        "Embed everything anew with: stemma run --re-embed; or give the new model a name of its own in `embedder`.",
    )


def cosine(a: Vectors, b: Vectors) -> float:
    """0 where either is all zeros."""
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(np.dot(a, b)) / lengths if lengths else 0.0
