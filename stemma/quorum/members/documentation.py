"""Documentation: whether a definition that others are meant to call says what it does, and says it of what it is now.

A docstring or leading comment is read by `documented` in a child process; here is decided who owes one, and what is
held against whom. It judges words by whether they fit the signature, never by whether they are good.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import polars as pl

from stemma.languages import EXTRACTOR_VERSION, LANGUAGES
from stemma.quorum.members.base import (
    FILES,
    Family,
    Ground,
    MemberMissingError,
    findings_on,
    version_of,
    votes_from,
)
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

_RULES = "1"  # raise it when the expressions below decide otherwise

# A public function this long owes its callers a word: in 40 packages that are kept well 81 to 91 % of such Python
# functions have one (66 % of those of 10 to 20 lines, 29 % of those below 5). A method owes one where an override is
# marked as such and an unmarked one is therefore new: of those of gson, commons-lang, junit4 and gin 95 % or more have
# it; of Python's long methods 65 %, of its long classes 63 to 78 %, so these are let alone.
_OWES_FROM_LINES = 20
_MARKS_OVERRIDES = ("java", "csharp", "go", "rust", "php")

_CALLABLE = ("function", "method", "constructor")

# Words that are there before anything is said.
_FILLER = "todo|fixme|xxx|tbd|none|description|docstring|documentation|undocumented|the|this|function|method|class|a|an"
_ELSEWHERE = r"(?i)\{?@inherit-?doc|:inherited:|<inheritdoc|^see (?:base|parent|super)"
_DIRECTIVE = r"(?i)^(?:eslint|prettier|istanbul|c8|v8|jshint|jslint|tslint|biome|noinspection|nolint|@ts-|ts-|pragma)\b"

SAID = pl.Schema(
    {
        "file": pl.String(),
        "kind": pl.String(),
        "qualified_name": pl.String(),
        "start_line": pl.Int32(),
        "end_line": pl.Int32(),
        "is_test": pl.Boolean(),
        "docstring": pl.String(),
        "named": pl.List(pl.String),
        "parameters": pl.List(pl.String),
        "modifiers": pl.List(pl.String),
        "annotations": pl.List(pl.String),
        "parameter_list": pl.String(),
        "parent_kind": pl.String(),
        "parent_modifiers": pl.List(pl.String),
    }
)
_PLACE = ("file", "kind", "qualified_name", "start_line", "end_line")


class Documentation:
    name = "documentation"
    family: Family = "documentation"
    languages = frozenset(LANGUAGES)
    is_lasting = True

    def version(self) -> str:
        try:
            parser = version("docstring-parser")
        except PackageNotFoundError as error:
            raise MemberMissingError("docstring-parser is not installed") from error
        rules = (_OWES_FROM_LINES, _MARKS_OVERRIDES, _FILLER, _ELSEWHERE, _DIRECTIVE, parser, EXTRACTOR_VERSION)
        return version_of("documentation", _RULES, *rules)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        said = _ask(batch, folder, limits).unique(_PLACE, keep="first")
        texts = batch.join(said, on=_PLACE, how="left").with_columns(_facts())
        # Each text as a file of its own: what is said of a method is not said of its class.
        texts = texts.with_columns(file=pl.col("unit").cast(pl.String))
        silent = texts.filter(_silence().is_not_null()).select("unit", reason=_silence())
        return votes_from(texts, _found(texts), unsure=dict(silent.iter_rows()))


def _ask(batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
    batch.select("file", "language").unique(maintain_order=True).write_ndjson(folder / "batch.jsonl")
    argv = [sys.executable, "-P", "-s", "-m", "stemma.quorum.members.documented", FILES]
    run_bounded(argv, folder, limits, env={"PYTHONPATH": str(Path(__file__).parents[3])})
    answer = folder / "documented.jsonl"
    try:
        return pl.read_ndjson(answer, schema=SAID) if answer.stat().st_size else pl.DataFrame(schema=SAID)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error


def _facts() -> list[pl.Expr]:
    words = pl.col("docstring").str.to_lowercase().str.extract_all(r"\pL{2,}")
    own = pl.col("name").str.replace_all(r"([a-z0-9])([A-Z])", "$1 $2").str.to_lowercase().str.extract_all(r"\pL{2,}")
    is_directive = pl.col("docstring").str.contains(_DIRECTIVE)
    return [
        ((pl.col("docstring") != "") & ~is_directive).fill_null(False).alias("has_doc"),
        words.list.set_difference(own).list.set_difference(_FILLER.split("|")).list.len().alias("n_words"),
        (pl.col("end_line") - pl.col("start_line") + 1).alias("n_lines"),
        _is_public().fill_null(False).alias("is_public"),
        pl.col("named").list.set_difference("parameters").list.sort().alias("stale"),
        pl.col("parameters").list.set_difference("named").list.set_difference(["self", "cls", "this"]).alias("untold"),
    ]


def _is_public() -> pl.Expr:
    """Whether it is meant for others, as its language tells; false where a language does not tell."""
    modifiers, inherited = pl.col("modifiers"), pl.col("parent_modifiers")
    is_inner = pl.col("parent_kind").is_in(_CALLABLE).fill_null(False)
    is_exported = modifiers.list.contains("export") | inherited.list.contains("export")
    is_hidden = modifiers.list.contains("private") | modifiers.list.contains("protected")
    is_named_public = ~pl.col("qualified_name").str.contains(r"(?:^|\.)[_#]")
    in_interface = pl.col("parent_kind") == "interface"
    is_override = (
        pl.col("annotations").list.join(" ").str.contains(r"(?i)\b(?:override|overload|\w+\.setter|\w+\.deleter)\b")
        | modifiers.list.contains("override")
        | pl.col("name").str.contains("^__")
    )
    by_language = (
        pl.when(pl.col("language") == "python")
        .then(is_named_public)
        .when(pl.col("language").is_in(["javascript", "typescript"]))
        .then(is_named_public & is_exported & ~is_hidden)
        .when(pl.col("language") == "go")
        .then(~pl.col("qualified_name").str.contains(r"(?:^|\.)[^\p{Lu}]"))
        .when(pl.col("language").is_in(["java", "csharp", "php"]))
        .then(modifiers.list.contains("public") | in_interface.fill_null(False))
        .when(pl.col("language") == "rust")
        .then(modifiers.list.contains("pub"))
        .otherwise(False)
    )
    return by_language & ~is_inner & ~is_override & ~pl.col("is_test")


def _is_stale() -> pl.Expr:
    """Whether words about parameters that are not there can be held against it.

    Not of classes, whose words may be about a constructor or fields; not where more is taken than has a name (`**kw`,
    a destructured object); and not where no name fits, for then the words are about something else.
    """
    takes_more = pl.col("parameter_list").str.contains(r"\*\*|\{|\[|\.\.\.") | (
        pl.col("language").is_in(["javascript"]) & (pl.col("parameters").list.len() == 0)
    )
    fits = pl.col("named").list.set_intersection("parameters").list.len() > 0
    is_callable = pl.col("kind").is_in(_CALLABLE) & pl.col("has_doc")
    return is_callable & ~takes_more & fits & (pl.col("stale").list.len() > 0)


def _is_empty() -> pl.Expr:
    is_callable = pl.col("is_public") & pl.col("kind").is_in(_CALLABLE)
    return is_callable & pl.col("has_doc") & (pl.col("n_words") == 0) & ~pl.col("docstring").str.contains(_ELSEWHERE)


def _is_owed() -> pl.Expr:
    owes = (pl.col("kind") == "function") | (
        pl.col("kind").is_in(_CALLABLE) & pl.col("language").is_in(_MARKS_OVERRIDES)
    )
    return owes & pl.col("is_public") & (pl.col("n_lines") >= _OWES_FROM_LINES)


def _found(texts: pl.DataFrame) -> pl.DataFrame:
    names = pl.col("stale").list.join(", ").str.head(200)
    untold = pl.col("untold").list.join(", ").str.head(200)
    is_partial = pl.col("kind").is_in(_CALLABLE) & (pl.col("named").list.len() > 0) & (pl.col("untold").list.len() > 0)
    grounds = (
        Ground("stale-parameter", "medium", _is_stale(), pl.format("describes {}, which it does not take", names)),
        Ground("empty", "low", _is_empty(), pl.lit("its documentation says nothing")),
        Ground("missing", "low", _is_owed() & ~pl.col("has_doc"), pl.lit("public, long and undocumented")),
        Ground(
            "partial", "low", is_partial & ~_is_stale(), pl.format("does not describe {}", untold), is_failing=False
        ),
    )
    return findings_on(texts, grounds)


def _silence() -> pl.Expr:
    """Why nothing is said of a text that no finding fails; null where its documentation is there and fits."""
    return (
        pl.when(pl.col("docstring").is_null())
        .then(pl.lit("not applicable: it is not found in its file"))
        .when(pl.col("is_test"))
        .then(pl.lit("not applicable: a test documents itself"))
        .when(pl.col("docstring").str.contains(_ELSEWHERE))
        .then(pl.lit("cannot know: it is documented elsewhere"))
        .when(~pl.col("has_doc") | (pl.col("n_words") == 0))
        .then(pl.lit("not applicable: short or not public, it owes no documentation"))
    )
