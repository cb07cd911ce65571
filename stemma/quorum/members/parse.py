"""Parse: whether the definition is whole by the grammar of its language. Nothing is said of what it does.

A definition out of its file may need a container to parse (a method, its class); those are in `fragment`.
"""

from __future__ import annotations

import ast
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.languages import LANGUAGES
from stemma.quorum.members.base import Family, Finding, version_of
from stemma.quorum.members.child import Answer, ask_child
from stemma.quorum.members.fragment import forms
from stemma.quorum.process import Limits

# An unexpanded macro is an error to the grammar and none to the compiler: here an error proves nothing.
_PREPROCESSED = frozenset({"c", "cpp"})


class Parse:
    name = "parse"
    family: Family = "structure"
    languages = frozenset(LANGUAGES)
    weight = 0.25

    def version(self) -> str:
        grammars = version("tree-sitter-language-pack")
        return version_of("tree-sitter-language-pack", grammars, sorted(self.languages), sorted(_PREPROCESSED))

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        return ask_child(__name__, batch, folder, limits)


def inspect(language: str, kind: str, code: str) -> Answer:
    """One pattern's vote: pass in the first form and dialect that parse whole; runs in the child."""
    dialects = sorted(LANGUAGES[language].grammars)
    first_error: int | None = None
    for text, lines_before in forms(language, code):
        data = text.encode("utf-8", "replace")
        for grammar in dialects:
            root = _parser(grammar).parse(data).root_node
            if not root.has_error:
                return "pass", None, []
            if first_error is None:
                first_error = max(1, _first_error_line(root) - lines_before)
    if language in _PREPROCESSED:
        return "abstain", f"not applicable: line {first_error} does not parse before its macros are expanded", []
    if language == "python" and _compiles(forms(language, code)[0][0]):
        return "pass", None, []  # newer syntax than the grammar's
    message = "syntax error, alone and in any container its language has"
    return "fail", None, [Finding(rule="syntax", severity="high", line=first_error or 1, message=message)]


@cache
def _parser(grammar: str) -> Any:
    from tree_sitter_language_pack import get_parser

    return get_parser(grammar)  # type: ignore[arg-type]


def _first_error_line(root: Any) -> int:
    """Line, from 1, of the first erroneous or missing node."""
    node = root
    while not (node.is_error or node.is_missing):
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            break
        node = inner
    return int(node.start_point[0]) + 1


def _compiles(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
