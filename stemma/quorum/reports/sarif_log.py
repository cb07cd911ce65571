"""A report as SARIF 2.1.0: a result for each finding that is held against a text, and one for a text without any.

The parts every log of Stemma has are made in `stemma.sarif`.
"""

from __future__ import annotations

from typing import Any

from stemma import sarif
from stemma.quorum.reports import wording
from stemma.quorum.reports.model import Finding, JudgedText, Place, Report
from stemma.readable import readable

FINGERPRINT = "stemmaText/v1"
MAX_RESULTS = 5_000
"""Code hosts show no more of one run."""

_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_VERDICTS = {
    "reject": ("stemma/verdict-reject", "RejectedCode", "Code that should not be reused", "error"),
    "needs_review": ("stemma/verdict-review", "CodeForReview", "Code that a person should look at", "note"),
}
_HELP = "See what the members of the quorum say of it: stemma verdict FILE:NAME"


def to_sarif(report: Report) -> dict[str, Any]:
    """The log. A place's path is relative to its repository; a report on several names each in the properties."""
    results: list[dict[str, Any]] = []
    rules: dict[str, dict[str, Any]] = {}
    for text in report.texts:
        held = [finding for finding in text.findings if finding.vote == "fail"]
        told = [_finding(finding, text) for finding in held] or [_verdict(text)]
        for rule, result in told:
            rules.setdefault(rule["id"], rule)
            results.append(result | {"ruleId": rule["id"], "ruleIndex": list(rules).index(rule["id"])})
    told_of = [wording.left_out(report)] if wording.left_out(report) else []
    if len(results) > MAX_RESULTS:
        told_of.append(f"{len(results) - MAX_RESULTS:,} results more than a host shows were left out.")
    notes = [sarif.notification(text, level="note") for text in told_of]
    return sarif.log(list(rules.values()), results[:MAX_RESULTS], notes)


def _finding(finding: Finding, text: JudgedText) -> tuple[dict[str, Any], dict[str, Any]]:
    name = f"{_word(finding.member)}/{_word(finding.rule)}"
    what = f"A rule of the member {_word(finding.member)} of the quorum."
    level = _LEVELS[finding.severity]
    rule = sarif.rule(name, _word(finding.rule), what, what, help_text=_HELP, level=level)
    message = f"{finding.message.rstrip('.')}: {text.qualified_name} {_outcome(text)}"
    return rule, _result(text, message, level, finding.line, f"{text.exact_hash}/{name}/{finding.line}")


def _verdict(text: JudgedText) -> tuple[dict[str, Any], dict[str, Any]]:
    rule_id, name, short, level = _VERDICTS[text.outcome]
    rule = sarif.rule(rule_id, name, f"{short}.", f"{short}, by the votes of the quorum.", help_text=_HELP, level=level)
    message = f"{text.qualified_name} {_outcome(text)}: {text.reason}"
    return rule, _result(text, message, level, None, text.exact_hash)


def _outcome(text: JudgedText) -> str:
    return "is rejected" if text.outcome == "reject" else "needs a review"


def _result(text: JudgedText, message: str, level: str, line: int | None, fingerprint: str) -> dict[str, Any]:
    first, others = text.places[0], text.places[1:]
    lines = (line, line) if line is not None else (first.start_line, first.end_line)
    return {
        "level": level,
        "message": {"text": sarif.plain(readable(message, 1_000))},
        "locations": [
            {
                "physicalLocation": sarif.place(first.path, *lines),
                "logicalLocations": [{"fullyQualifiedName": text.qualified_name, "kind": _kind(text.kind)}],
            }
        ],
        "relatedLocations": [
            {
                "id": number,
                "physicalLocation": _place(place),
                "message": {"text": sarif.plain(f"In {place.repository}")},
            }
            for number, place in enumerate(others, 1)
        ],
        "partialFingerprints": {FINGERPRINT: fingerprint},
        "properties": {
            "repository": first.repository,
            "outcome": text.outcome,
            "decision": text.decision,
            "probability": text.probability.value,
            "places": text.n_places,
        },
    }  # fmt: skip


def _place(place: Place) -> dict[str, Any]:
    return sarif.place(place.path, place.start_line, place.end_line)


def _kind(kind: str) -> str:
    return {"function": "function", "method": "member", "constructor": "member", "closure": "function"}.get(
        kind, "type"
    )


def _word(text: str) -> str:
    return sarif.plain(readable(text)) or "unnamed"
