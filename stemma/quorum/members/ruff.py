"""Ruff: Python that is wrong in itself (pyflakes' certain errors, pylint's errors, bugbear's likely bugs).

Security is Bandit's seat: Ruff's `S` rules are a port of Bandit's, and one voice must not be counted twice.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from stemma.quorum.members.base import Family, Finding, MemberMissingError, Severity, version_of, votes_from
from stemma.quorum.members.fragment import PYTHON_LINES_BEFORE, write_python
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

# Each of these is decided by the definition alone. Left out, because they need the rest of the file: undefined names
# (F821), unused imports and names (F401, F841 says nothing of correctness), nonlocal without binding (PLE0117),
# `__all__` (PLE0604, PLE0605), await and return outside a function (the compiler's own). Left out, because they are
# style or an idiom: B008 (FastAPI), B009, B010, B024, B026, B027, B028, B904, B905. Left out after reading what they
# hit in 15,000 definitions of installed packages: B004, B011 (`assert False` for "cannot happen"), B015 and B018 (an
# operator or attribute tried for its effect), B020 (`for x in f(x)`), B023 (called before the loop goes on), F811
# (`overload` is only known by its import), PLE0704 (`raise` in what a handler calls), PLR0124 (`x != x`: NaN).
_RULES: dict[str, Severity] = {
    # raises, or does something else than it says, whenever the line is reached
    **dict.fromkeys(("F50", "F52", "F601", "F602", "F621", "F622", "F631", "F632", "F633", "F634"), "high"),
    **dict.fromkeys(("F70", "F823", "F901"), "high"),
    **dict.fromkeys(("PLE0100", "PLE0101", "PLE0115", "PLE0116", "PLE0118", "PLE0237", "PLE0241"), "high"),
    **dict.fromkeys(("PLE0302", "PLE0303", "PLE0305", "PLE0307", "PLE0308", "PLE0309", "PLE1"), "high"),
    **dict.fromkeys(("PLE2502", "PLE2510", "PLE2512", "PLE2513", "PLE2514", "PLE2515"), "high"),
    **dict.fromkeys(("B002", "B005", "B012", "B014", "B016", "B022", "B025", "B029", "B030"), "high"),
    # very likely not meant
    **dict.fromkeys(("B003", "B006", "B019", "B021", "B031", "B032", "B033"), "medium"),
    **dict.fromkeys(("B034", "B035", "B039"), "medium"),
    **dict.fromkeys(("F402", "E722", "PLW0127", "PLW0128", "PLW0129", "PLW0131", "PLW0133"), "medium"),
    **dict.fromkeys(("PLW0177", "PLW0711", "PLW1501", "PLW1508", "PLW1509", "PLW2101"), "medium"),
    **dict.fromkeys(("ASYNC251", "RUF006", "RUF016", "RUF018"), "medium"),
}
_IGNORED = ("PLE1142",)
_ARGUMENTS = ("--isolated", "--no-cache", "--ignore-noqa", "--exit-zero", "--quiet", "--target-version", "py313")


class Ruff:
    name = "ruff"
    family: Family = "correctness"
    languages = frozenset({"python"})
    weight = 1.0

    def version(self) -> str:
        _binary()
        try:
            return version_of("ruff", version("ruff"), _RULES, _IGNORED, _ARGUMENTS)
        except PackageNotFoundError as error:
            raise MemberMissingError("ruff is not installed") from error

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        sources = write_python(batch, folder)
        selection = ("--select", ",".join(_RULES), "--ignore", ",".join(_IGNORED), "--output-format", "json")
        answer = run_bounded([_binary(), "check", *_ARGUMENTS, *selection, sources.name], folder, limits)
        findings: dict[str, list[Finding]] = {}
        abstained: dict[str, str] = {}
        for item in _parse(answer):
            pattern_id, rule, finding = item
            if rule is None:
                abstained.setdefault(pattern_id, f"not applicable: does not parse alone ({finding['message']})")
            elif finding["line"] > 0:
                findings.setdefault(pattern_id, []).append(finding)
        return votes_from(batch, findings, set(findings), abstained)


def _binary() -> str:
    try:
        from ruff import find_ruff_bin  # type: ignore[import-untyped]

        return str(find_ruff_bin())
    except (ImportError, FileNotFoundError) as error:
        raise MemberMissingError("ruff is not installed") from error


def _parse(answer: bytes) -> list[tuple[str, str | None, Finding]]:
    """(pattern id, rule or None for a syntax error, finding) of each diagnostic."""
    try:
        return [_diagnostic(item) for item in json.loads(answer)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error


def _diagnostic(item: dict[str, Any]) -> tuple[str, str | None, Finding]:
    code = item["code"]
    rule = None if code in (None, "invalid-syntax") else str(code)
    line = int(item["location"]["row"]) - PYTHON_LINES_BEFORE
    finding = Finding(rule=rule or "syntax", severity=_severity(rule), line=line, message=str(item["message"]))
    return Path(item["filename"]).stem, rule, finding


def _severity(rule: str | None) -> Severity:
    """By the longest prefix of the rule that is in the table."""
    for length in range(len(rule or ""), 0, -1):
        if severity := _RULES.get((rule or "")[:length]):
            return severity
    return "medium"
