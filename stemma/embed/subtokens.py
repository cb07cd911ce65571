"""How an identifier is split into sub-tokens; which words of a text are identifiers is for each caller to say."""

from __future__ import annotations

import re

# `HTTPServer2_maxAge` -> http server 2 max age; letters of scripts without case stay together.
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")


def split_identifier(identifier: str) -> list[str]:
    """The lower-cased sub-tokens of one identifier, in order: `parseHTTPHeader_v2` gives parse, http, header, v, 2."""
    return [piece.lower() for piece in _PIECE.findall(identifier)]
