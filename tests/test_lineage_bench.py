"""What the benchmark of lineage counts, on histories small enough to count by hand, and how labels are read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from bench.lineage import java_oracle
from bench.lineage.clones import MissingCloneError, repository_at
from bench.lineage.labels import Repository, changes_of
from bench.lineage.scoring import Score, score
from tests.repositories import GitRepository


def kinds(**words: str) -> dict[str, frozenset[str]]:
    return {sha: frozenset(said.split()) for sha, said in words.items()}


def test_pairs_are_counted_over_all_elements_and_whole_histories_by_element() -> None:
    exact = kinds(a="introduction", b="body")
    labels, found = kinds(a="introduction", b="body", c="rename"), kinds(a="introduction", b="format", d="body")
    counted = score([(exact, exact), (labels, found)])
    assert counted.commits == Score(found=4, wrong=1, missed=1)
    assert (counted.commits.precision, counted.commits.recall, counted.commits.f1) == (0.8, 0.8, 0.8)
    assert (counted.elements, counted.introductions, counted.whole) == (2, 2, 1)
    assert counted.kinds["body"] == Score(found=1, wrong=1, missed=1)
    assert counted.kinds["rename"] == Score(found=0, wrong=0, missed=1)


def test_what_neither_tool_takes_for_a_change_is_none() -> None:
    rows = [
        ("a", "introduced", "{}"),
        ("b", "signature_changed", '{"parts":["parameters","raises"]}'),
        ("c", "documentation_changed", '{"parts":["comments"]}'),
        ("d", "renamed", '{"scope":"container"}'),
        ("d", "moved_within_file", "{}"),
        ("e", "renamed", '{"scope":"own"}'),
        ("e", "merged", "{}"),
    ]
    events = pl.DataFrame(rows, schema=["sha", "event_type", "detail"], orient="row")
    assert changes_of(events) == kinds(a="introduction", b="parameter exception", c="documentation", e="rename")


def test_labels_are_read_from_the_training_half_alone(tmp_path: Path) -> None:
    asked = {"repositoryName": "junit4", "startCommitName": "c0", "functionStartLine": 7}
    own = {
        **asked,
        "filePath": "A.java",
        "functionName": "f",
        "expectedResult": {"c1": "Ymultichange(Yrename,Ybodychange)"},
    }
    theirs = {"repositoryName": "junit4", "startCommitHash": "c0", "startLine": 7, "file": "A.java", "element": "f"}
    corrected = {**theirs, "commits": [{"commitHash": "c1", "changeTags": ["RENAME", "FILE_MOVE"]}]}
    for name, under, files in (
        ("codeshovel", java_oracle.OWN, {"junit4-A-f.json": own, "Z_junit4-A-f.json": own, "flink-A-f.json": own}),
        (
            "history-finder",
            java_oracle.CORRECTED,
            {"061-junit4-A-f.json": corrected, "161-Z_junit4-A-f.json": corrected},
        ),
    ):
        repository = GitRepository(tmp_path / name)
        repository.commit(files={f"{under}/{file}": json.dumps(content) for file, content in files.items()})
    (method,) = java_oracle.methods(tmp_path)
    assert (method.name, method.path, method.line) == ("junit4-A-f:7", "A.java", 7)
    assert method.repository == Repository("junit-team/junit4", "junit4", "c0")
    assert method.changes == kinds(c1="rename file_move")
    assert method.other == kinds(c1="rename body")


def test_a_missing_clone_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingCloneError, match=r"git clone --bare https://github\.com/junit-team/junit4"):
        repository_at(tmp_path, Repository("junit-team/junit4", "junit4", "c0"))
