"""Columns of texts and lists as the flat arrays of the index: values one after another, sizes, and words by number.

Which columns the index holds, and where they come from, is said in `publish`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

_NO_BYTES, NO_SIZES = np.empty(0, np.uint8), np.empty(0, np.int64)


def halves(ids: pl.Series) -> NDArray[np.uint64]:
    """Hex ids of 128 bits as two integers each, so that their order is the texts' order."""
    text = "".join(ids.to_list())
    return np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64).reshape(-1, 2)


def numbered(texts: pl.Series) -> tuple[pl.Series, NDArray[np.uint32]]:
    """The distinct texts, and the number of each text among them. Arrow hashes; ranking took ten times as long."""
    encoded = texts.cast(pl.String).rechunk().to_arrow().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.uint32)
    return pl.Series(encoded.dictionary.to_pylist(), dtype=pl.String), codes


def values_of(lists: pl.Series) -> tuple[pl.Series, NDArray[np.int64]]:
    """What stands in the lists, one after another, and how many values each has; a null has none."""
    sizes = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    return lists.explode(empty_as_null=False, keep_nulls=False), sizes


def bytes_of(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts as one block of UTF-8, and the bytes of each: as Arrow lays them out."""
    if texts.is_empty():
        return _NO_BYTES, NO_SIZES
    laid_out = texts.rechunk().to_arrow().cast(pa.large_string())
    _, ends, data = laid_out.buffers()
    offsets = np.frombuffer(ends, np.int64)[laid_out.offset : laid_out.offset + len(laid_out) + 1]
    block = _NO_BYTES if data is None else np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    return block, np.diff(offsets)


def text_arrays(data: str, ends: str, texts: pl.Series) -> dict[str, NDArray[Any]]:
    """The texts as the two arrays of these names: their UTF-8, and where each ends."""
    block, sizes = bytes_of(texts)
    return {data: block, ends: np.cumsum(sizes, dtype=np.int64)}


class Vocabulary:
    """Words by number, in the order in which they are first met, those of a former index first."""

    def __init__(self, known: pl.Series) -> None:
        self._numbers = {word: number for number, word in enumerate(known.to_list())}

    def numbers(self, words: pl.Series) -> NDArray[np.uint32]:
        """The number of each word, of those not met before a new one."""
        distinct, codes = numbered(words)
        known = self._numbers
        numbers = [known.setdefault(word, len(known)) for word in distinct.to_list()]
        return np.array(numbers, np.uint32)[codes]

    def words(self) -> pl.Series:
        """All of them; a word stands at its number."""
        return pl.Series(list(self._numbers), dtype=pl.String)
