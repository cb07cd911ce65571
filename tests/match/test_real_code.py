"""Copies planted in real code are found: Type-1 and Type-2 as the same pattern, Type-3 as a match."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import shlex
import string
import tarfile
import textwrap
from types import ModuleType

import polars as pl
import pytest

from stemma import tables
from stemma.config import Settings
from stemma.embed.patterns import embed_patterns
from stemma.embed.static import StaticEmbedder
from stemma.extract.extractor import File, Limits, extract
from stemma.match.matches import update_matches
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors

MODULES: tuple[ModuleType, ...] = (ast, shlex, string, tarfile, textwrap)


def patterns_of(source: str) -> pl.DataFrame:
    content = source.encode()
    file = File(hashlib.sha1(content).hexdigest(), "python", content, len(content))
    columns = extract([file], Limits(10_000_000, 30.0)).patterns
    schema = tables.polars_schema(tables.patterns)
    frame = pl.DataFrame(columns, {name: schema[name] for name in columns})
    return frame.with_columns(n_live=pl.lit(1), n_repositories=pl.lit(1), extractor_version=pl.lit("1")).unique(
        "pattern_id"
    )


def with_comments(source: str) -> str:
    """Type-1: a comment and trailing space after every line that is a whole statement."""
    return re.sub(r"(?m)^(\s+)(return|raise|pass)\b(.*)$", r"\1# said anew\n\1\2\3", source)


def renamed(source: str) -> str:
    """Type-2: `self` has another name everywhere."""
    return re.sub(r"\bself\b", "me", source)


def edited(source: str) -> str:
    """Type-3: a new first statement in every function."""
    lines = []
    for line in source.splitlines():
        lines.append(line)
        if re.match(r"\s*def .*\):$", line):
            indent = len(line) - len(line.lstrip()) + 4
            lines.append(f"{' ' * indent}trace.append(('entered', {len(lines)}))")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def sources() -> str:
    return "\n".join(inspect.getsource(module) for module in MODULES)


@pytest.mark.parametrize("change", [with_comments, renamed])
def test_type_1_and_type_2_copies_are_the_same_pattern(sources: str, change: object) -> None:
    changed = change(sources)  # type: ignore[operator]
    assert changed != sources
    assert set(patterns_of(changed)["pattern_id"]) == set(patterns_of(sources)["pattern_id"])


@pytest.mark.parametrize("has_vectors", [True, False])
def test_type_3_copies_are_matched_with_their_source(
    database: Database, settings: Settings, sources: str, has_vectors: bool
) -> None:
    original = patterns_of(sources).with_columns(origin=pl.lit("original"))
    copy = patterns_of(edited(sources)).join(original, on="pattern_id", how="anti")
    # A class is edited as often as it has methods; of functions and methods every one once.
    copy = copy.filter(pl.col("kind").is_in(["function", "method"])).with_columns(origin=pl.lit("copy"))
    both = pl.concat([original, copy]).filter(~pl.col("is_trivial"))
    database.insert(tables.patterns, both.drop("origin"))
    settings = settings.model_copy(update={"match_threshold": 0.7})
    if has_vectors:
        embedder = StaticEmbedder()
        with open_vectors(settings, embedder) as vectors:
            embed_patterns(database, vectors, embedder)
            update_matches(database, vectors, settings)
    else:
        update_matches(database, None, settings)
    matched = database.read("SELECT pattern_a, pattern_b FROM stemma.matches")
    ends = pl.concat([matched, matched.select(pattern_a="pattern_b", pattern_b="pattern_a")])
    name_of = both.select("pattern_id", "name", "origin")
    found = (
        ends.join(name_of, left_on="pattern_a", right_on="pattern_id")
        .join(name_of, left_on="pattern_b", right_on="pattern_id", suffix="_b")
        .filter(pl.col("origin") == "copy", pl.col("origin_b") == "original", pl.col("name") == pl.col("name_b"))
    )
    # The statement put in has 13 tokens: of a function of 30 it leaves half of the windows, of one of 60 two thirds.
    planted = copy.filter(pl.col("n_tokens") >= 60)
    assert len(planted) > 100
    assert planted["pattern_id"].is_in(found["pattern_a"].implode()).mean() >= 0.95
