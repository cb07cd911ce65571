"""OpenAI-compatible `/embeddings` endpoints as an embedder (extra `codestemma[openai]`).

The protocol it follows lives in `base`. A breaker and a durable cache will stand around it; retries live here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from stemma.embed.base import Vectors, normalise
from stemma.errors import ConfigError, StoreError

BATCH = 64
MAX_CHARACTERS = 24_000  # about the 8,192 tokens that such models read
PROBE = "def add(a, b): return a + b"


class OpenAIEmbedder:
    """A model of an OpenAI-compatible endpoint; its dimensions are learned from one small request, when first asked.

    429, 5xx and broken connections are tried again `n_retries` times, `backoff_s` * 2**n seconds apart with jitter.

    Raises:
        ConfigError: httpx is not installed, or the URL is none; in use, the endpoint refuses the model or the key.
        StoreError: in use, the endpoint does not answer, or answers with something that is no embedding.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 60.0,
        n_retries: int = 4,
        backoff_s: float = 1.0,
    ) -> None:
        try:
            self._httpx: Any = import_module("httpx")
        except ImportError as error:
            raise ConfigError(
                f"The embedder 'openai:{model}' needs httpx, which is not installed.",
                "Run `pip install 'codestemma[openai]'`.",
            ) from error
        try:
            base = self._httpx.URL(base_url)
        except self._httpx.InvalidURL:
            # Neither quoted nor chained: what httpx takes for a bad port may be half a password.
            raise ConfigError("The setting 'openai_base_url' is no URL.", "Set it to https://<host>/<path>.") from None
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = self._httpx.Client(timeout=timeout_s, headers=headers)
        path = base.path.rstrip("/")
        self._endpoint = base.copy_with(path=f"{path}/embeddings")
        # User, password and query may be secrets: they are sent, but are no part of what is stored or shown.
        shown = str(base.copy_with(username=None, password=None, path=path, query=None, fragment=None)).rstrip("/")
        self._url = f"{shown}/embeddings"
        self._model = model
        self._n_retries = n_retries
        self._backoff_s = backoff_s
        self.name = f"openai:{model}@{shown}"

    @cached_property
    def dimensions(self) -> int:
        return len(self._request([PROBE], None)[0])

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        filled = [index for index, text in enumerate(texts) if text.strip()]
        for start in range(0, len(filled), BATCH):
            batch = filled[start : start + BATCH]
            vectors[batch] = self._request([texts[index][:MAX_CHARACTERS] for index in batch], self.dimensions)
        return normalise(vectors)

    def _request(self, texts: list[str], dimensions: int | None) -> list[list[float]]:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        response = self._post(body)
        try:
            data = sorted(response.json()["data"], key=lambda row: row["index"])
            rows = [[float(value) for value in row["embedding"]] for row in data]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self._url} answered with no embeddings: {error}", "Check openai_base_url.") from error
        expected = dimensions or (len(rows[0]) if rows else 0)
        if len(rows) != len(texts) or not expected or any(len(row) != expected for row in rows):
            lengths = sorted({len(row) for row in rows})
            raise StoreError(
                f"{self._url} was asked for {len(texts)} vectors of {expected or 'any'} dimensions and gave "
                f"{len(rows)} of {lengths}.",
                "The model behind the endpoint has changed: name it anew in `embedder`.",
            )
        if not np.isfinite(rows).all():
            raise StoreError(f"{self._url} gave a vector with a value that is no number.", "Check the model.")
        return rows

    def _post(self, body: dict[str, Any]) -> Any:
        problem = ""
        for attempt in range(self._n_retries + 1):
            if attempt:
                time.sleep(self._backoff_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
            try:
                response = self._client.post(self._endpoint, json=body)
            except self._httpx.TransportError as error:
                problem = f"does not answer ({type(error).__name__}: {error})"
                continue
            if response.status_code == 429 or response.status_code >= 500:
                problem = f"answered {response.status_code}: {response.text[:200]}"
                continue
            if response.status_code >= 400:
                raise ConfigError(
                    f"{self._url} refused the model '{self._model}': {response.status_code} {response.text[:200]}",
                    "Check `embedder`, `openai_base_url` and `openai_api_key`.",
                )
            return response
        raise StoreError(
            f"{self._url} {problem}, {self._n_retries + 1} times.", "Start the endpoint, or set embedder to lexical."
        )
