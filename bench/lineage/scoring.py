"""Counts of a set: pairs of (element, commit), introductions, whole histories, and each kind of change.

What counts as which kind is said in `labels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from bench.lineage.labels import INTRODUCTION, WORDS, Changes, Labelled


@dataclass(frozen=True)
class Score:
    """True positives, what was found besides, what was missed; precision, recall and F1 of them."""

    found: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        return _share(self.found, self.found + self.wrong)

    @property
    def recall(self) -> float | None:
        return _share(self.found, self.found + self.missed)

    @property
    def f1(self) -> float | None:
        return _share(2 * self.found, 2 * self.found + self.wrong + self.missed)

    def __add__(self, other: Score) -> Score:
        return Score(self.found + other.found, self.wrong + other.wrong, self.missed + other.missed)

    def told(self) -> dict[str, float | int | None]:
        """The counts and what is made of them."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True)
class SetScore:
    """A whole set: commits micro-averaged, elements whose introduction and whose whole history are exact, kinds."""

    elements: int
    commits: Score
    introductions: int
    whole: int
    kinds: Mapping[str, Score]


def score(elements: Sequence[tuple[Changes, Changes]]) -> SetScore:
    """The score of (labelled, found) histories."""
    commits = sum((_compared(set(labels), set(found)) for labels, found in elements), Score(0, 0, 0))
    kinds = {
        word: sum((_compared(_with(labels, word), _with(found, word)) for labels, found in elements), Score(0, 0, 0))
        for word in WORDS
    }
    return SetScore(
        len(elements),
        commits,
        sum(_with(labels, INTRODUCTION) == _with(found, INTRODUCTION) for labels, found in elements),
        sum(set(labels) == set(found) for labels, found in elements),
        {word: each for word, each in kinds.items() if each != Score(0, 0, 0)},
    )


def wrong(labelled: Labelled, labels: Changes, found: Changes) -> list[dict[str, object]]:
    """Every commit of an element on which label and finding differ."""
    rows: list[dict[str, object]] = []
    for sha in sorted(set(labels) ^ set(found)):
        rows.append({
            "element": labelled.name,
            "repository": labelled.repository.name,
            "path": labelled.path,
            "commit": sha,
            "expected": sorted(labels.get(sha, ())),
            "found": sorted(found.get(sha, ())),
        })  # fmt: skip
    return rows


def _with(changes: Changes, word: str) -> set[str]:
    return {sha for sha, words in changes.items() if word in words}


def _compared(expected: set[str], found: set[str]) -> Score:
    return Score(len(expected & found), len(found - expected), len(expected - found))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
