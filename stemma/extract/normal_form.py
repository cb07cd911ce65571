"""What is compared: the exact text, the normal form, its windows and its words. The one place that defines them.

Finding the definitions lives in `definitions`, the walk over their leaves in `walk`, comparing them in `stemma.match`.

**Exact text** (`exact_hash`): the bytes of the definition, decorators included, with spaces, tabs and form feeds
before a line end and at the end removed, and every line end made LF. Indentation counts: a method moved one level
deeper has another exact hash and the same pattern.

**Normal form** (`pattern_id`): the leaves of the syntax tree in order, as tokens, where
- comments, blank lines, line continuations and docstrings (a bare string as a statement of a Python block) are gone;
- an identifier is the number of its first use in the definition, the definition's own name included, so renaming
  consistently changes nothing and swapping two names does;
- a literal is its type: number, string, char, bool, regex. Adjacent strings are one. A string with expressions in it is
  a string followed by the expressions. `None`, `null`, `nil`, `this` and types spelt by keywords stay as they are;
- what layout says is written out: Python's blocks get braces, and a statement's end is a semicolon in the languages
  that need not write one; a comma before a closing bracket is gone unless it has a meaning there (`(a,)`).
Operators, keywords, brackets and the order of everything stay. The id is over the language and these tokens.

**Exact tokens** (`token_hash`): the same tokens with identifiers and literals as they are written, line ends made LF
and the blanks of text between markup tags folded. Layout, comments and docstrings change nothing in it; anything else
does. Equal: Type-1.

**Body** (`body_hash`): the exact tokens of the body. Of a type, those of the named definitions right inside it are left
out, and a semicolon after each: its methods have histories of their own, and where they stand says nothing.

**Windows** (`shingles`): 32-bit hashes of every 5 neighbouring tokens, with each identifier as one and the same symbol:
numbered by first use, one inserted line would renumber, and so change, every window after it. Distinct, sorted; none
when there are fewer than 5 tokens.

**Structure** (`structure`): the tokens as one text, a character each, every identifier the same one; what alignment
compares. Keywords and literals are hashed letters: of a language's some 200 tokens, two share one in half the cases.

**Words** (`sub_tokens`): the identifiers split at underscores, case changes and digits; lower case, distinct, sorted.

All are computed over columns of 64-bit hashes of tokens, for a whole file at once: a token's hash is BLAKE2b-64 of its
text. In the hash of the normal form an identifier is the distance, in tokens, to its last use in the definition, 0 at
the first: two sequences have the same distances exactly if they have the same numbers of first use, and distances need
no numbering anew for each definition inside another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from stemma.extract.vocabulary import VOCABULARY, bounded_name
from stemma.ids import content_id

WINDOW_TOKENS = 5
_LAYOUT = re.compile(rb"[ \t\f\v]*(?:\r\n|\r|\n)")
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplying by it loses nothing modulo 2**64
_NEVER: Final = np.iinfo(np.int64).max
_HALF: Final = 1 << 31
_PORTION_TOKENS = 1 << 18

Part = tuple[int, int]


def has_loose_ends(text: bytes) -> bool:
    """Whether a line of a text ends with space, or otherwise than with LF."""
    return b"\r" in text or b" \n" in text or b"\t\n" in text or b"\f\n" in text or b"\v\n" in text


def exact_hash(text: bytes, *, is_loose: bool = True) -> str:
    """Hash of the exact text; `is_loose` is false of a part of a text without loose ends."""
    if is_loose and has_loose_ends(text):
        text = _LAYOUT.sub(b"\n", text)
    return content_id(text.rstrip())


def loose_hash(text: bytes) -> str | None:
    """Hash of a text with the space that `exact_hash` leaves out; None where it has none."""
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip()
    return content_id(text) if has_loose_ends(text) else None


def text_hashes(text: bytes, spans: list[tuple[int, int]]) -> list[tuple[str, str | None]]:
    """Exact and loose hash of each span of a text; its lines are looked at once, however many spans they are in."""
    if not has_loose_ends(text):
        return [(content_id(text[start:end].rstrip()), None) for start, end in spans]
    lines = text.split(b"\n")
    if text.count(b"\r") > sum(line.endswith(b"\r") for line in lines[:-1]):  # line ends of an old Macintosh
        return [(exact_hash(text[start:end]), loose_hash(text[start:end])) for start, end in spans]
    kept = [line.removesuffix(b"\r") for line in lines]
    tidy = [line.rstrip(b" \t\f\v") for line in kept]
    offsets = np.array(spans, np.int64).reshape(-1, 2)
    starts = _starts(lines)
    at = np.searchsorted(starts, offsets, "right") - 1
    columns = offsets - starts[at]
    found = []
    for form in (tidy, kept):
        lengths = np.array(list(map(len, form)), np.int64)
        places = _starts(form)[at] + np.minimum(columns, lengths[at])
        joined = b"\n".join(form)
        found.append([joined[start:end].rstrip() for start, end in places.tolist()])
    return [
        (content_id(exact), content_id(loose) if len(loose) != len(exact) else None)
        for exact, loose in zip(*found, strict=True)
    ]


def _starts(lines: list[bytes]) -> npt.NDArray[np.int64]:
    """Where each line starts in the text that they make."""
    starts = np.zeros(len(lines), np.int64)
    np.cumsum(np.array(list(map(len, lines[:-1])), np.int64) + 1, out=starts[1:])
    return starts


class Sequences:
    """The forms of parts of one token sequence; a part is given by its first token and the one past its last.

    Args:
        language: part of every id.
        tokens: numbers of the vocabulary.
    """

    def __init__(self, language: str, tokens: list[int]) -> None:
        self._language = language
        self.tokens = tokens
        numbers = np.array(tokens, np.int32)
        symbols = VOCABULARY.symbols(numbers)
        self._exact = VOCABULARY.exact(numbers).tobytes()
        self._letters = VOCABULARY.letters(numbers)
        self._windows = _windows(symbols)
        self._renamed, self._last_use = _renamed(numbers, symbols)

    def pattern_ids(self, parts: list[Part]) -> list[str]:
        """Hash of the language and the normal form of each part."""
        return [found for some in _portions(parts) for found in self._pattern_ids(some)]

    def _pattern_ids(self, parts: list[Part]) -> list[str]:
        index, firsts, ends = _gathered(parts)
        renamed = self._renamed[index]
        renamed[self._last_use[index] < firsts] = 0  # a name's first use in the part
        data = renamed.tobytes()
        places = [0, *(8 * ends).tolist()]
        return [content_id(self._language, data[first:end]) for first, end in pairwise(places)]

    def token_hash(self, *parts: Part) -> str:
        """Hash of the language and the exact tokens of the parts, one after another."""
        return content_id(self._language, b"".join([self._exact[8 * first : 8 * end] for first, end in parts]))

    def shingles(self, parts: list[Part]) -> list[npt.NDArray[np.int32]]:
        """Sorted distinct hashes of the windows of each part."""
        windows = [(first, max(first, end - WINDOW_TOKENS + 1)) for first, end in parts]
        return [found for some in _portions(windows) for found in self._shingles(some)]

    def _shingles(self, parts: list[Part]) -> list[npt.NDArray[np.int32]]:
        index, _, ends = _gathered(parts)
        numbers = np.repeat(np.arange(len(parts), dtype=np.int64) << 32, np.diff(ends, prepend=0))
        numbers += self._windows[index].astype(np.int64) + _HALF  # by part, then by hash
        numbers.sort()
        is_new = np.ones(len(numbers), np.bool_)
        np.not_equal(numbers[1:], numbers[:-1], out=is_new[1:])
        numbers = numbers[is_new]
        places = np.searchsorted(numbers, np.arange(len(parts) + 1, dtype=np.int64) << 32).tolist()
        hashes = ((numbers & 0xFFFFFFFF) - _HALF).astype(np.int32)
        return [hashes[first:end].copy() for first, end in pairwise(places)]

    def structure(self, first: int, end: int) -> str:
        """One character a token: an ASCII mark is itself, any other a hashed letter, every identifier the same."""
        return self._letters[first:end]


def sub_tokens(tokens: list[int]) -> list[str]:
    """Sorted distinct words of the identifiers among some tokens."""
    return sorted(set().union(*map(VOCABULARY.words.__getitem__, set(tokens))))


def _portions(parts: list[Part]) -> Iterator[list[Part]]:
    """The parts, so many at a time as bound the memory: definitions inside one another repeat their tokens."""
    portion: list[Part] = []
    n_tokens = 0
    for part in parts:
        portion.append(part)
        n_tokens += part[1] - part[0]
        if n_tokens >= _PORTION_TOKENS:
            yield portion
            portion, n_tokens = [], 0
    if portion:
        yield portion


def _gathered(parts: list[Part]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The tokens of all parts, one after another; for each the first of its part; and where each part ends."""
    bounds = np.array(parts, np.int64)
    lengths = bounds[:, 1] - bounds[:, 0]
    ends = np.cumsum(lengths)
    firsts = np.repeat(bounds[:, 0], lengths)
    return firsts + np.arange(len(firsts)) - np.repeat(ends - lengths, lengths), firsts, ends


def _windows(symbols: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """Hash of each window, in order: the high half of a polynomial hash modulo 2**64 over the hashes of symbols."""
    n_windows = len(symbols) - WINDOW_TOKENS + 1
    if n_windows < 1:
        return np.empty(0, np.int32)
    hashes = symbols[:n_windows].copy()
    for offset in range(1, WINDOW_TOKENS):
        hashes *= _FACTOR
        hashes += symbols[offset : offset + n_windows]
    return (hashes >> np.uint64(32)).astype(np.uint32).view(np.int32)


def _renamed(
    numbers: npt.NDArray[np.int32], symbols: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Hash of each token, an identifier's being how far back its last use is; and where that is, if it is one."""
    places = np.flatnonzero(symbols == VOCABULARY.name_symbol)
    uses = (numbers[places].astype(np.int64) << 32) | places  # by name, then by place
    uses.sort()
    is_again = (uses[1:] >> 32) == (uses[:-1] >> 32)
    later, earlier = uses[1:][is_again] & 0xFFFFFFFF, uses[:-1][is_again] & 0xFFFFFFFF
    last_use = np.full(len(numbers), _NEVER, np.int64)
    last_use[places] = -1
    last_use[later] = earlier
    renamed = symbols.copy()
    renamed[places] = 0
    renamed[later] = later - earlier
    return renamed, last_use


__all__ = ["WINDOW_TOKENS", "Sequences", "bounded_name", "exact_hash", "sub_tokens", "text_hashes"]
