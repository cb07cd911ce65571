"""What comments and docstrings say: their text without marks and indentation, and the hash of their words.

Which comments belong to a definition is found in `leading`; docstrings are found in `definitions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from inspect import cleandoc
from typing import NamedTuple

from stemma.ids import content_id

DOCSTRING_CHARS = 4_000
_KEPT_BYTES = 16_000
"""A longer text is read anew each time."""
_OPENING = re.compile(r"(?:/\*+!?|\*+/|\*|//[/!]*<?|#+|=begin\b|=end\b)?[ \t]?")
_QUOTES = re.compile(r"[A-Za-z]*('''|\"\"\"|'|\")")


class Said(NamedTuple):
    """Text of some comments or a docstring, at most 4,000 characters, and the hash of all their words, or nulls."""

    text: str | None
    words_hash: str | None


NOTHING = Said(None, None)


def in_comments(comments: Iterable[bytes]) -> Said:
    """What the comments say together."""
    text = b"\n".join(comments)
    return _in_comments(text) if len(text) <= _KEPT_BYTES else _in_comments.__wrapped__(text)


def in_docstring(literal: bytes) -> Said:
    """What a Python string says, quotes and prefix left out."""
    return _in_docstring(literal) if len(literal) <= _KEPT_BYTES else _in_docstring.__wrapped__(literal)


@lru_cache(maxsize=4_096)  # versions of one file repeat theirs
def _in_comments(text: bytes) -> Said:
    return _said("\n".join([_without_marks(line) for line in text.decode("utf-8", "replace").split("\n")]))


@lru_cache(maxsize=4_096)
def _in_docstring(literal: bytes) -> Said:
    text = literal.decode("utf-8", "replace")
    opening = _QUOTES.match(text)
    assert opening is not None
    return _said(text[opening.end() :].removesuffix(opening.group(1)))


def _said(text: str) -> Said:
    words = " ".join(text.split())
    if not words:
        return NOTHING
    return Said(cleandoc(text[: 4 * DOCSTRING_CHARS]).strip()[:DOCSTRING_CHARS] or None, content_id(words))


def words_hash(comments: Iterable[bytes]) -> str | None:
    """Hash of the words of comments; None when they have none."""
    lines = b"\n".join(comments).decode("utf-8", "replace").split("\n")
    words = " ".join([word for line in lines for word in _without_marks(line).split()])
    return content_id(words) if words else None


def _without_marks(line: str) -> str:
    """A line without what makes it one of a comment: read from its ends, for a line may be a million blanks."""
    line = line.strip(" \t\r")
    if line.startswith("* "):
        line = line[2:]
    elif opening := _OPENING.match(line):
        line = line[opening.end() :]
    if line.endswith("*/"):
        line = line[:-1].rstrip("*").rstrip(" \t")
    return line
