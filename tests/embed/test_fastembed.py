"""FastEmbed through its interface: a stand-in for the package, since its models are downloads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from stemma.embed import fastembed
from stemma.embed.fastembed import FastEmbedEmbedder
from stemma.errors import ConfigError, StoreError
from stemma.remote import Memory, breakers


class TextEmbedding:
    """What Stemma asks of `fastembed.TextEmbedding`."""

    loaded: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []
    is_offline: ClassVar[bool] = False

    @staticmethod
    def list_supported_models() -> list[dict[str, Any]]:
        return [{"model": "Tiny/Model", "dim": 2}]

    def __init__(self, model: str) -> None:
        self.loaded.append(model)
        if self.is_offline:
            raise ValueError("Could not download")

    def embed(self, texts: list[str], batch_size: int) -> Iterator[np.ndarray[Any, Any]]:
        self.asked.extend(texts)
        return (np.array([len(text), 0.0]) for text in texts)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> type[TextEmbedding]:
    module = ModuleType("fastembed")
    fresh = type("Fresh", (TextEmbedding,), {"loaded": [], "asked": [], "is_offline": False})
    module.TextEmbedding = fresh  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fastembed", module)
    monkeypatch.setattr(fastembed, "version", lambda name: "9.9")
    return fresh


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "remote.sqlite", 1 << 20)


def test_vectors_are_made_once_and_the_model_is_loaded_when_needed(
    package: type[TextEmbedding], memory: Memory
) -> None:
    embedder = FastEmbedEmbedder("tiny/model", memory)
    assert (embedder.name, embedder.dimensions) == ("fastembed-9.9:tiny/model", 2)
    assert package.loaded == []
    assert embedder.embed(["a", "", "bc"]).tolist() == [[1, 0], [0, 0], [1, 0]]
    assert FastEmbedEmbedder("tiny/model", memory).embed(["bc"]).tolist() == [[1, 0]]
    assert package.loaded == ["tiny/model"]
    assert package.asked == ["a", "bc"]


def test_a_download_that_fails_is_not_tried_with_every_command(package: type[TextEmbedding], memory: Memory) -> None:
    package.is_offline = True
    with pytest.raises(StoreError, match="cannot load 'tiny/model': Could not download"):
        FastEmbedEmbedder("tiny/model", memory).embed(["a"])
    with pytest.raises(StoreError, match=r"not tried again yet.*Could not download"):
        FastEmbedEmbedder("tiny/model", memory).embed(["a"])
    assert len(package.loaded) == 1
    package.is_offline = False
    breakers.reset(memory)
    assert FastEmbedEmbedder("tiny/model", memory).embed(["a"]).tolist() == [[1, 0]]


def test_an_unknown_model_and_a_missing_package_are_named(
    package: type[TextEmbedding], memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no model 'other'"):
        FastEmbedEmbedder("other", memory)
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(ConfigError, match="pip install"):
        FastEmbedEmbedder("tiny/model", memory)
