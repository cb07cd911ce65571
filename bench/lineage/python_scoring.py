"""Histories of Python functions as Stemma finds them, held against the labelled set. The labels live in `python_set`.

`python -m bench.lineage.python_scoring FOLDER` writes `bench/results/python_lineage`. A commit counts as found when the
function's history names it, whatever kind it gives; kinds are Stemma's own event types. What the labels do not tell
apart is not judged: order inside a file, copies and forks, what became of other functions, where two lines of a merge
met (`merged`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from bench.lineage.clones import repository_at
from bench.lineage.python_report import table, write
from bench.lineage.python_set import KINDS, UNASKED, Change, Function, functions
from bench.lineage.scoring import Score
from stemma.extract.extractor import Limits
from stemma.git.store import open_store
from stemma.lineage.asked import Asking
from stemma.lineage.asked_contents import Key
from stemma.lineage.asked_joints import Place

LIMITS = Limits(max_file_bytes=5_000_000, parse_timeout_s=10.0)
_SAME = {"observed": "introduced"}

Found = Mapping[str, frozenset[str]]
"""Of each commit the kinds of change it made, as found."""


@dataclass(frozen=True)
class Held:
    """One function: which commits were right, wrong and missed, and the same of each kind."""

    function: Function
    commits: Score
    kinds: dict[str, Score]
    is_introduction_right: bool
    wrong: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether the whole history is exact."""
        return not self.commits.wrong and not self.commits.missed


def found_in(events: pl.DataFrame) -> Found:
    """Events of one function (sha, event_type) in the words of the labels; those not judged are left out."""
    kinds: dict[str, set[str]] = {}
    for sha, kind in events.select("sha", "event_type").iter_rows():
        if (word := _SAME.get(kind, kind)) in (*KINDS, *UNASKED):
            kinds.setdefault(sha, set()).add(word)
    return {sha: frozenset(words) for sha, words in kinds.items()}


def held(function: Function, found: Found) -> Held:
    """Compare what was found with the labels of one function."""
    matched = {change: sha for change in function.changes if (sha := _matching(change, found))}
    asked = [change for change in function.changes if change in matched or not change.is_first_parent_only]
    allowed = function.elsewhere | set(matched.values())
    allowed |= {sha for change in function.changes for sha in (change.commit, *change.or_commits)}
    judged = {sha: words & set(KINDS) for sha, words in found.items() if words & set(KINDS)}
    false = sorted(set(judged) - allowed)
    wrong = [_row(function, change.commit, change.kinds, frozenset()) for change in asked if change not in matched]
    wrong += [_row(function, sha, frozenset(), found[sha]) for sha in false]
    kinds = dict.fromkeys(KINDS, Score(0, 0, 0))
    for change in asked:
        told = found[matched[change]] if change in matched else frozenset[str]()
        for kind, score in _kinds(change, told).items():
            kinds[kind] += score
        if change in matched and any(score.wrong or score.missed for score in _kinds(change, told).values()):
            wrong.append(_row(function, change.commit, change.kinds, told))
    for sha in false:
        for kind in judged[sha]:
            kinds[kind] += Score(0, 1, 0)
    births = {sha for sha, words in found.items() if "introduced" in words}
    return Held(
        function,
        Score(len(matched), len(false), len(asked) - len(matched)),
        kinds,
        births == {sha for change, sha in matched.items() if "introduced" in change.kinds} and bool(births),
        wrong,
    )


def _matching(change: Change, found: Found) -> str | None:
    judged = {*KINDS, *change.also_right}
    return next((sha for sha in (change.commit, *change.or_commits) if found.get(sha, frozenset()) & judged), None)


def _kinds(change: Change, told: frozenset[str]) -> dict[str, Score]:
    """A kind that was asked for counts as found, too, where one that is also right stands in its place."""
    stands_in = bool(told & change.also_right)
    scores = {kind: Score(1, 0, 0) if kind in told or stands_in else Score(0, 0, 1) for kind in change.kinds}
    return scores | {kind: Score(0, 1, 0) for kind in told & set(KINDS) - change.kinds - change.also_right}


def _row(function: Function, sha: str, expected: frozenset[str], found: frozenset[str]) -> dict[str, Any]:
    return {
        "function": function.id,
        "repository": function.repository.name,
        "path": function.path,
        "name": function.qualified_name,
        "commit": sha,
        "expected": sorted(expected),
        "found": sorted(found),
    }


def asked(folder: Path, function: Function) -> Found:
    """The function's history, asked of a clone of which nothing was read before."""
    asking = Asking(open_store(repository_at(folder, function.repository)), LIMITS, "bench")
    start = function.repository.commit
    named = function.qualified_name.rpartition(".")[2]
    place = asking.named(function.path, named, function.start_line, start)
    key = Key(place.key.kind, function.qualified_name, function.duplicate_index)
    return found_in(asking.history(Place(function.path, start, key)).events)


def summary(every: list[Held]) -> dict[str, Any]:
    """Micro-averaged over all functions, and by repository."""
    groups = {"all": every}
    for each in every:
        groups.setdefault(each.function.repository.name, []).append(each)
    return {name: _summary(group) for name, group in groups.items()}


def _summary(every: list[Held]) -> dict[str, Any]:
    zero = Score(0, 0, 0)
    kinds = {kind: sum((each.kinds[kind] for each in every), zero) for kind in KINDS}
    return {
        "functions": len(every),
        "commits": sum((each.commits for each in every), zero).told(),
        "introduction exact": sum(each.is_introduction_right for each in every),
        "whole history exact": sum(each.is_whole for each in every),
        "kinds": {kind: score.told() for kind, score in kinds.items() if score != zero},
    }


def said(figures: Mapping[str, Any]) -> list[str]:
    """The figures as Markdown."""
    whole = figures["all"]
    shares = [
        f"{name}: introduction exact {each['introduction exact']}, whole history exact {each['whole history exact']}, "
        f"of {each['functions']} functions."
        for name, each in figures.items()
    ]
    commits = {name: each["commits"] for name, each in figures.items()}
    return ["  \n".join(shares), "", *table(commits, "commits"), "", *table(whole["kinds"], "kind of change")]


def main() -> None:
    parser = argparse.ArgumentParser(description="Score Stemma's histories against the labelled Python set.")
    parser.add_argument("folder", type=Path, help="clones of pallets/flask, psf/requests and dit/dit")
    given = parser.parse_args()
    every = [held(function, asked(given.folder, function)) for function in functions()]
    figures = summary(every)
    told = {"figures": figures, "differences": [row for each in every for row in each.wrong]}
    print(write("python_lineage", "python -m bench.lineage.python_scoring FOLDER", said(figures), told))


if __name__ == "__main__":
    main()
