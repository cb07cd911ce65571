"""Lizard: how long, how branched and how wide a function is, in every language it shares with Stemma.

It knows shape and nothing else: what it passes may still be wrong or dangerous.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import Family, MemberMissingError, inside, version_of, votes_from
from stemma.quorum.members.child import Found, Seen, ask_child
from stemma.quorum.process import Limits

# Cyclomatic complexity: Lizard's own default; McCabe (1976) proposed 10, NIST 500-235 allows 15 with a reason.
_MAX_COMPLEXITY = 15
_MAX_CODE_LINES = 100  # without comments and blank lines
_MAX_PARAMETERS = 10  # twice Pylint's default: 1.1 % of 5,000 Python definitions have more, and 2.5 % more than 8

_LANGUAGES = "python javascript typescript java go rust c cpp csharp ruby php kotlin swift"
_FUNCTION = "function"  # rule by which the child tells of a function that is fine


class Lizard:
    name = "lizard"
    family: Family = "structure"
    languages = frozenset(_LANGUAGES.split())
    is_lasting = True

    def version(self) -> str:
        try:
            tool = version("lizard")
        except PackageNotFoundError as error:
            raise MemberMissingError("lizard is not installed") from error
        return version_of("lizard", tool, _MAX_COMPLEXITY, _MAX_CODE_LINES, _MAX_PARAMETERS, _LANGUAGES)

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread = ask_child(__name__, batch, folder, limits)
        seen = inside(batch, findings)["unit"].unique()
        others = batch.filter(~pl.col("unit").is_in(seen.implode()))["unit"]
        unsure = dict.fromkeys(others.to_list(), "not applicable: Lizard sees no function in it")
        return votes_from(batch, findings.filter(pl.col("rule") != _FUNCTION), unread=unread, unsure=unsure)


def inspect(language: str, file: str, content: bytes) -> Seen:
    """Every function of a file, and what is too much about it; runs in the child."""
    from lizard import FileAnalyzer, condition_counter, line_counter, preprocessing, token_counter

    analyser = FileAnalyzer([preprocessing, _drop_comments, line_counter, token_counter, condition_counter])
    functions = analyser.analyze_source_code(file, content.decode("utf-8", "replace")).function_list
    return [found for function in functions for found in _findings(function)], None


def _drop_comments(tokens: Any, reader: Any) -> Iterator[str]:
    """Lizard's own comment processor, deaf to `#lizard forgives` and `GENERATED CODE`: no code excuses itself."""
    for token in tokens:
        comment = reader.get_comment_from_token(token)
        if comment is None:
            yield token
        else:
            yield from "\n" * (len(comment.splitlines()) - 1)


def _findings(function: Any) -> Iterator[Found]:
    place = (function.start_line, max(function.start_line, function.end_line))
    yield Found(_FUNCTION, "low", *place, function.name, is_failing=False)
    for rule, value, limit in (
        ("complexity", function.cyclomatic_complexity, _MAX_COMPLEXITY),
        ("length", function.nloc, _MAX_CODE_LINES),
        ("parameters", function.parameter_count, _MAX_PARAMETERS),
    ):
        if value > limit:
            message = f"{function.name}: {rule} {value}, at most {limit}"
            yield Found(rule, "medium" if value > 2 * limit else "low", *place, message, is_failing=True)
