"""Which definitions may be copies of each other, by language and kind. What the kinds are is said in `extract`."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

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
