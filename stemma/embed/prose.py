"""What a question in prose asks of code: which of its words tell, and how much each.

How often a word stands in documentation is counted by `python -m training FOLDER prose` and kept in `prose.json`. What
is made of the weights lives in `bm25`.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files

from stemma.languages import LANGUAGES

SILENT, TELLING = 1.0, 4.0
"""Logarithms of how rare a word is in documentation: up to the first it weighs nothing, from the second on all. Code is
no measure of it: `given` is rare there, and a word of every other description. MRR@10 of the lexical channel on
HumanEval-X from .56 to .64, on Python without local names from .33 to .39."""

_OTHERWISE_WORDS = frozenset({"c", "dart", "go", "ruby", "rust", "swift"})
LANGUAGE_NAMES = frozenset(LANGUAGES) - _OTHERWISE_WORDS | {"golang", "python2", "python3"}
"""Say in which language, not what: of CoSQA's questions .8 hold `python`, which no function of the language does."""


@cache
def word_weights() -> dict[str, float]:
    """The weight of each stem that weighs less than 1."""
    stored = json.loads((files("stemma.embed") / "prose.json").read_text())
    rarities = {stem: math.log(stored["n_texts"] / n) for stem, n in stored["texts_with"].items()}
    return {stem: min(max((r - SILENT) / (TELLING - SILENT), 0.0), 1.0) for stem, r in rarities.items()}


def question(text: str) -> str:
    """The text without names of languages, unless it holds nothing else."""
    kept = [word for word in text.split() if word.strip("?!.,:;()'\"").lower() not in LANGUAGE_NAMES]
    return " ".join(kept) if kept else text
