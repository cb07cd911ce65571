"""Lizard: how long, how branched and how wide a function is, in every language Stemma reads.

It knows shape and nothing else: what it passes may still be wrong or dangerous.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import Family, Finding, MemberMissingError, version_of
from stemma.quorum.members.child import Answer, ask_child
from stemma.quorum.members.fragment import forms
from stemma.quorum.process import Limits

# Cyclomatic complexity: Lizard's own default; McCabe (1976) proposed 10, NIST 500-235 allows 15 with a reason.
_MAX_COMPLEXITY = 15
_MAX_CODE_LINES = 100  # without comments and blank lines
_MAX_PARAMETERS = 10  # twice Pylint's default: 1.1 % of 5,000 Python definitions have more, and 2.5 % more than 8

_FILE_NAMES = {
    "python": "x.py",
    "javascript": "x.js",
    "typescript": "x.ts",
    "java": "x.java",
    "go": "x.go",
    "rust": "x.rs",
    "c": "x.c",
    "cpp": "x.cpp",
}


class Lizard:
    name = "lizard"
    family: Family = "structure"
    languages = frozenset(_FILE_NAMES)
    weight = 0.5

    def version(self) -> str:
        try:
            return version_of("lizard", version("lizard"), _MAX_COMPLEXITY, _MAX_CODE_LINES, _MAX_PARAMETERS)
        except PackageNotFoundError as error:
            raise MemberMissingError("lizard is not installed") from error

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        return ask_child(__name__, batch, folder, limits)


def inspect(language: str, kind: str, code: str) -> Answer:
    """One pattern's vote, from the first form of it in which Lizard sees a function; runs in the child."""
    from lizard import FileAnalyzer, condition_counter, line_counter, preprocessing, token_counter

    analyser = FileAnalyzer([preprocessing, _drop_comments, line_counter, token_counter, condition_counter])
    for text, lines_before in forms(language, code):
        functions = analyser.analyze_source_code(_FILE_NAMES[language], text).function_list
        if functions:
            findings = [finding for function in functions for finding in _findings(function, lines_before)]
            return "fail" if findings else "pass", None, findings
    return "abstain", "not applicable: no function in it", []


def _drop_comments(tokens: Any, reader: Any) -> Iterator[str]:
    """Lizard's own comment processor, deaf to `#lizard forgives` and `GENERATED CODE`: no code excuses itself."""
    for token in tokens:
        comment = reader.get_comment_from_token(token)
        if comment is None:
            yield token
        else:
            yield from "\n" * (len(comment.splitlines()) - 1)


def _findings(function: Any, lines_before: int) -> Iterator[Finding]:
    for rule, value, limit in (
        ("complexity", function.cyclomatic_complexity, _MAX_COMPLEXITY),
        ("length", function.nloc, _MAX_CODE_LINES),
        ("parameters", function.parameter_count, _MAX_PARAMETERS),
    ):
        if value > limit:
            line = max(1, function.start_line - lines_before)
            message = f"{function.name}: {rule} {value}, at most {limit}"
            yield Finding(rule=rule, severity="medium" if value > 2 * limit else "low", line=line, message=message)
