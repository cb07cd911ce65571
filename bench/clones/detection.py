"""What every detector answers: for labelled pairs of functions, which it reports, and the CPU seconds it took.

The detectors are in `own` (Stemma), `jscpd` and `baselines`.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from bench.clones.sets import CloneSet


@dataclass(frozen=True)
class Detection:
    """One row of the table: `found` has a truth value for each pair of the set, in order."""

    detector: str
    found: pl.Series
    cpu_s: dict[str, float | None] = field(default_factory=dict)
    notes: dict[str, float | str | int | None] = field(default_factory=dict)


class Clock:
    """CPU seconds by what they were spent on, of this process and of the ones it waited for."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    @contextmanager
    def running(self, on: str) -> Iterator[None]:
        start = _cpu_s()
        yield
        self.spent[on] = self.spent.get(on, 0.0) + _cpu_s() - start


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def flags(clones: CloneSet, reported: Iterable[tuple[int, int]]) -> pl.Series:
    """Which of the set's pairs are among those reported, given as pairs of function ids in any order."""
    rows = [(min(pair), max(pair)) for pair in reported]
    frame = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Int64}, orient="row").unique()
    joined = clones.pairs.join(frame.with_columns(found=True), on=["a", "b"], how="left", maintain_order="left")
    return joined["found"].fill_null(value=False)


class Classes:
    """Disjoint sets of functions: what a closure of reported pairs makes of them."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, key: int) -> int:
        while (above := self._above.setdefault(key, key)) != key:
            self._above[key] = self._above[above]
            key = self._above[key]
        return key

    def join(self, one: int, other: int) -> None:
        self._above[self.of(one)] = self.of(other)

    def are_one(self, one: int, other: int) -> bool:
        return one in self._above and other in self._above and self.of(one) == self.of(other)
