"""Vulture: Python that can never run. It is asked in a child process, one analysis a file.

Its own command line would take all files as one program, so that a name used in one would excuse another's.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import DOES_NOT_PARSE, Family, MemberMissingError, version_of, votes_from
from stemma.quorum.members.child import Found, Seen, ask_child
from stemma.quorum.process import Limits

# In one file, every definition that others use is "unused". What remains at 100 % is unreachable code, which fails, and
# unused arguments, which a caller or a base class may dictate: they are told, and held against nobody.
_MIN_CONFIDENCE = 100
_FAILS, _TOLD = "unreachable_code", "redundant"  # `if True:` without else is told too
_EXCUSE = re.compile(rb"#\s?noqa", re.IGNORECASE)


class Vulture:
    name = "vulture"
    family: Family = "dead code"
    languages = frozenset({"python"})
    is_lasting = True

    def version(self) -> str:
        try:
            tool = version("vulture")
        except PackageNotFoundError as error:
            raise MemberMissingError("vulture is not installed") from error
        return version_of("vulture", tool, _MIN_CONFIDENCE, _FAILS, _TOLD, sys.version_info[:2])

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread = ask_child(__name__, batch, folder, limits)
        return votes_from(batch, findings, unread=unread)


def inspect(language: str, file: str, content: bytes) -> Seen:
    """What of a file never runs or is never used; runs in the child."""
    from vulture import Vulture as Analyser  # type: ignore[import-untyped]
    from vulture.utils import ExitCode  # type: ignore[import-untyped]

    analyser = Analyser()
    try:
        analyser.scan(_EXCUSE.sub(b"# ", content).decode("utf-8-sig", "replace"), filename=file)
    except (RecursionError, MemoryError):  # it is nested deeper than any code a person writes
        return [], DOES_NOT_PARSE
    if analyser.exit_code == ExitCode.InvalidInput:
        return [], DOES_NOT_PARSE
    return [_found(item) for item in analyser.get_unused_code(min_confidence=_MIN_CONFIDENCE)], None


def _found(item: Any) -> Found:
    never_runs = item.typ == _FAILS and not item.message.startswith(_TOLD)
    severity = "medium" if never_runs else "low"
    last = max(item.first_lineno, item.last_lineno)
    return Found(item.typ, severity, item.first_lineno, last, item.message, is_failing=never_runs)
