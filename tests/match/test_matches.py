"""New patterns are matched against all others, once, and say what was known of each pair."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
import pytest

from bench.hashed import HashedEmbedder
from stemma.config import Settings
from stemma.embed.patterns import embed_patterns
from stemma.match import matches as module
from stemma.match.calibration import calibration
from stemma.match.candidates import SKETCH
from stemma.match.evidence import NOTE_NO_VECTORS as NOTE_NO_VECTORS_OF_PAIR
from stemma.match.matches import NOTE_NO_VECTORS, matcher_version, update_matches
from stemma.store.postgres import Database
from stemma.store.vectors import open_vectors

Add = Callable[..., str]
EMBEDDER = HashedEmbedder()
A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)


def pairs(database: Database) -> list[tuple[str, str]]:
    return database.read("SELECT pattern_a, pattern_b FROM stemma.matches ORDER BY 1, 2").rows()


def match_with_vectors(database: Database, settings: Settings) -> dict[str, int | str]:
    with open_vectors(settings, EMBEDDER) as vectors:
        embed_patterns(database, vectors, EMBEDDER)
        return update_matches(database, vectors, settings)


def test_every_component_of_a_match_is_what_the_hand_computes(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a", range(0, 10), ["read", "all", "rows", "now"])
    add_pattern("b", range(2, 12), ["read", "one", "rows", "now"])
    counts = match_with_vectors(database, settings)
    assert counts == {"n_matches": 1, "n_stale": 0, "patterns": 2, "candidates": 1}
    row = database.read("SELECT * FROM stemma.matches").row(0, named=True)
    assert (row["pattern_a"], row["pattern_b"]) == (A, B)
    assert row["structural"] == pytest.approx(2 * 8 / (10 + 10))
    assert row["fingerprint"] == pytest.approx(8 / 12)
    assert row["lexical"] == pytest.approx(3 / 5)
    # The texts are "a", "read all rows now" and "b", "read one rows now": five words each, three of them in common.
    assert row["semantic"] == pytest.approx(3 / 5, abs=1e-5)
    weights = calibration().weights
    score = weights["structural"] * 0.8 + weights["fingerprint"] * 8 / 12 + weights["lexical"] * 3 / 5
    assert row["score"] == pytest.approx(score + weights["semantic"] * 3 / 5, abs=1e-3)
    learned = calibration()
    odds = math.exp(learned.a * row["score"] + learned.b + learned.c * math.log(1 + 8))
    assert row["probability"] == pytest.approx(1 / (1 + odds), abs=1e-5)
    assert row["confidence"] == pytest.approx(1 - 1 / math.sqrt(1 + 10))
    assert (row["clone_type"], row["note"]) == ("type-3", None)
    assert row["matcher_version"] == matcher_version(settings, "lexical-384-v1")
    assert calibration().version in row["matcher_version"]


def test_without_vectors_the_semantic_component_is_unknown_and_the_result_says_so(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a", range(0, 10), ["read"])
    add_pattern("b", range(1, 11), ["read"])
    assert update_matches(database, None, settings)["note"] == NOTE_NO_VECTORS
    row = database.read("SELECT * FROM stemma.matches").row(0, named=True)
    assert row["semantic"] is None
    weights = calibration().weights
    score = weights["structural"] * 18 / 20 + weights["fingerprint"] * 9 / 11 + weights["lexical"]
    assert row["score"] == pytest.approx(score / (1 - weights["semantic"]), abs=1e-3)
    assert row["note"] == NOTE_NO_VECTORS_OF_PAIR
    assert row["confidence"] == pytest.approx(0.75 * (1 - 1 / math.sqrt(1 + 10)))
    assert "no vectors" in row["matcher_version"]


def test_a_structural_match_is_scored_again_once_there_are_vectors(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a", range(0, 10), ["read"])
    add_pattern("b", range(1, 11), ["read"])
    update_matches(database, None, settings)
    counts = match_with_vectors(database, settings)
    assert (counts["n_stale"], counts["n_matches"], counts["patterns"]) == (1, 1, 2)
    assert database.read("SELECT semantic FROM stemma.matches")["semantic"].is_not_null().all()


def test_losing_the_vectors_for_a_run_keeps_what_was_matched_with_them(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a")
    add_pattern("b", range(1, 11))
    match_with_vectors(database, settings)
    add_pattern("c", range(2, 12))
    counts = update_matches(database, None, settings)
    assert (counts["patterns"], counts["n_stale"], counts["n_matches"]) == (1, 0, 2)
    known = database.read("SELECT semantic IS NOT NULL AS known FROM stemma.matches ORDER BY pattern_a, pattern_b")
    assert known["known"].to_list() == [True, False, False]


def test_a_second_run_writes_nothing_and_old_pairs_are_not_looked_at_again(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a")
    add_pattern("b", range(1, 11))
    match_with_vectors(database, settings)
    assert match_with_vectors(database, settings) == {"n_matches": 0, "n_stale": 0, "patterns": 0, "candidates": 0}
    database.execute("DELETE FROM stemma.matches")
    add_pattern("c", range(2, 12))
    assert match_with_vectors(database, settings)["patterns"] == 1
    assert pairs(database) == [(A, C), (B, C)]


def test_a_pattern_that_lives_again_meets_those_that_came_meanwhile(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a")
    match_with_vectors(database, settings)
    database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE pattern_id = $1", [A])
    add_pattern("b", range(1, 11))
    match_with_vectors(database, settings)
    assert pairs(database) == []
    database.execute("UPDATE stemma.patterns SET n_live = 1 WHERE pattern_id = $1", [A])
    match_with_vectors(database, settings)
    assert pairs(database) == [(A, B)]


@pytest.mark.parametrize(
    "other",
    [{"kind": "class"}, {"language": "go"}, {"is_trivial": True}, {"n_live": 0}],
    ids=["a class and its method", "another language", "a trivial pattern", "a dead pattern"],
)
def test_what_cannot_be_a_copy_is_not_matched(
    database: Database, settings: Settings, add_pattern: Add, other: dict[str, object]
) -> None:
    add_pattern("a")
    add_pattern("b", **other)
    match_with_vectors(database, settings)
    assert pairs(database) == []


def test_a_method_may_be_a_copy_of_a_function(database: Database, settings: Settings, add_pattern: Add) -> None:
    add_pattern("a", kind="function")
    add_pattern("b", kind="method")
    match_with_vectors(database, settings)
    assert pairs(database) == [(A, B)]


def test_two_patterns_without_evidence_are_not_similar(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a", [], [], name="_", code="+")
    add_pattern("b", [], [], name="_", code="-")
    assert match_with_vectors(database, settings)["candidates"] == 0
    assert pairs(database) == []


def test_a_part_is_no_copy_of_the_whole(database: Database, settings: Settings, add_pattern: Add) -> None:
    add_pattern("a", range(10))
    add_pattern("b", range(100))
    match_with_vectors(database, settings)
    assert pairs(database) == []


def test_weights_of_ones_own_score_and_leave_the_probability_unknown(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a", range(0, 10), ["read"])
    add_pattern("b", range(4, 14), ["read"])
    own = settings.model_copy(update={"match_weights": {"structural": 1, "lexical": 1}, "match_threshold": 0.75})
    update_matches(database, None, own)
    row = database.read("SELECT * FROM stemma.matches").row(0, named=True)
    assert row["score"] == pytest.approx((0.6 + 1) / 2)
    assert row["probability"] is None
    assert "weights=lexical:1,structural:1" in row["matcher_version"]


def test_by_default_the_calibrated_probability_decides(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    calibrated = settings.model_copy(update={"match_threshold": None})
    add_pattern("a", range(0, 40))
    add_pattern("b", range(4, 44))
    add_pattern("c", range(500, 540))
    add_pattern("d", range(536, 576))
    update_matches(database, None, calibrated)
    assert pairs(database) == [(A, B)]
    row = database.read("SELECT * FROM stemma.matches").row(0, named=True)
    assert row["probability"] >= calibration().threshold


def test_fingerprints_of_old_patterns_are_kept_and_not_made_again(
    database: Database, settings: Settings, add_pattern: Add
) -> None:
    add_pattern("a")
    update_matches(database, None, settings)
    kept = database.read("SELECT sketch FROM stemma.matched_patterns")["sketch"]
    assert kept.dtype == pl.List(pl.Int32)
    assert kept.list.len().to_list() == [SKETCH]
    # Read again, the old pattern would have nothing in common with the new one.
    database.execute("UPDATE stemma.patterns SET structure = 'x' WHERE pattern_id = $1", [A])
    add_pattern("b", range(1, 11))
    assert update_matches(database, None, settings)["candidates"] == 1


def test_a_changed_threshold_matches_everything_again(database: Database, settings: Settings, add_pattern: Add) -> None:
    add_pattern("a", range(0, 10), ["one"])
    add_pattern("b", range(5, 15), ["two"])
    assert match_with_vectors(database, settings)["n_matches"] == 0
    lower = settings.model_copy(update={"match_threshold": 0.3})
    assert match_with_vectors(database, lower)["n_matches"] == 1


def test_a_killed_run_goes_on_with_the_next_batch(
    database: Database, settings: Settings, add_pattern: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    for letter in "abcd":
        add_pattern(letter)
    monkeypatch.setattr(module, "BATCH", 2)
    score, n_calls = module.matching, 0

    def killed(*arguments: object) -> object:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 2:
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(module, "matching", killed)
    with pytest.raises(KeyboardInterrupt):
        match_with_vectors(database, settings)
    assert pairs(database) == [(A, B)]
    monkeypatch.setattr(module, "matching", score)
    assert match_with_vectors(database, settings)["patterns"] == 2
    assert pairs(database) == [(A, B), (A, C), (A, D), (B, C), (B, D), (C, D)]
