"""Which definitions may be copies of each other, or do the same, by language and kind.

What the kinds are is said in `extract`, what the languages are in `stemma.languages`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.languages import LANGUAGES

# A class holds its methods' text, so it would match its only method: what runs is compared with what runs alone.
_RUNS = frozenset({"function", "method", "constructor", "destructor", "accessor", "operator", "closure", "lambda"})
RUNS, HOLDS = "runs", "holds"


def group_of(kind: str) -> str:
    """The group whose kinds may match: what runs (functions, methods), or what holds others (classes, traits, ...)."""
    return RUNS if kind in _RUNS else HOLDS


def groups_of(kinds: Iterable[str]) -> dict[str, str]:
    return {kind: group_of(kind) for kind in kinds}


def scopes_of(language: pl.Series, kind: pl.Series) -> pl.Series:
    """Language and group of each row: two rows of one scope may be copies, of two they are not compared."""
    groups = kind.replace_strict(groups_of(kind.unique()), return_dtype=pl.String)
    return pl.select(pl.concat_str(language, pl.lit(" "), groups)).to_series()


def sides_of(language: pl.Series) -> NDArray[np.int64]:
    """The language of each row as a number, one for those that projects mix: two rows of two sides may do the same."""
    mixed = {name: row.mixed_with for name, row in LANGUAGES.items() if row.mixed_with}
    return language.replace(mixed).rank("dense").to_numpy().astype(np.int64)
