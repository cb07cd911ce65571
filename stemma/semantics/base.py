"""What an analyser is: patterns in, concepts, themes and domains out. The analysers themselves live beside this."""

from __future__ import annotations

from typing import Protocol

import polars as pl

QUESTION = pl.Schema(
    {
        "pattern_id": pl.String(),
        "language": pl.String(),
        "kind": pl.String(),
        "name": pl.String(),
        "signature": pl.String(),
        "docstring": pl.String(),
        "code": pl.String(),
        "sub_tokens": pl.List(pl.String()),
        "calls": pl.List(pl.String()),
        "imports": pl.List(pl.String()),
    }
)
"""What an analyser is told of a pattern: columns of `tables.patterns`, what it calls, and what its file imports."""

ANALYSIS = pl.Schema(
    {
        "pattern_id": pl.String(),
        "concepts": pl.List(pl.String()),
        "themes": pl.List(pl.String()),
        "domains": pl.List(pl.String()),
        "detail": pl.String(),
    }
)
"""What it says: the lists strongest first, empty where it abstains, and its evidence as a JSON object."""


class Analyser(Protocol):
    """Says what patterns are about. `name` changes with anything that could change what it says."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int:
        """How many patterns are read, analysed and committed together."""
        ...

    def analyse(self, patterns: pl.DataFrame) -> pl.DataFrame:
        """Rows of schema `ANALYSIS`, one for each row (schema `QUESTION`), in its order."""
        ...
