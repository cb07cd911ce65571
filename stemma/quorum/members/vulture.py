"""Vulture: Python that can never run. It is asked in a child process, one analysis a pattern.

Its own command line would take all files as one program, so that a name used in one would excuse another's.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import Family, Finding, MemberMissingError, version_of
from stemma.quorum.members.child import Answer, ask_child
from stemma.quorum.members.fragment import PYTHON_LINES_BEFORE, python_module
from stemma.quorum.process import Limits

# Alone, every definition is "unused" (60 %). What remains at 100 % is unreachable code, which fails, and unused
# arguments, which a caller or a base class may dictate: they are told, and held against nobody.
_MIN_CONFIDENCE = 100
_FAILS, _TOLD = "unreachable_code", "redundant"  # `if True:` without else is told too
_EXCUSE = re.compile(r"#\s?noqa", re.IGNORECASE)


class Vulture:
    name = "vulture"
    family: Family = "dead code"
    languages = frozenset({"python"})
    weight = 0.5

    def version(self) -> str:
        try:
            tool = version("vulture")
        except PackageNotFoundError as error:
            raise MemberMissingError("vulture is not installed") from error
        return version_of("vulture", tool, _MIN_CONFIDENCE, _FAILS, _TOLD, sys.version_info[:2])

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        return ask_child(__name__, batch, folder, limits)


def inspect(language: str, kind: str, code: str) -> Answer:
    """One pattern's vote; runs in the child."""
    from vulture import Vulture as Analyser  # type: ignore[import-untyped]
    from vulture.utils import ExitCode  # type: ignore[import-untyped]

    analyser = Analyser()
    analyser.scan(_EXCUSE.sub("# ", python_module(code)))
    if analyser.exit_code == ExitCode.InvalidInput:
        return "abstain", "not applicable: does not parse alone", []
    unused = analyser.get_unused_code(min_confidence=_MIN_CONFIDENCE)
    findings = [
        Finding(
            rule=item.typ,
            severity="medium" if _never_runs(item) else "low",
            line=item.first_lineno - PYTHON_LINES_BEFORE,
            message=item.message,
        )
        for item in unused
        if item.first_lineno > PYTHON_LINES_BEFORE
    ]
    fails = any(finding["severity"] == "medium" for finding in findings)
    return "fail" if fails else "pass", None, findings


def _never_runs(item: Any) -> bool:
    return item.typ == _FAILS and not item.message.startswith(_TOLD)
