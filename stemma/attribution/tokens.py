"""The tokens that share of authorship is counted in: words, numbers and operators, by line, as 32-bit hashes.

How two sequences of them are laid side by side is said in `diff`. The tokens that copies are found by come from a
syntax tree and live in `stemma.extract`; these must also be read from a few lines cut out of the middle of a function.

Layout, quotes, backslashes, round brackets, commas and semicolons are no tokens: a formatter adds and removes them, and
nobody's share changes by it. Comments and docstrings are words like others, because agents write them too; the marks of
a comment are not, because a formatter breaks long ones anew and moves them.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

GAP = 0
"""Stands between tokens that were not neighbours; the hash of no token in practice."""
_REDACTED = re.compile(r"\[redacted:[\w.\-]*\]")
_STANDS_FOR_IT = "\ue000"
_COMMENT_MARK = re.compile(r"//+!?|/\*+|\*+/|#+(?=[ \t]|$)|^[ \t]*\*+(?=[ \t]|$)", re.MULTILINE)
_TOKEN = re.compile(r"""[^\W\d]\w*|\d[\w.]*|[^\s\w(),;'"`\\]|\n""")

Hashes = npt.NDArray[np.int32]
Places = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text, and the line each stands in, from 1."""

    hashes: Hashes
    lines: Places

    def __len__(self) -> int:
        return len(self.hashes)

    def part(self, first: int, end: int) -> Tokens:
        return Tokens(self.hashes[first:end], self.lines[first:end])


_known: dict[str, int] = {}
_MOST_KNOWN = 500_000


def read(text: str | bytes) -> Tokens:
    """The tokens of a text; bytes that are not UTF-8 are replaced."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    text = _REDACTED.sub(_STANDS_FOR_IT, text).replace("\r\n", "\n").replace("\r", "\n")
    found = _TOKEN.findall(_COMMENT_MARK.sub("", text))
    hashes = np.fromiter((_known[it] if it in _known else _hash(it) for it in found), np.int64, len(found))
    is_break = np.fromiter((it == "\n" for it in found), np.bool_, len(found))
    lines = 1 + np.cumsum(is_break)
    return Tokens(hashes[~is_break].astype(np.int32), lines[~is_break].astype(np.int32))


def _hash(token: str) -> int:
    """CRC-32 as a signed number. Formatters write 0XFF and 1E5 as 0xff and 1e5."""
    text = token.lower() if token[0].isdigit() else token
    value = zlib.crc32(text.encode("utf-8", "replace"))
    _known[token] = number = value - (1 << 32) if value >= 1 << 31 else value
    return number


WITHHELD = _hash(_STANDS_FOR_IT)
"""Stands for a secret that was taken out of an event: some tokens, nobody knows which."""


def runs_of(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.view(np.int8), [0]])))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def mask_of(runs: list[int], length: int) -> npt.NDArray[np.bool_]:
    """The mask whose runs are given as a flat list of begins and ends."""
    mask = np.zeros(length, np.bool_)
    for first, end in list(pairwise(runs))[::2]:
        mask[first:end] = True
    return mask
