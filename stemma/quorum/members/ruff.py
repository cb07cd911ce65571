"""Ruff: Python that is wrong in itself (pyflakes' certain errors, pylint's errors, bugbear's likely bugs).

Security is Bandit's seat: Ruff's `S` rules are a port of Bandit's, and one voice must not be counted twice.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import polars as pl

from stemma.quorum.members.base import (
    DOES_NOT_PARSE,
    FILES,
    FINDINGS,
    Family,
    MemberMissingError,
    Severity,
    version_of,
    votes_from,
)
from stemma.quorum.process import Limits, NoAnswerError, run_bounded

# Left out, because they are said of the file and not of a definition (F401, PLE0604, PLE0605), or are style or an
# idiom: F841, B008 (FastAPI), B009, B010, B024, B026, B027, B028, B904, B905. Left out after reading what they hit in
# 15,000 definitions of installed packages: B004, B011 (`assert False` for "cannot happen"), B015 and B018 (an operator
# or attribute tried for its effect), B020 (`for x in f(x)`), B023 (called before the loop goes on), PLE0704 (`raise` in
# what a handler calls), PLR0124 (`x != x`: NaN).
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
    # decided by what stands around the definition: a name that nothing binds, a definition that a later one undoes
    **dict.fromkeys(("F811", "F821", "PLE0117"), "medium"),
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
    is_lasting = True

    def version(self) -> str:
        _binary()
        try:
            return version_of("ruff", version("ruff"), _RULES, _IGNORED, _ARGUMENTS)
        except PackageNotFoundError as error:
            raise MemberMissingError("ruff is not installed") from error

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        selection = ("--select", ",".join(_RULES), "--ignore", ",".join(_IGNORED), "--output-format", "json")
        answer = run_bounded([_binary(), "check", *_ARGUMENTS, *selection, FILES], folder, limits)
        findings, unread = _parse(answer)
        return votes_from(batch, findings, unread=unread)


def _binary() -> str:
    try:
        from ruff import find_ruff_bin  # type: ignore[import-untyped]

        return str(find_ruff_bin())
    except (ImportError, FileNotFoundError) as error:
        raise MemberMissingError("ruff is not installed") from error


def _parse(answer: bytes) -> tuple[pl.DataFrame, dict[str, str]]:
    """Findings, and why a file could not be read."""
    unread: dict[str, str] = {}
    rows = []
    try:
        for item in json.loads(answer):
            file, line = Path(item["filename"]).name, int(item["location"]["row"])
            if item["code"] in (None, "invalid-syntax"):
                unread.setdefault(file, f"{DOES_NOT_PARSE} (line {line}: {item['message']})")
                continue
            rule = str(item["code"])
            end_line = max(line, int(item["end_location"]["row"]))
            rows.append((file, rule, _severity(rule), line, end_line, str(item["message"]), True))
        return pl.DataFrame(rows, schema=FINDINGS, orient="row"), unread
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from error


def _severity(rule: str) -> Severity:
    """By the longest prefix of the rule that is in the table.

    Raises:
        KeyError: it is a rule that was not asked for.
    """
    for length in range(len(rule), 0, -1):
        if severity := _RULES.get(rule[:length]):
            return severity
    raise KeyError(rule)
