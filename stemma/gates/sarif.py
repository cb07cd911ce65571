"""How gates ended as SARIF 2.1.0: a result for each finding, a notification for each gate.

What every log has lives in `stemma.sarif`; the JSON form is `answers.GateResult.as_document`'s.
"""

from __future__ import annotations

from typing import Any

from stemma import sarif
from stemma.gates.answers import SEVERITIES, Finding, GateResult, Severity
from stemma.gates.run import Outcome

FINGERPRINT = "stemmaGateFinding/v1"
LEVELS: dict[Severity, str] = {"low": "note", "medium": "warning", "high": "error"}

_HELP = "The gate's threshold, and whether it blocks, are set in stemma.toml: [gates.{gate}]."


def to_sarif(outcome: Outcome) -> dict[str, Any]:
    """The log. A finding that is about no file is a notification, as is how each gate ended: hosts refuse results that
    stand nowhere."""
    placed = [
        (result.gate, finding) for result in outcome.results for finding in result.findings if finding.path is not None
    ]
    rules = _rules(placed)
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    return sarif.log(
        rules,
        [_result(finding, numbers[finding.rule]) for _, finding in placed],
        [notification for result in outcome.results for notification in _notifications(result)],
        is_successful=all(result.status != "error" for result in outcome.results),
    )


def _rules(placed: list[tuple[str, Finding]]) -> list[dict[str, Any]]:
    """One rule each, at the severity of its worst finding."""
    worst: dict[str, tuple[int, str, Finding]] = {}
    for gate, finding in placed:
        level = SEVERITIES.index(finding.severity)
        if finding.rule not in worst or level > worst[finding.rule][0]:
            worst[finding.rule] = (level, gate, finding)
    return [
        sarif.rule(
            name,
            "".join(part.capitalize() for part in name.replace("/", "-").replace("_", "-").split("-")),
            f"{name}.",
            f"Found by the {gate} gate. First: {sarif.plain(finding.message)}",
            help_text=_HELP.format(gate=gate),
            level=LEVELS[finding.severity],
        )
        for name, (_, gate, finding) in sorted(worst.items())
    ]


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    assert finding.path is not None
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": sarif.plain(finding.message)},
        "locations": [{"physicalLocation": sarif.place(finding.path, finding.line)}],
        "partialFingerprints": {FINGERPRINT: finding.key},
    }


def _notifications(result: GateResult) -> list[dict[str, Any]]:
    level = "error" if result.stops else "warning" if result.status in ("failed", "warning", "error") else "note"
    ended = f"Gate {result.gate}: {result.status}. {sarif.plain(result.sentence)}"
    unplaced = [finding for finding in result.findings if finding.path is None]
    return [
        sarif.notification(ended, level=level),
        *(
            sarif.notification(f"{finding.rule}: {sarif.plain(finding.message)}", level=LEVELS[finding.severity])
            for finding in unplaced
        ),
    ]
