"""Patterns made by hand, where every number of a match can be computed on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stemma import tables
from stemma.config import Settings
from stemma.store.postgres import Database


def runs_of(shingles: Any) -> str:
    """A token sequence in which each shingle is a run of twelve tokens of its own: as many runs in common, as many
    shingles."""
    return "".join(chr(0x3400 + 40 * shingle + place) for shingle in sorted(shingles) for place in range(12))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, match_threshold=0.6)


@pytest.fixture
def add_pattern(database: Database) -> Iterator[Callable[..., str]]:
    """Add a live pattern: `add_pattern("a", range(10), ["open", "file"])`; its id is the letter, 32 times."""

    def add(letter: str, shingles: Any = range(10), words: Any = ("all", "read", "rows"), **others: Any) -> str:
        row = {
            "pattern_id": letter * 32, "language": "python", "kind": "function", "name": letter, "signature": "",
            "docstring": None, "code": " ".join(words), "n_lines": 1, "n_tokens": 50, "shingles": sorted(shingles),
            "sub_tokens": sorted(words), "is_trivial": False, "n_live": 1, "n_repositories": 1,
            "trivial_reason": None, "structure": runs_of(shingles), "extractor_version": "1",
        }  # fmt: skip
        schema = tables.polars_schema(tables.patterns)
        database.insert(tables.patterns, pl.DataFrame([row | others], schema))
        return letter * 32

    yield add


@pytest.fixture
def add_match(database: Database) -> Iterator[Callable[..., None]]:
    """Add a match between the patterns of two letters."""

    def add(a: str, b: str, score: float, **others: Any) -> None:
        row = {
            "pattern_a": a * 32, "pattern_b": b * 32, "clone_type": "type-3", "score": score, "structural": score,
            "lexical": None, "semantic": None, "candidate_source": "fingerprint", "matcher_version": "test",
            "confidence": 1.0, "matched_at": datetime.now(UTC),
        }  # fmt: skip
        database.insert(tables.matches, pl.DataFrame([row | others], tables.polars_schema(tables.matches)))

    yield add
