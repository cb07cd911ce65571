"""What names the themes and domains of patterns, piece by piece, and how much each piece counts.

The words themselves are in `vocabulary`; which words are a pattern's own concepts is found by `keyness`.
"""

from __future__ import annotations

import polars as pl

from stemma.semantics.vocabulary import library_of, load_vocabulary, local_name
from stemma.words import split_identifier

FIRST_SENTENCE = 200  # characters of a docstring that say what a definition does; the rest is about its details
N_LABELS = 3

# A domain is named by a library that the pattern itself uses, or by several pieces that agree: never by one word in a
# body, nor by what its file imports alone, which other definitions may be there for.
DOMAIN_WEIGHTS = {"uses": 2.0, "name": 1.0, "docstring": 0.75, "imports": 0.75, "body": 0.5}
DOMAIN_CAPS = {"imports": 0.75, "body": 1.5}
DOMAIN_THRESHOLD = 1.5

# A theme is named by the verb of the name or of the docstring's first sentence, or by three calls that agree.
THEME_WEIGHTS = {"name": 2.0, "docstring": 1.5, "calls": 0.5}
THEME_CAPS = {"calls": 1.5}
THEME_THRESHOLD = 1.5

TYPE_KINDS = (
    "class", "interface", "struct", "enum", "trait", "union", "record", "object", "protocol", "extension", "mixin",
    "type", "module", "namespace", "annotation",
)  # fmt: skip
"""Kinds whose name is a thing, not a deed."""

PIECES = pl.Schema({"row": pl.Int64(), "label": pl.String(), "source": pl.String(), "word": pl.String()})


def words_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Distinct sub-tokens by where they stand: row, source (name, docstring, calls, body), word, place in it from 0."""
    parts = [
        _split(rows.select("row", text="name"), "name"),
        _docstring_words(rows),
        _split(_calls(rows).select("row", text="called"), "calls"),
        rows.select("row", word="sub_tokens")
        .explode("word")
        .drop_nulls()
        .select("row", "word", source=pl.lit("body"), place=pl.lit(-1, pl.Int64)),
    ]
    columns = ["row", "source", "word", "place"]
    return pl.concat(part.select(columns) for part in parts)


def domain_pieces(rows: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    """Every piece of evidence for a domain (schema `PIECES`)."""
    spoken = (
        words.filter(pl.col("source").is_in(["name", "docstring", "body"]))
        .join(load_vocabulary().words, on="word")
        .select("row", label="domain", source="source", word="word")
    )
    pieces = pl.concat([spoken, *_library_pieces(rows)])
    # A word of the name or the docstring stands in the body as well: counted once, where it says most.
    strength = pl.col("source").replace_strict(DOMAIN_WEIGHTS, return_dtype=pl.Float64)
    return pieces.sort(strength, descending=True).unique(["row", "label", "word"], keep="first", maintain_order=True)


def theme_pieces(rows: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    """Every piece of evidence for a theme (schema `PIECES`): the verbs that come first."""
    first = words.filter((pl.col("place") == 0) & pl.col("source").is_in(["name", "docstring", "calls"]))
    kinds = rows.select("row", is_type=pl.col("kind").is_in(TYPE_KINDS))
    is_noun = pl.col("is_type") & (pl.col("source") == "name") & (pl.col("word") != "test")  # class SendBuffer
    verbs = first.join(kinds, on="row").filter(~is_noun).drop("is_type")
    third_person = pl.col("word").str.strip_suffix("s")  # "Returns", "parses"
    spoken = (
        pl.concat([verbs, verbs.filter(pl.col("source") == "docstring").with_columns(word=third_person)])
        .join(load_vocabulary().verbs, on="word")
        .select("row", label="theme", source="source", word="word")
    )
    return spoken.unique(["row", "label", "source", "word"], maintain_order=True)


def named(pieces: pl.DataFrame, weights: dict[str, float], caps: dict[str, float], threshold: float) -> pl.DataFrame:
    """Labels whose pieces reach the threshold: row, label, score, evidence; at most `N_LABELS` a row, best first.

    A source counts once with the sum of its pieces, up to its cap.
    """
    weight = pl.col("source").replace_strict(weights, return_dtype=pl.Float64)
    cap = pl.col("source").replace_strict(caps, default=float("inf"), return_dtype=pl.Float64)
    return (
        pieces.with_columns(weight=weight, cap=cap)
        .group_by("row", "label", "source", maintain_order=True)
        .agg(
            score=pl.min_horizontal(pl.col("weight").sum(), pl.col("cap").first()),
            evidence=pl.col("source").first() + ": " + pl.col("word").sort().head(5).str.join(", "),
        )
        .sort("row", "label", pl.col("score"), "source", descending=[False, False, True, False])
        .group_by("row", "label", maintain_order=True)
        .agg(pl.col("score").sum(), "evidence")
        .filter(pl.col("score") >= threshold)
        .sort("row", "score", "label", descending=[False, True, False])
        .group_by("row", maintain_order=True)
        .head(N_LABELS)
    )


def _split(texts: pl.DataFrame, source: str) -> pl.DataFrame:
    """Identifiers (row, text) into their words. Only distinct ones pass through Python."""
    distinct = texts.select(pl.col("text").unique()).drop_nulls()
    pieces = pl.Series([list(split_identifier(text)) for text in distinct["text"]], dtype=pl.List(pl.String))
    known = distinct.with_columns(
        word=pieces, place=pl.int_ranges(0, pieces.list.len(), dtype=pl.Int64, eager=True)
    ).filter(pl.col("word").list.len() > 0)
    exploded = known.explode("word", "place")
    return texts.join(exploded, on="text").select("row", "word", "place", source=pl.lit(source)).unique()


def _docstring_words(rows: pl.DataFrame) -> pl.DataFrame:
    spoken = pl.col("docstring").str.slice(0, FIRST_SENTENCE).str.extract_all(r"\p{L}{2,}")
    words = rows.select("row", word=spoken).filter(pl.col("word").list.len() > 0)
    placed = words.with_columns(place=pl.int_ranges(0, pl.col("word").list.len(), dtype=pl.Int64))
    lower = pl.col("word").str.to_lowercase()
    exploded = placed.explode("word", "place").with_columns(word=lower, source=pl.lit("docstring"))
    return exploded.unique(["row", "word"], keep="first", maintain_order=True)


def _calls(rows: pl.DataFrame) -> pl.DataFrame:
    """row, root (what it is called on, null for a plain name), called (the last name)."""
    calls = rows.select("row", call="calls").explode("call").drop_nulls()
    return calls.select(
        "row",
        root=pl.col("call").str.extract(r"^(\w+)\W"),
        called=pl.col("call").str.extract(r"(\w+)\W*$"),
    )


def _library_pieces(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Libraries of known domains that a pattern uses, and those that only its file imports."""
    imports = rows.select("row", imported="imports").explode("imported").drop_nulls()
    distinct = imports.select(pl.col("imported").unique())
    known = [(name, library_of(name)) for name in distinct["imported"]]
    schema = pl.Schema(
        {"imported": pl.String(), "word": pl.String(), "local": pl.String(), "label": pl.List(pl.String())}
    )
    table = pl.DataFrame(
        [(name, found[0], local_name(name), list(found[1])) for name, found in known if found],
        schema=schema,
        orient="row",
    ).explode("label")
    imported = imports.join(table, on="imported").unique(["row", "label", "word", "local"], maintain_order=True)
    calls = _calls(rows)
    spoken = pl.concat(
        [calls.select("row", local="root").drop_nulls(), calls.select("row", local="called").drop_nulls()]
    ).unique()
    uses = imported.join(spoken, on=["row", "local"], how="semi")
    unused = imported.join(spoken, on=["row", "local"], how="anti")
    return [
        part.select("row", "label", source=pl.lit(source), word="word").unique(maintain_order=True)
        for part, source in ((uses, "uses"), (unused, "imports"))
    ]
