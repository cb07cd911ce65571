"""How an identifier is split into words, once for all rooms. What becomes of the words is said where they are used."""

from __future__ import annotations

import re
from functools import lru_cache

WORD_CHARS = 64
"""Longer words are cut: they are data that happens to look like a name."""

_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")


@lru_cache(maxsize=50_000)
def split_identifier(identifier: str) -> tuple[str, ...]:
    """The lower-case words of one identifier, in order: `parseHTTPHeader_v2` gives parse, http, header, v, 2."""
    return tuple(word.lower()[:WORD_CHARS] for word in _WORD.findall(identifier))
