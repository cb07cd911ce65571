"""OpenAI-compatible `/embeddings` endpoints as an embedder.

The protocol it follows lives in `base`; retries, breaker and memory in `remote`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from stemma.embed.base import Vectors, normalise
from stemma.embed.remembered import check_identity, embed_remembered
from stemma.remote import AnswerError, Endpoint, Memory, Patience

BATCH = 64
MAX_CHARACTERS = 24_000  # about the 8,192 tokens that such models read
PROBE = "def add(a, b): return a + b"


class OpenAIEmbedder:
    """A model of an OpenAI-compatible endpoint; its dimensions are learned from one small request, when first asked.

    Before a process has the first vectors made it asks for that of a fixed text, and holds it against the one noted
    when the model was first used: a model that was changed behind its name is found before its vectors are mixed
    with older ones. Vectors once made are kept in `memory`.

    Raises:
        ConfigError: the URL is none.
        StoreError: in use, the endpoint does not answer, refuses, or answers with something that is no embedding.
        MixtureError: in use, the model behind the name has changed.
    """

    def __init__(
        self, model: str, base_url: str, memory: Memory, api_key: str | None = None, patience: Patience | None = None
    ) -> None:
        self._endpoint = Endpoint(
            base_url,
            path="/embeddings",
            setting="openai_base_url",
            purpose="embedder",
            memory=memory,
            key=api_key,
            patience=patience or Patience(),
            fallback=", or set embedder to one that is built in",
        )
        self._memory = memory
        self._model = model
        self._is_checked = False
        self.name = f"openai:{model}@{self._endpoint.base}"

    @cached_property
    def dimensions(self) -> int:
        noted = self._memory.identity(self.name)
        return len(self._probe()) if noted is None else len(noted) // np.dtype("<f4").itemsize

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        filled = [index for index, text in enumerate(texts) if text.strip()]
        sent = [texts[index][:MAX_CHARACTERS] for index in filled]
        vectors[filled] = embed_remembered(
            self._memory, self.name, sent, self.dimensions, self._make, batch=BATCH, service=self._endpoint.keyed
        )
        return normalise(vectors)

    def forget(self) -> None:
        """Drop the vectors kept, and whom they came from."""
        self._memory.forget(self.name)
        self._is_checked = False
        self.__dict__.pop("dimensions", None)

    def _make(self, texts: list[str]) -> Vectors:
        if not self._is_checked:
            self._probe()
        return self._request(texts, self.dimensions)

    def _probe(self) -> Vectors:
        probe: Vectors = self._request([PROBE], None)[0]
        check_identity(self._memory, self.name, probe, self._endpoint.shown)
        self._is_checked = True
        return probe

    def _request(self, texts: list[str], dimensions: int | None) -> Vectors:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        return self._endpoint.ask(body, lambda answer: _rows(answer, len(texts), dimensions))


def _rows(answer: Any, n_texts: int, dimensions: int | None) -> Vectors:
    """The vectors of an answer in the order of their texts.

    Raises:
        AnswerError: they are not as many, not as long, or not numbers.
    """
    try:
        data = sorted(answer["data"], key=lambda item: int(item["index"]))
        rows = [[float(number) for number in item["embedding"]] for item in data]
        indices = [int(item["index"]) for item in data]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise AnswerError(f"no embeddings ({type(error).__name__}: {error})") from None
    expected = dimensions or (len(rows[0]) if rows else 0)
    lengths = sorted({len(row) for row in rows})
    if indices != list(range(n_texts)) or not expected or lengths != [expected]:
        raise AnswerError(
            f"asked for {n_texts} vectors of {expected or 'any'} dimensions, it gave {len(rows)} of {lengths[:4]}"
        )
    with np.errstate(over="ignore"):
        vectors = np.array(rows, np.float32)
    if not np.isfinite(vectors).all():
        raise AnswerError("a vector with a value that is no number")
    return vectors
