"""Clones as SARIF 2.1.0: what the standard requires, and what code hosts need to keep findings apart over time."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from stemma.match.clones import Clones
from stemma.match.sarif import FINGERPRINT, to_sarif
from stemma.sarif import ROOT

TYPES = ["type-1", "type-2", "type-3", "semantic"]


@pytest.fixture
def log() -> dict[str, Any]:
    classes = pl.DataFrame(
        {
            "class_id": [letter * 32 for letter in "abcd"],
            "clone_type": TYPES,
            "language": ["python"] * 4,
            "name": ["parse"] * 4,
            "similarity": [None, None, 0.873, 0.6],
            "n_members": [2, 3, 2, 2],
            "n_tokens": [60] * 4,
            "n_lines": [9] * 4,
            "n_duplicated_lines": [9] * 4,
            "is_new": [True] * 4,
        }
    )
    rows = [("a", "old.py", False), ("a", "new file [1].py", True), ("b", "x/caf\\xe9.py", True), ("b", "y.py", False)]
    rows += [("b", "z.py", False), *((letter, f"{side}.py", True) for letter in "cd" for side in "lr")]
    members = pl.DataFrame(
        [
            {
                "class_id": letter * 32, "path": path, "qualified_name": "Reader.parse", "kind": "method",
                "start_line": 3, "end_line": 11, "n_tokens": 60, "pattern_id": "e" * 32, "token_hash": "f" * 32,
                "is_new": is_new,
            }
            for letter, path, is_new in rows
        ]
    )  # fmt: skip
    problems = pl.DataFrame({"path": ["bin.py"], "reason": ["binary"]})
    return to_sarif(Clones(classes, members, pl.DataFrame(), problems))


def test_it_is_valid_under_the_official_schema(log: dict[str, Any]) -> None:
    """Run where the schema is at hand: OASIS publishes it at the address that each log names as its `$schema`."""
    named = os.environ.get("STEMMA_SARIF_SCHEMA")
    if not named:
        pytest.skip("STEMMA_SARIF_SCHEMA names no schema file")
    schema = json.loads(Path(named).read_text())
    # Not checked itself: one of its patterns, for a property we do not use, is no regular expression.
    found = jsonschema.validators.validator_for(schema)(schema).iter_errors(log)
    assert [error.message for error in found] == []


# Required properties (and no others than these) of the objects a log of ours holds, from the standard's chapter 3.
ALLOWED = {
    "log": ({"version", "runs"}, {"$schema"}),
    "run": ({"tool", "results"}, {"columnKind", "originalUriBaseIds", "invocations"}),
    "driver": ({"name"}, {"semanticVersion", "rules"}),
    "rule": ({"id"}, {"name", "shortDescription", "fullDescription", "help", "defaultConfiguration"}),
    "result": (
        {"message"},
        {"ruleId", "ruleIndex", "level", "locations", "relatedLocations", "partialFingerprints", "properties"},
    ),
    "location": ({"physicalLocation"}, {"id", "logicalLocations", "message"}),
    "physical": ({"artifactLocation"}, {"region"}),
    "artifact": ({"uri"}, {"uriBaseId"}),
    "notification": ({"message"}, {"level", "locations"}),
}


def holds(kind: str, found: dict[str, Any]) -> None:
    required, optional = ALLOWED[kind]
    assert required <= found.keys() <= required | optional, kind


def locations(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for result in run["results"]:
        yield from (*result["locations"], *result["relatedLocations"])
    for notification in run["invocations"][0]["toolExecutionNotifications"]:
        yield from notification["locations"]


def test_every_object_has_what_the_standard_requires_and_nothing_it_does_not_know(log: dict[str, Any]) -> None:
    holds("log", log)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    holds("run", run)
    holds("driver", run["tool"]["driver"])
    for rule in run["tool"]["driver"]["rules"]:
        holds("rule", rule)
        assert all(isinstance(rule[name]["text"], str) for name in ("shortDescription", "fullDescription", "help"))
    for result in run["results"]:
        holds("result", result)
        assert result["level"] in ("note", "warning")
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert [place["id"] for place in result["relatedLocations"]] == list(
            range(1, len(result["relatedLocations"]) + 1)
        )
    assert run["invocations"][0]["executionSuccessful"] is True
    for notification in run["invocations"][0]["toolExecutionNotifications"]:
        holds("notification", notification)


def test_places_are_relative_uris_below_the_checkout(log: dict[str, Any]) -> None:
    (run,) = log["runs"]
    for location in locations(run):
        holds("location", location)
        holds("physical", location["physicalLocation"])
        artifact = location["physicalLocation"]["artifactLocation"]
        holds("artifact", artifact)
        assert artifact["uriBaseId"] == ROOT
        assert ROOT in run["originalUriBaseIds"]
        assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", artifact["uri"])
        assert not artifact["uri"].startswith("/")
        region = location["physicalLocation"].get("region", {"startLine": 1, "endLine": 1})
        assert 1 <= region["startLine"] <= region["endLine"]
    uris = {place["physicalLocation"]["artifactLocation"]["uri"] for place in locations(run)}
    assert {"new%20file%20%5B1%5D.py", "x/caf%E9.py", "bin.py"} <= uris


def test_there_is_one_rule_for_each_type_and_one_result_for_each_class(log: dict[str, Any]) -> None:
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [f"stemma/{name}" for name in TYPES]
    assert [result["ruleId"] for result in run["results"]] == [f"stemma/{name}" for name in TYPES]
    assert [result["partialFingerprints"] for result in run["results"]] == [
        {FINGERPRINT: letter * 32} for letter in "abcd"
    ]


def test_a_finding_stands_at_its_new_side_and_names_the_others(log: dict[str, Any]) -> None:
    first, second, third, _ = log["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "new%20file%20%5B1%5D.py"
    assert first["message"]["text"] == "`Reader.parse` is a type-1 clone: see [old.py:3](1)."
    assert second["message"]["text"] == "`Reader.parse` is a type-2 clone: see [y.py:3](1), [z.py:3](2)."
    assert third["message"]["text"] == "`Reader.parse` is a type-3 clone, 87% alike: see [r.py:3](1)."


def test_a_name_cannot_forge_a_link_in_a_message() -> None:
    classes = {"class_id": "a", "clone_type": "type-1", "language": "go", "name": "n", "similarity": None}
    counts = dict.fromkeys(("n_members", "n_tokens", "n_lines", "n_duplicated_lines"), 2)
    member = {
        "class_id": "a", "path": "a](http://evil.example)[.go", "qualified_name": "x](1)\n`", "kind": "function",
        "start_line": 1, "end_line": 2, "n_tokens": 9, "pattern_id": "p", "token_hash": "t", "is_new": True,
    }  # fmt: skip
    found = Clones(
        pl.DataFrame([{**classes, **counts, "is_new": True}]),
        pl.DataFrame([member, member]),
        pl.DataFrame(),
        pl.DataFrame(schema={"path": pl.String, "reason": pl.String}),
    )
    text = to_sarif(found)["runs"][0]["results"][0]["message"]["text"]
    assert text == "`x)(1) '` is a type-1 clone: see [a)(http://evil.example)(.go:1](1)."
