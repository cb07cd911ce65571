"""Candidates by common fingerprints: all that share a rare one, the nearest of those that share a frequent one."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stemma.match import candidates
from stemma.match.candidates import Fingerprints


def live(*sketches: list[int], scope: str = "python runs") -> pl.DataFrame:
    return pl.DataFrame({"scope": scope, "sketch": list(sketches)}, {"scope": pl.String(), "sketch": pl.List(pl.Int32)})


def pairs(frame: pl.DataFrame, batches: list[int], batch: int) -> list[tuple[int, int]]:
    assigned = np.array(batches, np.int32)
    keys = Fingerprints(frame, assigned >= 0).pairs(assigned, batch)
    return [(int(key) // len(frame), int(key) % len(frame)) for key in keys]


def test_those_that_share_a_fingerprint_are_paired_once() -> None:
    assert pairs(live([1, 2, 3], [2, 3], [4], [4, -5]), [0] * 4, 0) == [(0, 1), (2, 3)]


def test_nothing_is_paired_across_scopes_or_without_fingerprints() -> None:
    frame = pl.concat([live([], [1]), live([1], [], scope="rust runs")])
    assert pairs(frame, [0] * 4, 0) == []


def test_old_patterns_are_met_by_new_ones_but_not_by_each_other() -> None:
    assert pairs(live([1], [1], [1]), [-1, 0, -1], 0) == [(0, 1), (1, 2)]


def test_a_pair_of_two_batches_belongs_to_the_later_one() -> None:
    frame = live([1], [1], [1])
    assert pairs(frame, [0, 0, 1], 0) == [(0, 1)]
    assert pairs(frame, [0, 0, 1], 1) == [(0, 2), (1, 2)]


def test_of_a_frequent_fingerprint_only_neighbours_in_order_of_sketch_are_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "REACH", 1)
    assert pairs(live([7], [7], [7], [7]), [0] * 4, 0) == [(0, 1), (1, 2), (2, 3)]


def test_rare_fingerprints_are_asked_for_before_frequent_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "REACH", 2)
    monkeypatch.setattr(candidates, "ASKED", 1)
    frame = live([1, 9], [1], [1], [1], [1, 9])
    assert (0, 4) in pairs(frame, [0] * 5, 0)


def test_pairs_are_found_as_often_as_stated() -> None:
    """2,000 pairs of random sets with J = 1/3: at least 1 - (2/3)**16 = .9985 of them."""
    random = np.random.default_rng(0)
    sketches = []
    for _ in range(2_000):
        values = random.choice(2**31 - 1, 200, replace=False)
        sketches += [np.sort(values[:133])[: candidates.SKETCH], np.sort(values[67:])[: candidates.SKETCH]]
    found = pairs(live(*(sketch.tolist() for sketch in sketches)), [0] * 4_000, 0)
    planted = [(a, b) for a, b in found if b == a + 1 and a % 2 == 0]
    assert len(planted) >= 0.9985 * 2_000
