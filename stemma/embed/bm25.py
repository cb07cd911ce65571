"""The lexical channel: BM25 over stems of sub-tokens, kept beside the dense one, since each wins where the other fails.

How the two are put together lives in `fusion`; how identifiers are split, in `words`; how much a word of a question
weighs, in `prose`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import bm25s
import numpy as np
from numpy.typing import NDArray

from stemma.embed.prose import question, word_weights
from stemma.words import split_identifier

# Found on the development sets: on each of them better than 1.5 and 0.75. Full normalisation by length suits code,
# whose long functions hold many words by the way.
K1, B = 2.5, 1.0
WORD = re.compile(r"\w+")
MAX_WORD_CHARACTERS = 200
MAX_QUERY_WORDS = 2_000
"""The rest of a longer query is not read."""
NAME_WEIGHT = 4
"""How often the words of the function's name count besides their own occurrence: MRR@10 of CoSQA from .19 to .25."""
_NAMED = re.compile(r"([^\W\d]\w*)\s*\(")
_NO_NAMES = frozenset(("if", "for", "while", "switch", "return", "catch", "def", "fn", "func", "function"))
NAME_WITHIN_CHARACTERS = 400
_ENDINGS = (
    "izations", "ization", "ations", "ation", "sses", "ings", "ions", "ies", "ing", "ers", "ors", "ied", "ion", "er",
    "or", "ed", "es", "ly", "s", "e",
)  # fmt: skip
_REPLACED = {"ies": "y", "ied": "y", "sses": "ss", "izations": "iz", "ization": "iz", "ations": "at", "ation": "at"}


class Bm25:
    """BM25 (Robertson and Zaragoza, 2009; Lucene's variant) of queries against one list of texts.

    A query's word counts once, however often the query says it: where the query is code, what it repeats is mostly its
    own variables, and counting them takes MAP@R of poj104 from .45 to .32.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.n_texts = len(texts)
        self._numbers: dict[str, int] = {}
        corpus = [[self._numbers.setdefault(stem, len(self._numbers)) for stem in _weighted(text)] for text in texts]
        found = np.bincount([number for stems in corpus for number in set(stems)], minlength=len(self._numbers))
        self._rarity = np.log1p((self.n_texts - found + 0.5) / (found + 0.5))
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B) if self._numbers else None
        if self._index is not None:
            self._index.index((corpus, {str(n): n for n in range(len(self._numbers))}), show_progress=False)

    def scores(self, query: str, *, is_text: bool = False) -> NDArray[np.float32]:
        """One score a text, 0 where it shares no word with the query; of prose each word counts by its weight."""
        found = np.zeros(self.n_texts, np.float32)
        if self._index is None:
            return found
        parts = self._index.scores
        for stem, weight in _asked(query, is_text):
            if (number := self._numbers.get(stem)) is not None:
                entries = slice(parts["indptr"][number], parts["indptr"][number + 1])
                found[parts["indices"][entries]] += np.float32(weight) * parts["data"][entries]
        return found

    def bound(self, query: str, *, is_text: bool = False) -> float:
        """What no score of this query reaches: the sum of the inverse document frequencies of its distinct words, each
        by its weight."""
        unseen = float(np.log1p((self.n_texts + 0.5) / 0.5))
        asked = ((self._numbers.get(stem), weight) for stem, weight in _asked(query, is_text))
        return float(sum(weight * (unseen if n is None else self._rarity[n]) for n, weight in asked))


def sub_tokens(text: str) -> list[str]:
    """The lower-case words of every identifier, keyword and number of a text, in order."""
    return [piece for word in WORD.findall(text) for piece in split_identifier(word[:MAX_WORD_CHARACTERS])]


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without its commonest English ending, so that `parses`, `parsed` and `parsing` meet; not always a word."""
    if len(word) < 4:
        return word
    if len(word) == 4:
        return word[:3] if word[3] in "es" else word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + _REPLACED.get(ending, "")
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _weighted(text: str) -> list[str]:
    """The stems of a text, those of the first name that it defines or calls once more for each of its weight."""
    called = (found[1] for found in _NAMED.finditer(text, 0, NAME_WITHIN_CHARACTERS) if found[1] not in _NO_NAMES)
    name = sub_tokens(next(called, ""))
    return [stem(word) for word in sub_tokens(text) + name * NAME_WEIGHT]


def _asked(query: str, is_text: bool) -> list[tuple[str, float]]:
    """The distinct stems of a query, and what each weighs."""
    words = sub_tokens(question(query) if is_text else query)
    stems = list(dict.fromkeys(map(stem, words)))[:MAX_QUERY_WORDS]
    weights = word_weights() if is_text else {}
    return [(found, weights.get(found, 1.0)) for found in stems]
