"""What is embedded of a pattern. Which patterns are, and when, is said in `patterns`; no store is needed here."""

from __future__ import annotations

import polars as pl


def pattern_texts(patterns: pl.DataFrame) -> list[str]:
    """What is embedded of each pattern: name, docstring or leading comment, and code, its signature included."""
    text = pl.concat_str(pl.col("name"), pl.col("docstring").fill_null(""), pl.col("code"), separator="\n")
    return patterns.select(text.alias("text"))["text"].to_list()
