"""Code that was given, indexed or not: read from a file or from standard input, and its definitions extracted.

What is like it is found in `similar`; how definitions are found lives in `stemma.extract`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from stemma.config import Settings
from stemma.errors import ConfigError, NotFoundError, SourceError
from stemma.extract.extractor import Extracted, File, Limits, extract
from stemma.git.blob import blob_id
from stemma.git.paths import shown
from stemma.languages import LANGUAGES, grammar_of

STANDARD_INPUT = "-"
_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("start_line", "end_line", "ordinal", "parent_ordinal", "n_tokens"), pl.Int32),
    **dict.fromkeys(("docstring", "trivial_reason"), pl.String),
    "shingles": pl.List(pl.Int32),
    "sub_tokens": pl.List(pl.String),
}


@dataclass(frozen=True)
class Given:
    """Definitions copies are looked for of, as rows of `snippets` with their `token_hash`, and their patterns."""

    path: Path | None
    """The file, resolved; None of standard input."""
    language: str
    grammar: str
    """The one that read it with the fewest errors."""
    content: bytes
    definitions: pl.DataFrame
    patterns: pl.DataFrame


def read_given(target: str, settings: Settings, *, language: str | None = None) -> Given:
    """The definitions that `target` names: `file:name`, `file:line`, a whole `file`, or `-` for standard input.

    Of a whole text all definitions, those that are too small to mean anything only where there are no others. The
    language is told by the file's name, or given; of standard input without either it is the one whose grammar reads
    the text with the fewest errors.

    Raises:
        NotFoundError: no such file, or no such definition in it.
        SourceError: the file cannot be read or parsed.
        ConfigError: the language is not known, or cannot be told.
    """
    path, chosen = _target(target)
    content = _content(path, settings.max_file_bytes)
    grammars = _grammars(path, language)
    limits = Limits(settings.max_file_bytes, settings.parse_timeout_s)
    grammar, read = _best(
        (grammar, extract([File(blob_id(content), grammar, content)], limits)) for grammar in grammars
    )
    told = shown(path) if path else "Standard input"
    reason = read.blobs["reason"][0]
    if read.blobs["status"][0] == "skipped":
        raise SourceError(f"{told} cannot be read as {read.blobs['language'][0]}: {reason}.", "Give another file.")
    definitions, distinct = _frames(read)
    if definitions.is_empty():
        raise NotFoundError(
            f"{told} holds no definition ({read.blobs['language'][0]}).",
            "Give code with a function, method or class, or its language: --language <name>",
        )
    found = _chosen(definitions, distinct, chosen, told)
    return Given(path, read.blobs["language"][0], grammar, content, found, distinct)


def _target(target: str) -> tuple[Path | None, str | None]:
    """The file and what is wanted of it. A file whose name holds a colon is taken before one that is named less."""
    if target == STANDARD_INPUT:
        return None, None
    name, _, chosen = target.rpartition(":")
    if Path(target).is_file() or not (name and chosen):
        return Path(target), None
    return Path(name), chosen


def _content(path: Path | None, max_bytes: int) -> bytes:
    if path is None:
        return sys.stdin.buffer.read(max_bytes + 1)
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except FileNotFoundError as error:
        hint = "Name a file of this machine, and a definition or line in it: file:name, file:line."
        raise NotFoundError(f"There is no file {shown(path)}.", hint) from error
    except OSError as error:
        raise SourceError(f"{shown(path)} cannot be read: {error.strerror}.", "Check the path and its mode.") from error


def _grammars(path: Path | None, language: str | None) -> list[str]:
    """Grammars to try, the first of equals wins."""
    first = {name: next(iter(row.suffixes.values())) for name, row in LANGUAGES.items()}
    if language is not None:
        if language.lower() not in first:
            raise ConfigError(f"'{language}' is no language Stemma reads.", f"Languages: {', '.join(first)}.")
        return [first[language.lower()]]
    if path is None:
        return list(dict.fromkeys(grammar for row in LANGUAGES.values() for grammar in row.suffixes.values()))
    if (grammar := grammar_of(path.name)) is None:
        raise ConfigError(f"The name of {shown(path)} tells no language.", "Say which: --language <name>")
    return [grammar]


def _best(found: Iterable[tuple[str, Extracted]]) -> tuple[str, Extracted]:
    """Fewest syntax errors among those that found a definition, then most definitions, then the first."""

    def badness(item: tuple[str, Extracted]) -> tuple[bool, bool, int, int]:
        blobs = item[1].blobs
        n_snippets = blobs["n_snippets"][0]
        return blobs["status"][0] == "skipped", not n_snippets, blobs["n_errors"][0], -n_snippets

    return min(found, key=badness)


def _frames(read: Extracted) -> tuple[pl.DataFrame, pl.DataFrame]:
    hashes = pl.DataFrame({name: read.texts[name] for name in ("exact_hash", "token_hash")}).unique("exact_hash")
    distinct = pl.DataFrame(read.patterns, schema_overrides=_TYPES)
    definitions = pl.DataFrame(read.snippets, schema_overrides=_TYPES)
    definitions = definitions.join(hashes, on="exact_hash", how="left", maintain_order="left")
    smallness = distinct.select("pattern_id", "is_trivial")
    return definitions.join(smallness, on="pattern_id", how="left", maintain_order="left"), distinct


def _chosen(definitions: pl.DataFrame, distinct: pl.DataFrame, chosen: str | None, told: str) -> pl.DataFrame:
    if chosen is None:
        meaning = definitions.filter(~pl.col("is_trivial"))
        return definitions if meaning.is_empty() else meaning
    if chosen.isdigit():
        line = int(chosen)
        around = definitions.filter(pl.lit(line).is_between("start_line", "end_line"))
        found = around.sort(pl.col("end_line") - pl.col("start_line"), -pl.col("ordinal")).head(1)
        problem = f"No definition stands at line {line} of {told}."
    else:
        name = pl.col("qualified_name")
        found = definitions.filter((name == chosen) | name.str.ends_with(f".{chosen}"))
        problem = f"{told} holds no definition called '{chosen}'."
    if found.is_empty():
        names = definitions["qualified_name"].unique(maintain_order=True).to_list()
        more = f", and {len(names) - 8} more" if len(names) > 8 else ""
        raise NotFoundError(problem, f"It holds: {', '.join(names[:8])}{more}.")
    return found
