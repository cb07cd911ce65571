"""The setting `embedder` names an embedder that is there, or an error says what to do."""

from __future__ import annotations

import sys

import pytest

from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.errors import ConfigError


def test_the_built_in_embedder_needs_nothing() -> None:
    assert open_embedder(Settings()).name == "static-384-v2"


@pytest.mark.parametrize("name", ["nothing", "static:x", "lexical", "openai:", "fastembed"])
def test_an_unknown_embedder_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is no embedder"):
        open_embedder(Settings(embedder=name))


def test_a_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(ConfigError, match=r"pip install 'codestemma\[fastembed\]'"):
        open_embedder(Settings(embedder="fastembed:any"))
