"""Functions as the benchmark holds them: one a file, as BigCloneBench has them, and the patterns Stemma makes of them.

Which functions there are is said in `originals`, `injected` and `bigclonebench`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from stemma.extract.extractor import File, Limits, extract
from stemma.languages import LANGUAGES
from stemma.match.kinds import RUNS, groups_of

LIMITS = Limits(max_file_bytes=1 << 20, parse_timeout_s=10.0)
BATCH = 2_000
PATTERN = ("kind", "name", "n_tokens", "shingles", "sub_tokens", "structure", "is_trivial", "docstring", "code")
SCHEMA = {
    "docstring": pl.String,
    "shingles": pl.List(pl.Int32),
    "sub_tokens": pl.List(pl.String),
    "structure": pl.String,
}

Texts = Mapping[int, bytes]
"""Function id -> the whole text of its file."""


def extracted(files: Mapping[str, bytes], language: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Snippets, each with its `token_hash`, and patterns of files of one language, in batches."""
    grammar = next(iter(LANGUAGES[language].suffixes.values()))
    snippets, patterns = [], []
    names = sorted(files)
    for start in range(0, len(names), BATCH):
        found = extract([File(name, grammar, files[name]) for name in names[start : start + BATCH]], LIMITS)
        overrides = {"parent_ordinal": pl.Int64}
        rows = pl.DataFrame(found.snippets, schema_overrides=overrides, infer_schema_length=None)
        hashes = {name: found.texts[name] for name in ("exact_hash", "token_hash")}
        tokens = pl.DataFrame(hashes, schema=dict.fromkeys(hashes, pl.String)).unique("exact_hash")
        snippets.append(rows.join(tokens, on="exact_hash", how="left", maintain_order="left"))
        columns = {name: values for name, values in found.patterns.items() if name in ("pattern_id", *PATTERN)}
        patterns.append(pl.DataFrame(columns, schema_overrides=SCHEMA, infer_schema_length=None))
    joined = pl.concat(patterns, how="vertical_relaxed").unique("pattern_id", keep="first", maintain_order=True)
    return pl.concat(snippets, how="vertical_relaxed"), joined


def runs_only(snippets: pl.DataFrame) -> pl.DataFrame:
    """Functions and methods, without those inside other functions."""
    group = pl.col("kind").replace_strict(groups_of(snippets["kind"].unique()), return_dtype=pl.String)
    runs = snippets.with_columns(is_run=group == RUNS)
    parents = runs.select("blob_oid", "is_run", parent_ordinal="ordinal").rename({"is_run": "is_inner"})
    joined = runs.join(parents, on=["blob_oid", "parent_ordinal"], how="left")
    return joined.filter(pl.col("is_run") & ~pl.col("is_inner").fill_null(value=False))


def patterns_of(texts: Texts, language: str) -> pl.DataFrame:
    """The function of each file: function_id, token_hash, pattern_id and the pattern's columns.

    A file in which Stemma finds no function has no row, and so no clone: what extraction misses, detection misses.
    """
    snippets, patterns = extracted({f"{key:08d}": text for key, text in texts.items()}, language)
    first = runs_only(snippets).sort("blob_oid", "ordinal").unique("blob_oid", keep="first", maintain_order=True)
    return (
        first.select(pl.col("blob_oid").cast(pl.Int64).alias("function_id"), "token_hash", "pattern_id")
        .join(patterns, on="pattern_id", how="left", maintain_order="left")
        .with_columns(language=pl.lit(language))
    )


def suffix_of(language: str) -> str:
    return next(iter(LANGUAGES[language].suffixes))
