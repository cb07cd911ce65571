"""FastEmbed's ONNX models as an embedder (extra `codestemma[fastembed]`); FastEmbed downloads a model on first use.

The protocol it follows lives in `base`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import numpy as np

from stemma.embed.base import Vectors, normalise
from stemma.errors import ConfigError, StoreError

BATCH = 64


class FastEmbedEmbedder:
    """One of FastEmbed's text models, by its name in FastEmbed's list.

    Raises:
        ConfigError: FastEmbed is not installed, or has no such model.
        StoreError: the model can neither be found on disk nor downloaded.
    """

    def __init__(self, model: str) -> None:
        try:
            fastembed = import_module("fastembed")
        except ImportError as error:
            raise ConfigError(
                f"The embedder 'fastembed:{model}' needs FastEmbed, which is not installed.",
                "Run `pip install 'codestemma[fastembed]'`.",
            ) from error
        sizes = {known["model"].lower(): known["dim"] for known in fastembed.TextEmbedding.list_supported_models()}
        if model.lower() not in sizes:
            raise ConfigError(f"FastEmbed has no model '{model}'.", f"It has: {', '.join(sorted(sizes))}.")
        try:
            self._model = fastembed.TextEmbedding(model)
        except Exception as error:  # download, disk and ONNX errors of three libraries
            raise StoreError(f"FastEmbed cannot load '{model}': {error}", "Check the network and its cache.") from error
        self.name = f"fastembed-{version('fastembed')}:{model}"
        self.dimensions = int(sizes[model.lower()])

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        filled = [index for index, text in enumerate(texts) if text.strip()]
        if filled:
            made = self._model.embed([texts[index] for index in filled], batch_size=BATCH)
            vectors[filled] = np.vstack(list(made))
        return normalise(vectors)
