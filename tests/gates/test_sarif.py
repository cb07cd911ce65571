"""Gates as SARIF 2.1.0: valid, a result for each finding that stands somewhere, a note of how each gate ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stemma.gates.answers import Finding, GateResult
from stemma.gates.run import Outcome
from stemma.gates.sarif import FINGERPRINT, to_sarif


@pytest.fixture
def log() -> dict[str, Any]:
    found = (
        Finding("security/bandit/B602", "high", "a b.py", 7, "shell=True in [run](http://evil.example)", "k1"),
        Finding("security/bandit/B101", "low", "caf\\xe9.py", None, "assert", "k2"),
        Finding("security/bandit/B602", "low", "c.py", 1, "shell", "k3"),
    )
    slower = (Finding("performance/slower", "medium", None, None, "sort took 2 s.", "k4"),)
    results = (
        GateResult("security", "failed", True, "3 texts fail.", "texts", 0, False, 3, 1.5, 3, found),
        GateResult("performance", "warning", False, "Slower.", "×", 1.1, False, 2.0, 0.1, 1, slower),
        GateResult("coverage", "skipped", True, "No report.", "%", 80, True),
    )
    return to_sarif(Outcome(results, 2.0))


def test_it_is_valid_under_the_official_schema(log: dict[str, Any]) -> None:
    """Run where the schema is at hand: OASIS publishes it at the address that each log names as its `$schema`."""
    named = os.environ.get("STEMMA_SARIF_SCHEMA")
    if not named:
        pytest.skip("STEMMA_SARIF_SCHEMA names no schema file")
    schema = json.loads(Path(named).read_text())
    found = jsonschema.validators.validator_for(schema)(schema).iter_errors(log)
    assert [error.message for error in found] == []


def test_each_finding_that_stands_somewhere_is_a_result(log: dict[str, Any]) -> None:
    (run,) = log["runs"]
    told = [
        (r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for r in run["results"]
    ]
    assert told == [
        ("security/bandit/B602", "error", "a%20b.py"),
        ("security/bandit/B101", "note", "caf%E9.py"),
        ("security/bandit/B602", "note", "c.py"),
    ]
    assert [result["partialFingerprints"][FINGERPRINT] for result in run["results"]] == ["k1", "k2", "k3"]
    assert all(run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])


def test_a_rule_is_told_once_at_its_worst(log: dict[str, Any]) -> None:
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["defaultConfiguration"]["level"]) for rule in rules] == [
        ("security/bandit/B101", "note"),
        ("security/bandit/B602", "error"),
    ]


def test_a_finding_without_a_line_is_about_the_whole_file(log: dict[str, Any]) -> None:
    second = log["runs"][0]["results"][1]
    assert "region" not in second["locations"][0]["physicalLocation"]


def test_how_each_gate_ended_is_a_notification_and_so_is_what_stands_nowhere(log: dict[str, Any]) -> None:
    notes = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert [(note["level"], note["message"]["text"]) for note in notes] == [
        ("error", "Gate security: failed. 3 texts fail."),
        ("warning", "Gate performance: warning. Slower."),
        ("warning", "performance/slower: sort took 2 s."),
        ("note", "Gate coverage: skipped. No report."),
    ]


def test_a_message_cannot_forge_a_link(log: dict[str, Any]) -> None:
    assert log["runs"][0]["results"][0]["message"]["text"] == "shell=True in (run)(http://evil.example)"


def test_an_analysis_in_which_a_gate_had_an_error_was_not_successful(log: dict[str, Any]) -> None:
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is True
    broken = GateResult("coverage", "error", True, "No.", "%", 80, True)
    assert to_sarif(Outcome((broken,), 1.0))["runs"][0]["invocations"][0]["executionSuccessful"] is False
