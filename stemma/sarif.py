"""The parts every SARIF 2.1.0 log of Stemma has (OASIS, 2020): the log itself, its places, its notifications.

Which findings there are, and what their rules are called, is said by the rooms that make such a log: `match.sarif`,
`gates.sarif`, `quorum.reports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from stemma.git.paths import unescape

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"  # the name code hosts give to the top of the checkout

_LINKS = str.maketrans("[]`\\", "()'/")


def log(
    rules: Sequence[dict[str, Any]],
    results: Sequence[dict[str, Any]],
    notifications: Sequence[dict[str, Any]] = (),
    *,
    is_successful: bool = True,
) -> dict[str, Any]:
    """The log of one run; `is_successful` is about the analysis having been done, not about what it found."""
    driver = {"name": "Stemma", "semanticVersion": version("codestemma"), "rules": list(rules)}
    invocation = {"executionSuccessful": is_successful, "toolExecutionNotifications": list(notifications)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the checkout."}}},
        "invocations": [invocation],
        "results": list(results),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def rule(rule_id: str, name: str, short: str, full: str, *, help_text: str, level: str) -> dict[str, Any]:
    """A rule as a host shows it; `level` is note, warning or error."""
    return {
        "id": rule_id,
        "name": name,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": level},
    }


def place(path: str, start_line: int | None = None, end_line: int | None = None) -> dict[str, Any]:
    """A physical location: a file of the checkout, or lines of it."""
    found: dict[str, Any] = {"artifactLocation": artifact(path)}
    if start_line is not None:
        found["region"] = {"startLine": start_line, "endLine": end_line or start_line}
    return found


def artifact(path: str) -> dict[str, str]:
    """A file of the checkout as hosts resolve it; `path` is relative, as `git.paths.escape` writes it."""
    return {"uri": quote(unescape(path)), "uriBaseId": ROOT}


def notification(text: str, *, level: str = "warning", path: str | None = None) -> dict[str, Any]:
    """Something about the analysis itself that whoever reads the log must know."""
    told: dict[str, Any] = {"level": level, "message": {"text": text}}
    return told if path is None else told | {"locations": [{"physicalLocation": place(path)}]}


def plain(text: str) -> str:
    """Without what SARIF's messages take for a link (3.11.6), and on one line."""
    return " ".join(text.translate(_LINKS).split())
