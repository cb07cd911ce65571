"""Tokens as small numbers, with what is known of each in columns: a walk handles numbers, hashing takes whole columns.

What the columns are combined to is said in `normal_form`; which tokens a text has is found by `walk`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from stemma.ids import content_id
from stemma.words import split_identifier

NAME_BYTES = 256
MAX_TOKENS = 300_000
"""Names and literals known before all of them are forgotten: some 60 MB."""
_FIRST_SYMBOL, _N_SYMBOLS = 0x3400, 0x9FFF - 0x3400 + 1  # CJK ideographs: 27,648 letters of three bytes in a row
_NAME, _TEXT = "\x01", "\x02"  # begins a name; stands between the type of a literal and its text


def bounded_name(name: bytes) -> str:
    """The name as text; one that is too long is cut, and told from others that begin alike by its hash."""
    if len(name) > NAME_BYTES:
        return f"{name[: NAME_BYTES - 40].decode('utf-8', 'replace')}~{content_id(name)}"
    return name.decode("utf-8", "replace")


def _digest(token: str) -> int:
    return int.from_bytes(blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _letter(symbol: str) -> int:
    """Code point that stands for a symbol in a structure: an ASCII mark is itself."""
    if len(symbol) == 1 and "!" <= symbol <= "~":
        return ord(symbol)
    return _FIRST_SYMBOL + _digest(symbol) % _N_SYMBOLS


def letter(symbol: str) -> str:
    """The letter that stands for a symbol in a structure: a mark, the type of a literal, or \\x01 for any name."""
    return chr(_letter(symbol))


class _Numbers(dict[bytes, int]):
    """Number of each text of one sort, given when it is first asked for."""

    def __init__(self, add: Callable[[bytes], int]) -> None:
        self._add = add

    def __missing__(self, text: bytes) -> int:
        key = text if len(text) <= NAME_BYTES else b"\0" + content_id(text).encode()
        if (known := self.get(key)) is None:
            self[key] = known = self._add(text)
        return known


class _Words(dict[int, tuple[str, ...]]):
    """The words of each name by its number; of any other token, none."""

    def __init__(self, names: list[tuple[int, str]]) -> None:
        self._names = names

    def __missing__(self, number: int) -> tuple[str, ...]:
        while self._names:
            known, name = self._names.pop()
            self[known] = split_identifier(name)
        return self.setdefault(number, ())


class Vocabulary:
    """Numbers of tokens, and three columns by number: hash as written, hash of the symbol, letter of the symbol.

    The symbol of a token is the token with nothing left of a name, and only the type of a literal. Token 0 belongs to
    no text: it stands between two.
    """

    def __init__(self) -> None:
        self.generation = 0
        """Counts how often all but marks was forgotten; numbers of before mean nothing then."""
        self.name_symbol, self._name_letter = _digest(_NAME), _letter(_NAME)
        self._marks: dict[str, int] = {}
        self._kept = [""]
        self.forget()

    def forget(self) -> None:
        """Forget all tokens but the marks of the grammars."""
        self.generation += 1
        self.names = _Numbers(self._add_name)
        self.rare = _Numbers(self._add_rare)
        """Of leaves that are neither name nor literal nor a mark of the grammar: `this`, primitive types."""
        self._literals: dict[str, _Numbers] = {}
        self._new_names: list[tuple[int, str]] = []
        self.words = _Words(self._new_names)
        self._exact, self._symbols, self._letters = array("Q"), array("Q"), array("I")
        for mark in self._kept:
            self._add(mark, _digest(mark), _letter(mark))

    @property
    def is_full(self) -> bool:
        return len(self._exact) > MAX_TOKENS

    def mark(self, text: str) -> int:
        """Number of a mark of a grammar, an operator or keyword: the same for ever.

        Marks come before all other tokens, which are forgotten when a grammar brings new ones: that is between files.
        """
        if (known := self._marks.get(text)) is not None:
            return known
        if len(self._exact) > len(self._kept):
            self.forget()
        self._kept.append(text)
        self._marks[text] = number = self._add(text, _digest(text), _letter(text))
        return number

    def literals(self, placeholder: str) -> _Numbers:
        """Numbers of the literals of one type by their text, in which line ends are made LF."""
        if (known := self._literals.get(placeholder)) is not None:
            return known
        symbol, letter = _digest(placeholder), _letter(placeholder)

        def add(text: bytes) -> int:
            if b"\r" in text:
                text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            return self._add(f"{placeholder}{_TEXT}{bounded_name(text)}", symbol, letter)

        return self._literals.setdefault(placeholder, _Numbers(add))

    def _add_name(self, text: bytes) -> int:
        name = bounded_name(text)
        number = self._add(_NAME + name, self.name_symbol, self._name_letter)
        self._new_names.append((number, name))
        return number

    def _add_rare(self, text: bytes) -> int:
        symbol = bounded_name(text)
        return self._add(symbol, _digest(symbol), _letter(symbol))

    def _add(self, token: str, symbol: int, letter: int) -> int:
        self._exact.append(_digest(token))
        self._symbols.append(symbol)
        self._letters.append(letter)
        return len(self._exact) - 1

    def exact(self, tokens: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
        """Hash of each token as it is written."""
        return np.frombuffer(self._exact, np.uint64)[tokens]

    def symbols(self, tokens: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
        """Hash of each token's symbol."""
        return np.frombuffer(self._symbols, np.uint64)[tokens]

    def letters(self, tokens: npt.NDArray[np.int32]) -> str:
        """Each token's letter."""
        return np.frombuffer(self._letters, np.uint32)[tokens].astype("<u4").tobytes().decode("utf-32-le")


VOCABULARY = Vocabulary()
"""Of this process."""
