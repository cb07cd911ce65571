"""FastEmbed's ONNX models as an embedder (extra `codestemma[fastembed]`); FastEmbed downloads a model on first use.

The protocol it follows lives in `base`; breaker and memory in `remote`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
import pybreaker

from stemma.embed.base import Vectors, normalise
from stemma.embed.remembered import embed_remembered
from stemma.errors import ConfigError, StoreError
from stemma.remote import Breaker, Memory

BATCH = 64


class FastEmbedEmbedder:
    """One of FastEmbed's text models, by its name in FastEmbed's list. The model is loaded when first used.

    Raises:
        ConfigError: FastEmbed is not installed, or has no such model.
        StoreError: in use, the model can neither be found on disk nor downloaded.
    """

    def __init__(self, model: str, memory: Memory) -> None:
        try:
            self._fastembed: Any = import_module("fastembed")
        except ImportError as error:
            raise ConfigError(
                f"The embedder 'fastembed:{model}' needs FastEmbed, which is not installed.",
                "Run `pip install 'codestemma[fastembed]'`.",
            ) from error
        known = self._fastembed.TextEmbedding.list_supported_models()
        sizes = {entry["model"].lower(): entry["dim"] for entry in known}
        if model.lower() not in sizes:
            raise ConfigError(f"FastEmbed has no model '{model}'.", f"It has: {', '.join(sorted(sizes))}.")
        self._memory = memory
        self._wanted = model
        self.name = f"fastembed-{version('fastembed')}:{model}"
        self.dimensions = int(sizes[model.lower()])

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        filled = [index for index, text in enumerate(texts) if text.strip()]
        vectors[filled] = embed_remembered(
            self._memory, self.name, [texts[index] for index in filled], self.dimensions, self._make, batch=BATCH
        )
        return normalise(vectors)

    def forget(self) -> None:
        """Drop the vectors kept."""
        self._memory.forget(self.name)

    def _make(self, texts: list[str]) -> Vectors:
        made: Vectors = np.vstack(list(self._model.embed(texts, batch_size=BATCH)))
        if made.shape != (len(texts), self.dimensions) or not np.isfinite(made).all():
            raise StoreError(f"{self.name} gave vectors of shape {made.shape}, or no numbers.", "Check the model.")
        return made

    @cached_property
    def _model(self) -> Any:
        """The model; a download that failed is not tried again with every batch and command."""
        breaker = Breaker(self._memory, f"embedder {self.name}", StoreError, failures=1)
        try:
            return breaker.call(self._load)
        except pybreaker.CircuitBreakerError as error:
            problem = breaker.look().last_problem
            raise StoreError(
                f"The model of {self.name} is not tried again yet; the last time: {problem}",
                "Mend that, then: stemma doctor --reset-breakers.",
            ) from error

    def _load(self) -> Any:
        try:
            return self._fastembed.TextEmbedding(self._wanted)
        except Exception as error:  # download, disk and ONNX errors of three libraries
            raise StoreError(
                f"FastEmbed cannot load '{self._wanted}': {error}", "Check the network and its cache."
            ) from error
