"""Text -> vectors, behind one protocol: the built-in static model, FastEmbed models, OpenAI-compatible endpoints.

The vectors are kept by `store.vectors`; what their nearness means is said in `match`.
"""

from __future__ import annotations

from stemma.config import Settings
from stemma.embed.base import Embedder
from stemma.errors import ConfigError

__all__ = ["Embedder", "open_embedder"]


def open_embedder(settings: Settings) -> Embedder:
    """The embedder that `settings.embedder` names: `static`, `fastembed:<model>` or `openai:<model>`.

    Raises:
        ConfigError: no such embedder or model, or the extra that holds it is not installed.
    """
    kind, _, model = settings.embedder.partition(":")
    if kind == "static" and not model:
        from stemma.embed.static import StaticEmbedder

        return StaticEmbedder()
    if kind == "fastembed" and model:
        from stemma.embed.fastembed import FastEmbedEmbedder
        from stemma.remote import open_memory

        return FastEmbedEmbedder(model, open_memory(settings))
    if kind == "openai" and model:
        from stemma.embed.openai import OpenAIEmbedder
        from stemma.remote import Patience, open_memory

        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        patience = Patience(settings.remote_timeout_s)
        return OpenAIEmbedder(model, settings.openai_base_url, open_memory(settings), key, patience)
    raise ConfigError(
        f"'{settings.embedder}' is no embedder.", "Set `embedder` to static, fastembed:<model> or openai:<model>."
    )
