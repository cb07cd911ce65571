"""The lexical channel: BM25 over sub-tokens, kept beside the dense one, since each wins where the other fails.

How the two are put together lives in `fusion`; how identifiers are split, in `words`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from stemma.words import split_identifier

K1, B = 1.5, 0.75
WORD = re.compile(r"\w+")
MAX_WORD_CHARACTERS = 200
MAX_QUERY_WORDS = 2_000
"""The rest of a longer query is not read."""


class Bm25:
    """BM25 (Robertson and Zaragoza, 2009; Lucene's variant, k1 1.5, b 0.75) of queries against one list of texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.n_texts = len(texts)
        self._numbers: dict[str, int] = {}
        corpus = [[self._numbers.setdefault(word, len(self._numbers)) for word in sub_tokens(text)] for text in texts]
        found = np.bincount([number for words in corpus for number in set(words)], minlength=len(self._numbers))
        self._rarity = np.log1p((self.n_texts - found + 0.5) / (found + 0.5))
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B) if self._numbers else None
        if self._index is not None:
            self._index.index((corpus, {str(n): n for n in range(len(self._numbers))}), show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """One score a text, 0 where it shares no word with the query; a word counts as often as the query says it."""
        known = [self._numbers[word] for word in sub_tokens(query)[:MAX_QUERY_WORDS] if word in self._numbers]
        if self._index is None or not known:
            return np.zeros(self.n_texts, np.float32)
        scores: NDArray[np.float32] = self._index.get_scores_from_ids(known)
        return scores

    def bound(self, query: str) -> float:
        """What no score of this query reaches: the sum of the inverse document frequencies of its words."""
        unseen = float(np.log1p((self.n_texts + 0.5) / 0.5))
        numbers = [self._numbers.get(word) for word in sub_tokens(query)[:MAX_QUERY_WORDS]]
        return float(sum(unseen if number is None else self._rarity[number] for number in numbers))


def sub_tokens(text: str) -> list[str]:
    """The lower-case words of every identifier, keyword and number of a text, in order."""
    return [piece for word in WORD.findall(text) for piece in split_identifier(word[:MAX_WORD_CHARACTERS])]
