"""Logic: Python whose steps cannot be what was meant, whatever it is for: a loop that nothing ends, a call that calls
itself for ever, a list that is filled and never read. What is looked for lives in `logic_loops` and `logic_names`.

A rule stays only where it is near certain: on the functions of well-kept packages its alarms were read one by one.
"""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

import polars as pl

from stemma.quorum.members.base import DOES_NOT_PARSE, Family, version_of, votes_from
from stemma.quorum.members.child import Found, Seen, ask_child
from stemma.quorum.members.logic_loops import LOOPS
from stemma.quorum.members.logic_names import NAMES
from stemma.quorum.members.logic_scope import Function, Scope
from stemma.quorum.process import Limits

_VERSION = "1"  # raise it when a rule finds something else


class Logic:
    name = "logic"
    family: Family = "correctness"
    languages = frozenset({"python"})
    is_lasting = True

    def version(self) -> str:
        return version_of("logic", _VERSION, sorted(LOOPS | NAMES), sys.version_info[:2])

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        findings, unread = ask_child(__name__, batch, folder, limits)
        return votes_from(batch, findings, unread=unread)


def inspect(language: str, file: str, content: bytes) -> Seen:
    """What of a file's functions cannot be meant; runs in the child."""
    found: set[Found] = set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
        for node, owner in _functions(tree):
            scope = Scope(node, owner)
            for rule, (why, check) in (LOOPS | NAMES).items():
                found |= {
                    Found(rule, "medium", at.lineno, at.end_lineno or at.lineno, why, is_failing=True)
                    for at in check(scope)
                }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], DOES_NOT_PARSE
    return sorted(found), None


def _functions(tree: ast.AST) -> list[tuple[Function, ast.ClassDef | None]]:
    """Every function, and the class whose method it is."""
    return [
        (child, node if isinstance(node, ast.ClassDef) else None)
        for node in ast.walk(tree)
        for child in ast.iter_child_nodes(node)
        if isinstance(child, Function)
    ]
