"""Candidates by common runs of tokens: all that share a rare one, the nearest of those that share a frequent one."""

from __future__ import annotations

import string

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.match import candidates
from stemma.match.candidates import RUN, SKETCH, Fingerprints, Sketches, sketch

Pair = tuple[int, int]


def sketches(*rows: list[int]) -> Sketches:
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    return Sketches(offsets, np.array([value for row in rows for value in sorted(row)], np.uint32))


def pairs(rows: list[list[int]], batches: list[int], batch: int, scopes: list[int] | None = None) -> list[Pair]:
    found = Fingerprints(np.array(scopes or [1] * len(rows), np.int64), sketches(*rows), np.array(batches, np.int32))
    a, b = found.pairs(batch)
    return sorted(zip(a.tolist(), b.tolist(), strict=True))


def values_of(text: str) -> list[int]:
    return sketch(pl.Series([text], dtype=pl.String)).values.tolist()


def test_a_run_of_tokens_is_a_fingerprint_wherever_it_stands() -> None:
    run = string.ascii_lowercase[:RUN]
    assert len(values_of(run)) == 1
    assert set(values_of(run)) < set(values_of("XYZ" + run + "UVW"))
    assert len(values_of("XYZ" + run + "UVW")) == 7


def test_a_sequence_shorter_than_a_run_is_one_and_an_empty_one_has_none() -> None:
    assert len(values_of("abc")) == 1
    assert values_of("abc") != values_of("acb")
    assert values_of("") == []
    assert sketch(pl.Series(["", None, "abc"])).sizes.tolist() == [0, 0, 1]


def test_a_sketch_holds_the_smallest_and_the_same_whatever_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(map(chr, rng.integers(0x3400, 0x9FFF, size))) for size in (0, 5, 12, 40, 59, 60, 500)]
    together = sketch(pl.Series(texts))
    assert together.sizes.tolist() == [0, 1, 1, 29, SKETCH, SKETCH, SKETCH]
    assert together.values.tolist() == [value for text in texts for value in values_of(text)]
    monkeypatch.setattr(candidates, "CHARACTERS", 50)
    assert sketch(pl.Series(texts)).values.tolist() == together.values.tolist()
    monkeypatch.setattr(candidates, "SKETCH", 1_000)
    assert values_of(texts[-1])[:SKETCH] == together.values[-SKETCH:].tolist()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=6))
def test_any_text_has_a_sketch(texts: list[str]) -> None:
    found = sketch(pl.Series(texts, dtype=pl.String))
    assert (found.sizes == [min(SKETCH, max(len(set(runs(text))), 1)) if text else 0 for text in texts]).all()


def runs(text: str) -> list[str]:
    return [text[start : start + RUN] for start in range(len(text) - RUN + 1)]


def test_sketches_are_stored_as_lists_and_joined_again() -> None:
    whole = sketches([1, 2**32 - 1], [], [7])
    lists = whole.lists(np.array([2, 0, 1]))
    assert lists.to_list() == [[7], [1, -1], []]
    joined = Sketches.joined(np.array([False, True, False]), [sketches([5])], pl.Series([[1, -1], None, []]))
    assert (joined.offsets.tolist(), joined.values.tolist()) == ([0, 2, 3, 3], [1, 2**32 - 1, 5])


def test_those_that_share_a_fingerprint_are_paired_once() -> None:
    assert pairs([[1, 2, 3], [2, 3], [4], [4, 5]], [0] * 4, 0) == [(0, 1), (2, 3)]


def test_nothing_is_paired_across_scopes_or_without_fingerprints() -> None:
    assert pairs([[], [1], [1], []], [0] * 4, 0, [1, 1, 2, 2]) == []
    assert pairs([], [], 0) == []


def test_old_patterns_are_met_by_new_ones_but_not_by_each_other() -> None:
    assert pairs([[1], [1], [1]], [-1, 0, -1], 0) == [(0, 1), (1, 2)]


def test_a_pair_of_two_batches_belongs_to_the_later_one() -> None:
    assert pairs([[1], [1], [1]], [0, 0, 1], 0) == [(0, 1)]
    assert pairs([[1], [1], [1]], [0, 0, 1], 1) == [(0, 2), (1, 2)]


def test_a_pair_must_share_enough_of_the_smaller_sketch() -> None:
    one, other = list(range(0, 40)), list(range(38, 78))  # two of forty are the least, 0.05
    assert pairs([one, other], [0, 0], 0) == [(0, 1)]
    assert pairs([one, [*other[1:], 90]], [0, 0], 0) == []


def test_of_a_frequent_fingerprint_only_those_are_met_that_go_on_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "REACH", 3)
    monkeypatch.setattr(candidates, "NEAREST", 1)
    step = 2**20  # apart enough for the leading bits by which they are ordered
    rows = [[1, step * 10], [1, step * 30], [1, step * 20], [1, step * 11], [1, step * 31], [1, step * 21]]
    assert pairs(rows, [0] * 6, 0) == [(0, 3), (1, 4), (1, 5), (2, 3), (2, 5)]


def test_frequent_fingerprints_are_not_asked_for_where_there_are_rare_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "REACH", 2)
    monkeypatch.setattr(candidates, "ASKED", 1)
    assert pairs([[1, 9], [1, 9], [1], [1]], [0] * 4, 0)[0] == (0, 1)
    monkeypatch.setattr(candidates, "NEAREST", 0)
    assert pairs([[1, 9], [1, 9], [1], [1]], [0] * 4, 0) == [(0, 1)]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 20), max_size=5, unique=True), max_size=12), st.integers(1, 4))
def test_batches_together_find_what_one_batch_finds(rows: list[list[int]], n_batches: int) -> None:
    batches = [row % n_batches for row in range(len(rows))]
    apart = [pair for batch in range(n_batches) for pair in pairs(rows, batches, batch)]
    assert sorted(apart) == pairs(rows, [0] * len(rows), 0)
    shared = {(a, b) for b in range(len(rows)) for a in range(b) if set(rows[a]) & set(rows[b])}
    assert set(apart) == shared


def test_pairs_are_found_as_often_as_stated() -> None:
    """2,000 pairs of sets of 200 random runs with J = 1/9: all but (1 - 1/9)**48 + 48/9 * (1 - 1/9)**47 + ... share 3
    of 48 at the least, as a binomial of 48 draws says: .906; all but .0036 share one."""
    random = np.random.default_rng(0)
    rows = []
    for _ in range(2_000):
        values = random.choice(2**32, 360, replace=False)
        rows += [np.sort(values[:200])[:SKETCH].tolist(), np.sort(values[160:])[:SKETCH].tolist()]
    planted = {(row, row + 1) for row in range(0, 4_000, 2)}
    assert len(planted & set(pairs(rows, [0] * 4_000, 0))) >= 0.9 * 2_000
