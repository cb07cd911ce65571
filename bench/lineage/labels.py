"""One labelled history, one found history, and the words both are told in; readers of sets give them, `scoring` counts.

The words are the change tags of HistoryFinder (`ChangeTag.java`), the finest that the sets have:

| word | in CodeShovel's labels | of Stemma's events |
|---|---|---|
| introduction | Yintroduced | introduced, observed |
| body | Ybodychange | body_changed |
| documentation | Ydocchange | documentation_changed: the docstring or the comment before it, or comments inside |
| format | Yformatchange | formatting_changed |
| parameter | Yparameterchange, Yparametermetachange | signature_changed: parameters |
| return_type | Yreturntypechange | signature_changed: return_type |
| modifier | Ymodifierchange | signature_changed: modifiers |
| exception | Yexceptionschange | signature_changed: raises |
| annotation | Yannotationchange | signature_changed: annotations |
| rename | Yrename | renamed, of the element itself |
| move | Ymovefromfile | moved_across_files |
| file_move | Yfilerename | file_renamed |

Both tools take no notice of where in its file a method stands, of what holds it, or that it is deprecated, and follow
no method into the one it was extracted or copied from; so moved_within_file, merged, extracted, inlined, split,
deprecated, removed and renamed of the container alone are no change here. A method that came back is introduced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

INTRODUCTION = "introduction"
WORDS = (
    *(INTRODUCTION, "body", "documentation", "format", "parameter", "return_type", "modifier", "exception"),
    *("annotation", "rename", "move", "file_move"),
)
_PLAIN = {
    "introduced": INTRODUCTION,
    "observed": INTRODUCTION,
    "revived": INTRODUCTION,
    "body_changed": "body",
    "formatting_changed": "format",
    "moved_across_files": "move",
    "file_renamed": "file_move",
}
_PARTS = {
    "parameters": "parameter",
    "return_type": "return_type",
    "modifiers": "modifier",
    "raises": "exception",
    "annotations": "annotation",
    "documentation": "documentation",
    "comments": "documentation",
    "declaration": "parameter",
}

Changes = Mapping[str, frozenset[str]]
"""Of each commit what it changed, in the words above."""


@dataclass(frozen=True)
class Repository:
    """A public repository, and its folder among the clones that the user gave."""

    name: str
    folder: str
    commit: str


@dataclass(frozen=True)
class Labelled:
    """One element of a set: where it stands at the start commit, and its history as the set has it."""

    name: str
    repository: Repository
    path: str
    line: int
    element: str
    changes: Changes
    other: Changes = field(default_factory=dict)
    """The labels of another author for the same element, where there are any."""


@dataclass(frozen=True)
class Told:
    """A history as it was found, and what that cost."""

    changes: Changes
    cpu_s: float
    detail: dict[str, Any] = field(default_factory=dict)


def changes_of(events: pl.DataFrame) -> Changes:
    """Events of one element (sha, event_type, detail) in the words of the labels."""
    found: dict[str, set[str]] = {}
    for sha, event_type, detail in events.select("sha", "event_type", "detail").iter_rows():
        if words := _words(event_type, json.loads(detail or "{}")):
            found.setdefault(sha, set()).update(words)
    return {sha: frozenset(words) for sha, words in found.items()}


def _words(event_type: str, detail: dict[str, Any]) -> set[str]:
    if event_type in _PLAIN:
        return {_PLAIN[event_type]}
    if event_type in ("signature_changed", "documentation_changed"):
        return {_PARTS[part] for part in detail["parts"]}
    return {"rename"} if event_type == "renamed" and detail.get("scope") != "container" else set()
