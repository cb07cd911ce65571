"""The built-in analyser: evidence from names, docstrings, calls and imports, held against the corpus; nothing leaves.

Which patterns it is asked about is told by `patterns`.
"""

from __future__ import annotations

import polars as pl

from stemma.semantics.base import ANALYSIS
from stemma.semantics.evidence import (
    DOMAIN_CAPS,
    DOMAIN_THRESHOLD,
    DOMAIN_WEIGHTS,
    THEME_CAPS,
    THEME_THRESHOLD,
    THEME_WEIGHTS,
    domain_pieces,
    named,
    theme_pieces,
    words_of,
)
from stemma.semantics.keyness import concepts
from stemma.semantics.vocabulary import load_vocabulary

RULES = "1"  # raise it when other words would come of the same pattern and the same vocabulary


class OfflineAnalyser:
    """Says what patterns are about from their own words; says nothing where they do not tell.

    Args:
        statistics: the snapshot of the corpus (`keyness.STATISTICS`) that words are held against.
    """

    batch = 10_000

    def __init__(self, statistics: pl.DataFrame) -> None:
        self._statistics = statistics
        counted = statistics["n_corpus"][0] if statistics.height else 0
        self.name = f"offline-{RULES}.{load_vocabulary().version} against {counted} patterns"

    def analyse(self, patterns: pl.DataFrame) -> pl.DataFrame:
        rows = patterns.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        words = words_of(rows)
        key = concepts(rows, words, self._statistics).rename({"word": "label", "keyness": "score"})
        themes = named(theme_pieces(rows, words), THEME_WEIGHTS, THEME_CAPS, THEME_THRESHOLD)
        domains = named(domain_pieces(rows, words), DOMAIN_WEIGHTS, DOMAIN_CAPS, DOMAIN_THRESHOLD)
        found = rows.select("row", "pattern_id")
        for name, labels in (("concepts", key), ("themes", themes), ("domains", domains)):
            found = found.join(_gathered(labels, name), on="row", how="left").with_columns(
                pl.col(name).fill_null([]), pl.col(f"{name}_evidence").fill_null([])
            )
        detail = pl.struct(pl.col(f"{name}_evidence").alias(name) for name in ("concepts", "themes", "domains"))
        return found.sort("row").with_columns(detail=detail.struct.json_encode()).select(list(ANALYSIS))


def _gathered(labels: pl.DataFrame, name: str) -> pl.DataFrame:
    """One row a pattern: its labels, and beside them what each rests on."""
    evidence = pl.struct(pl.exclude("row")).alias(f"{name}_evidence")
    return labels.group_by("row", maintain_order=True).agg(pl.col("label").alias(name), evidence)
