"""Text -> counted features: sub-tokens, pairs of them, and short runs of operators and keywords for structure.

Which features have a vector, and what is made of it, lives in `static`; how identifiers are split, in `words`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemma.embed.base import stable_hash
from stemma.words import split_identifier

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[-+*/%&|^<>=!~?:]+|[()\[\]{}]")
MAX_TOKEN_CHARACTERS = 200
"""Longer ones are data, and would fill the cache."""
MAX_CACHED_TOKENS = 500_000
"""About 200 MB; hostile code may hold any number of distinct words."""
MAX_TEXT_CHARACTERS = 60_000
NAME_WEIGHT = 5
"""How often the words of the first name that is called or defined count besides their own occurrence."""
RUNS = (1, 2, 3, 4)
"""Lengths of the runs of structure tokens."""


def _distinct(words: str) -> frozenset[str]:
    return frozenset(words.split())


# One word for what many languages write each in their own way; what is not named here stands for itself.
_SAME = {
    "def": "func", "function": "func", "fn": "func", "fun": "func", "sub": "func", "lambda": "func", "=>": "func",
    "elif": "elseif", "elsif": "elseif", "&&": "and", "||": "or", "!": "not", "None": "null", "nil": "null",
    "NULL": "null", "nullptr": "null", "undefined": "null", "True": "true", "False": "false", "self": "this",
    "except": "catch", "rescue": "catch", "raise": "throw", "throws": "throw", "panic": "throw", "switch": "match",
    "when": "match", "select": "match", "===": "==", "!==": "!=", "//": "/", "->": ".", "::": ".", "foreach": "for",
    "begin": "try", "ensure": "finally", "struct": "class", "interface": "class", "loop": "while",
    "unless": "if", "is": "==", "unsigned": "", "++": "+=", "--": "-=", ":=": "=", "let": "", "var": "",
    "const": "", "final": "", "static": "", "public": "", "private": "", "protected": "", "pub": "", "mut": "",
    "int": "", "long": "", "float": "", "double": "", "char": "", "bool": "", "boolean": "", "void": "", "auto": "",
    "then": "", "do": "", "end": "", ":": "", "{": "", "}": "", "(": "", ")": "", "]": "",
}  # fmt: skip
_KEYWORDS = _distinct(
    "if else for while return break continue try finally yield await async in new delete case default throw catch "
    "class import with as assert goto sizeof typeof instanceof impl trait defer go chan map true false null this "
    "super and or not match func elseif range len"
)
_IDENTIFIER, _CALL = 1, 2
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Occurrences:
    """Features in a batch of texts, one element each time: the text's row, the feature's hash, how much it counts."""

    rows: Ints
    hashes: Hashes
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """The kinds of features of a batch, each hashed in its own space."""

    words: Occurrences
    pairs: Occurrences
    runs: Occurrences


class Tokens:
    """Every distinct token seen, with its structure and words; forgets them all when they become too many."""

    def __init__(self) -> None:
        self._forget()

    def read(self, texts: Sequence[str]) -> Features:
        """Features of each text, equal for equal texts whatever else is in the batch."""
        if len(self._ids) > MAX_CACHED_TOKENS:
            self._forget()
        found: list[str] = []
        lengths = np.empty(len(texts), np.int64)
        for row, text in enumerate(texts):
            tokens = TOKEN.findall(text[:MAX_TEXT_CHARACTERS])
            found += tokens
            lengths[row] = len(tokens)
        ids = np.fromiter(map(self._ids.__getitem__, found), np.int64, len(found))
        rows = np.repeat(np.arange(len(texts)), lengths)
        is_open = self._ids["("]
        kinds = np.frombuffer(self._structure, np.int64)[ids]
        is_called = (kinds == _IDENTIFIER) & _followed_by(ids, rows, is_open)
        kinds[is_called] = _CALL
        words = self._words_of(ids, rows, _first_of_each(rows, is_called))
        return Features(words, _pairs(words), _runs(rows, kinds))

    def _forget(self) -> None:
        # Arrays of the standard library: NumPy sees their memory without a copy, and they grow.
        self._structure, self._starts, self._counts = array("q"), array("q"), array("q")
        self._words = array("Q")
        self._ids = _Ids(self)

    def learn(self, token: str) -> int:
        """The number of a new token."""
        token = token[:MAX_TOKEN_CHARACTERS]
        words = _words(token)
        self._structure.append(self._structure_of(token))
        self._starts.append(len(self._words))
        self._counts.append(len(words))
        self._words.extend(stable_hash(word) for word in words)
        return len(self._structure) - 1

    def _structure_of(self, token: str) -> int:
        same = _SAME.get(token, token)
        if not same:
            return 0
        if token[0].isdigit():
            same = token if token in ("0", "1", "2") else "number"
        elif (same[0].isalpha() or same[0] == "_") and same not in _KEYWORDS:
            return _IDENTIFIER
        return int(stable_hash("s:" + same) >> 2) + 3

    def _words_of(self, ids: Ints, rows: Ints, is_name: NDArray[np.bool_]) -> Occurrences:
        counts = np.frombuffer(self._counts, np.int64)[ids]
        if not (total := int(counts.sum())):
            return Occurrences(np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.float32))
        ends = np.cumsum(counts)
        places = np.repeat(np.frombuffer(self._starts, np.int64)[ids] - (ends - counts), counts) + np.arange(total)
        hashes = np.frombuffer(self._words, np.uint64)[places]
        weights = np.repeat(np.where(is_name, np.float32(1 + NAME_WEIGHT), np.float32(1)), counts)
        return Occurrences(np.repeat(rows, counts), hashes, weights)


class _Ids(dict[str, int]):
    """Numbers of tokens; a new one is learned when it is asked for."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._tokens = tokens

    def __missing__(self, token: str) -> int:
        number = self._tokens.learn(token)
        if len(token) <= MAX_TOKEN_CHARACTERS:
            self[token] = number
        return number


def _words(token: str) -> tuple[str, ...]:
    """The words of a token: sub-tokens of an identifier, a number as itself, an operator as nothing."""
    if token[0].isdigit():
        return ("#" + token.rstrip("uUlLfF").replace("_", "").lower()[:24],)
    if token[0].isalpha() or token[0] == "_":
        return split_identifier(token)
    return ()


def _followed_by(ids: Ints, rows: Ints, wanted: int) -> NDArray[np.bool_]:
    """Whether the next token of the same text is the wanted one."""
    is_followed = np.zeros(len(ids), np.bool_)
    is_followed[:-1] = (ids[1:] == wanted) & (rows[1:] == rows[:-1])
    return is_followed


def _first_of_each(rows: Ints, is_wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    places = np.flatnonzero(is_wanted)
    is_first = np.zeros(len(rows), np.bool_)
    is_first[places[np.unique(rows[places], return_index=True)[1]]] = True
    return is_first


def _pairs(words: Occurrences) -> Occurrences:
    """Each word with the one after it."""
    is_pair = words.rows[1:] == words.rows[:-1]
    hashes = _mix(words.hashes[:-1], words.hashes[1:])[is_pair]
    return Occurrences(words.rows[:-1][is_pair], hashes, np.ones(len(hashes), np.float32))


def _runs(rows: Ints, kinds: Ints) -> Occurrences:
    """Runs of structure tokens. Several identifiers in a row, as in prose, are one."""
    is_kept = kinds != 0
    rows, kinds = rows[is_kept], kinds[is_kept]
    is_repeated = np.zeros(len(kinds), np.bool_)
    is_repeated[1:] = (kinds[1:] == _IDENTIFIER) & (kinds[:-1] == _IDENTIFIER) & (rows[1:] == rows[:-1])
    rows, tokens = rows[~is_repeated], kinds[~is_repeated].astype(np.uint64)
    found_rows, found_hashes = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    hashes: Hashes = np.zeros(len(tokens), np.uint64)
    for length in RUNS:
        n = max(0, len(tokens) - length + 1)
        hashes = _mix(hashes[:n], tokens[length - 1 :])
        is_run = rows[length - 1 :] == rows[:n]
        found_rows.append(rows[:n][is_run])
        found_hashes.append(hashes[is_run])
    weights = np.ones(sum(map(len, found_rows)), np.float32)
    return Occurrences(np.concatenate(found_rows), np.concatenate(found_hashes), weights)


def _mix(left: Hashes, right: Hashes) -> Hashes:
    """A hash of two hashes, in order (the multiply and shift of splitmix64)."""
    mixed = (left * _MIX) ^ (left >> np.uint64(29)) ^ right
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    out: Hashes = mixed ^ (mixed >> np.uint64(27))
    return out
