"""In how many texts of documentation each word stands: what weighs the words of a question in prose.

What is made of it is said in `stemma.embed.prose`; where the texts come from, in `mine`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import polars as pl

from stemma.embed.bm25 import stem, sub_tokens
from stemma.embed.prose import TELLING

PROSE = Path(__file__).parent.parent / "stemma/embed/prose.json"


def count_words(folder: Path) -> None:
    """Write the stems that are frequent enough to weigh less than all, of the texts the model was trained with."""
    texts = pl.read_parquet(folder / "train.parquet", columns=["text"])["text"].drop_nulls().unique()
    counts = Counter(word for text in texts.to_list() for word in set(map(stem, sub_tokens(text))))
    least = len(texts) / math.exp(TELLING)
    frequent = {word: n for word, n in sorted(counts.items()) if n > least}
    told = "python -m training FOLDER prose: texts of documentation of the packages in training/recipe.json"
    stored = {"n_texts": len(texts), "texts_with": frequent, "provenance": told}
    PROSE.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
