"""Parse: whether a text is whole by the grammar of its language. Nothing is said of what it does, nor of what is
around it: an error elsewhere in its file is not its own.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.languages import LANGUAGES, grammar_of
from stemma.quorum.members.base import Family, inside, version_of, votes_from
from stemma.quorum.members.child import Found, Seen, ask_child
from stemma.quorum.process import Limits

# An unexpanded macro is an error to the grammar and none to the compiler: here an error proves nothing.
_PREPROCESSED = frozenset({"c", "cpp"})


class Parse:
    name = "parse"
    family: Family = "structure"
    languages = frozenset(LANGUAGES)
    is_lasting = True

    def version(self) -> str:
        grammars = version("tree-sitter-language-pack")
        rules = (sorted(self.languages), sorted(_PREPROCESSED), "errors that lie whole within the text")
        return version_of("tree-sitter-language-pack", grammars, *rules)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread = ask_child(__name__, batch, folder, limits)
        preprocessed = batch.filter(pl.col("language").is_in(_PREPROCESSED))
        in_macros = pl.col("file").is_in(preprocessed["file"].unique().implode())
        first = inside(preprocessed, findings.filter(in_macros)).group_by("unit").agg(pl.col("line").min())
        unsure = {
            unit: f"not applicable: line {line} does not parse before its macros are expanded"
            for unit, line in first.iter_rows()
        }
        return votes_from(batch, findings.filter(~in_macros), unread=unread, unsure=unsure)


def inspect(language: str, file: str, content: bytes) -> Seen:
    """Every place in a file that its grammar cannot read; runs in the child."""
    root = _parser(grammar_of(file) or min(LANGUAGES[language].grammars)).parse(content).root_node
    if not root.has_error or (language == "python" and _compiles(content)):  # newer syntax than the grammar's
        return [], None
    places = sorted(set(_errors(root)))
    return [Found("syntax", "high", first, last, "syntax error", is_failing=True) for first, last in places], None


@cache
def _parser(grammar: str) -> Any:
    from tree_sitter_language_pack import get_parser

    return get_parser(grammar)  # type: ignore[arg-type]


def _errors(root: Any) -> Iterator[tuple[int, int]]:
    """First and last line, from 1, of every erroneous or missing node. An error may hold what was read well."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            (first, _), (last, column) = node.start_point, node.end_point
            yield first + 1, (last if column or last == first else last - 1) + 1
        if node.has_error:
            waiting.extend(child for child in node.children if child.has_error or child.is_missing)


def _compiles(content: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
