"""From votes to a probability that means what it says: the maps, the prior, and what may be read from a file."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from stemma.config import Settings
from stemma.quorum.calibration import (
    FILE,
    CalibrationError,
    as_json,
    calibration_in_force,
    packaged,
    read_calibration,
    write_calibration,
)
from stemma.quorum.calibrators import (
    IDENTITY,
    Calibrator,
    at_prior,
    expected_calibration_error,
    fit_calibrator,
    fit_isotonic,
    fit_platt,
    folds_of,
    log_loss,
)
from stemma.quorum.evidence import SEATED_VOTES, SIGNALS
from stemma.quorum.learning import learn
from stemma.quorum.scales import LABELLED

ONES = np.ones


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose log odds are twice as large as they say, less one."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 2, n)
    return scores, random.random(n) < 1 / (1 + np.exp(-(2 * scores - 1)))


def test_platt_finds_the_slope_and_offset_that_made_the_labels() -> None:
    found = fit_platt(*drawn(20_000), ONES(20_000))
    assert (found.slope, found.offset) == pytest.approx((2, -1), abs=0.1)


def test_platt_never_turns_the_order_round() -> None:
    scores, is_fit = drawn(500)
    assert fit_platt(scores, ~is_fit, ONES(500)).slope == 0


def test_isotonic_pools_what_violates_the_order() -> None:
    """Shares 0, 1, 0, 1 of two texts each: the middle four pool to one half, at 1.5; each step is drawn in by one
    text, and between them the map rises."""
    scores = np.repeat([0.0, 1.0, 2.0, 3.0], 2)
    is_fit = np.repeat([False, True, False, True], 2)
    found = fit_isotonic(scores, is_fit, ONES(8))
    assert found.scores == (0, 1.5, 3)
    assert found.probabilities == pytest.approx((0.5 / 3, 0.5, 2.5 / 3))
    assert found.apply(np.array([1.0]))[0] == pytest.approx(0.5 / 3 + 2 / 3 * (0.5 - 0.5 / 3))


def test_an_isotonic_map_is_linear_between_its_steps_and_flat_outside() -> None:
    found = Calibrator("isotonic", scores=(0, 2), probabilities=(0.2, 0.6))
    assert found.apply(np.array([-5.0, 1.0, 9.0])) == pytest.approx([0.2, 0.4, 0.6])


def test_with_few_labels_the_score_itself_is_taken_for_log_odds() -> None:
    scores, is_fit = np.array([-3.0, 3.0] * 9), np.array([False, True] * 9)
    assert fit_calibrator(scores, is_fit, ONES(18), np.arange(18) % 3) == IDENTITY


def test_a_step_function_is_chosen_only_where_it_foresees_better() -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(0, 1, 3000)
    stepped = random.random(3000) < np.where(scores < 0.3, 0.05, np.where(scores < 0.9, 0.5, 0.55))
    folds = np.arange(3000) % 5
    assert fit_calibrator(scores, stepped, ONES(3000), folds).kind == "isotonic"
    assert fit_calibrator(*drawn(300), ONES(300), np.arange(300) % 5).kind == "platt"


def test_another_share_of_fit_code_moves_the_odds_by_its_own() -> None:
    """Even odds at a half become 9 : 1 at nine tenths; 3 : 1 becomes 27 : 1."""
    assert at_prior(np.array([0.5, 0.75]), 0.9) == pytest.approx([0.9, 27 / 28])


@examples(deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.05, 0.95))
def test_going_to_another_prior_and_back_changes_nothing(probability: float, prior: float) -> None:
    there = at_prior(np.array([probability]), prior)
    assert at_prior(there, 0.5, learned_at=prior)[0] == pytest.approx(probability, abs=1e-4)


def test_calibration_error_is_the_mean_distance_over_bins_of_equal_mass() -> None:
    """Two bins of two: stated 0.25 where 0.5 are fit, stated 0.9 where all are: (0.25 + 0.1) / 2."""
    stated = np.array([0.2, 0.3, 0.9, 0.9])
    assert expected_calibration_error(stated, np.array([True, False, True, True]), n_bins=2) == pytest.approx(0.175)
    assert expected_calibration_error(np.array([]), np.array([], dtype=bool)) is None


def test_log_loss_is_in_nats() -> None:
    assert log_loss(np.array([0.5, 0.25]), np.array([True, False])) == pytest.approx((log(2) - log(0.75)) / 2)


def test_a_group_is_never_split_over_folds() -> None:
    folds = folds_of(["a", "b", "a", "c", "b"], 3)
    assert folds[0] == folds[2] and folds[1] == folds[4]


# --- learned from votes ----------------------------------------------------------------------------------------------


def votes_of(rows: list[tuple[str, str, str, str]]) -> pl.DataFrame:
    """(text, member, family, vote)."""
    told = [(text, text, member, "1", family, vote, *[None] * 6) for text, member, family, vote in rows]
    return pl.DataFrame(told, schema=SEATED_VOTES, orient="row")


def planted(n: int = 400) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Half fit; `sharp` passes 9 of 10 fit and fails 9 of 10 unfit texts, `blunt` passes everything."""
    rows, labels = [], []
    for i in range(n):
        is_fit, errs = i % 2 == 0, i % 20 in (0, 1)
        text = f"t{i:04}"
        rows += [
            (text, "sharp", "security", "pass" if is_fit != errs else "fail"),
            (text, "blunt", "structure", "pass"),
        ]
        labels.append((text, text, is_fit, text, "set"))
    return votes_of(rows), pl.DataFrame(labels, schema=LABELLED, orient="row")


def test_what_a_member_is_worth_is_learned() -> None:
    """Of 100 weighted fit texts sharp passes 90; with 10 answers taken before, 7 of them passes: 97 / 110 to
    (10 + 5.8) / 110, less what chance makes (1/97 + 1/15.8 of 1.815 ** 2); 107 to 105.8 is chance."""
    found = learn(*planted(), provenance={})
    worth = {(member, signal): value for member, signal, value in found.log_odds.iter_rows()}
    assert worth["sharp", "pass"] == pytest.approx(log(97 / 15.8) - (1 / 97 + 1 / 15.8) / log(97 / 15.8), abs=0.01)
    assert worth["sharp", "fail low"] == pytest.approx(log(10.8 / 91) - (1 / 10.8 + 1 / 91) / log(10.8 / 91), abs=0.01)
    assert worth["blunt", "pass"] == 0


def test_a_failing_vote_never_speaks_for_a_text_nor_a_pass_against() -> None:
    votes, labelled = planted()
    found = learn(votes, labelled.with_columns(~pl.col("is_fit")), provenance={})
    is_failure = pl.col("signal").str.starts_with("fail")
    assert (found.log_odds.filter(is_failure)["log_odds"] <= 0).all()
    assert (found.log_odds.filter(~is_failure)["log_odds"] >= 0).all()


def test_probabilities_mean_what_they_say_on_texts_never_seen() -> None:
    found = learn(*planted(), provenance={})
    stated = found.probabilities(votes_of([("x", "sharp", "security", "pass"), ("y", "sharp", "security", "fail")]))
    assert stated["probability"].to_list() == pytest.approx([0.9, 0.1], abs=0.03)


def test_members_of_one_family_count_once() -> None:
    found = learn(*planted(), provenance={})
    one = votes_of([("x", "sharp", "security", "fail")])
    both = votes_of([("x", "sharp", "security", "fail"), ("x", "echo", "security", "fail")])
    # Of `echo` less is known: the mean of both words is weaker than the sharper one, and never their sum.
    alone, together = (found.probabilities(votes)["score"].item() for votes in (one, both))
    assert alone < together < 0


def test_of_two_that_differ_in_one_family_the_word_against_it_counts() -> None:
    found = learn(*planted(), provenance={})
    split = votes_of([("x", "sharp", "security", "pass"), ("x", "echo", "security", "fail")])
    assert found.scores(split)["member"].to_list() == ["echo"]


def test_an_abstention_says_nothing() -> None:
    found = learn(*planted(), provenance={})
    votes = votes_of([("x", "sharp", "security", "abstain"), ("x", "blunt", "structure", "pass")])
    assert found.probabilities(votes)["score"].to_list() == pytest.approx([0])


def test_a_source_with_many_labels_does_not_drown_one_with_few() -> None:
    votes, labelled = planted(400)
    few, few_labelled = planted(40)
    rename = pl.concat_str(pl.lit("few-"), "pattern_id").alias("pattern_id")
    opposed = few.with_columns(
        rename, vote=pl.when(pl.col("vote") == "pass").then(pl.lit("fail")).otherwise(pl.lit("pass"))
    )
    told = few_labelled.with_columns(rename, group=pl.lit("few"), source=pl.lit("few"))
    found = learn(pl.concat([votes, opposed]), pl.concat([labelled, told]), provenance={})
    worth = {(member, signal): value for member, signal, value in found.log_odds.iter_rows()}
    assert abs(worth["sharp", "fail low"]) < 0.2  # one source for, one against: next to nothing


# --- kept in a file --------------------------------------------------------------------------------------------------

PROVENANCE = {"sets": [], "commits": {}, "counts": {}, "date": "2026-01-01", "command": "-", "figures": {}}


def test_a_calibration_survives_its_file(settings: Settings, tmp_path: Path) -> None:
    made = learn(*planted(), provenance=PROVENANCE)
    own = settings.model_copy(update={"data_dir": tmp_path})
    assert calibration_in_force(own).version == packaged().version
    write_calibration(made, tmp_path / FILE)
    read = calibration_in_force(own)
    assert as_json(read) == as_json(made)
    votes = planted()[0]
    assert read.probabilities(votes)["probability"].to_list() == pytest.approx(
        made.probabilities(votes)["probability"].to_list(), abs=1e-3
    )


def test_the_packaged_calibration_says_where_it_comes_from() -> None:
    provenance = packaged().provenance
    assert set(provenance["commits"]) >= {"OWASP-Benchmark/BenchmarkPython", "s2e-lab/SecurityEval", "jkoppel/QuixBugs"}
    assert provenance["command"] == "python -m bench.quorum.discrimination FOLDER REPOSITORIES --write"


def test_the_packaged_calibration_knows_every_member_that_was_measured() -> None:
    found = packaged()
    assert set(found.log_odds["signal"]) == set(SIGNALS)
    assert found.scale.prior == 0.5


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{}",
        "[]",
        json.dumps({"prior": 2}),
    ],
)
def test_a_broken_calibration_is_named(tmp_path: Path, settings: Settings, broken: str) -> None:
    (tmp_path / FILE).write_text(broken)
    with pytest.raises(CalibrationError, match=str(tmp_path)):
        calibration_in_force(settings.model_copy(update={"data_dir": tmp_path}))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prior": 1.0}, "prior"),
        ({"thresholds": {"0.05": {"accept_at": 1.2, "reject_at": None}}}, "threshold"),
        (
            {"calibrator": {"kind": "isotonic", "slope": 1, "offset": 0, "scores": [0, 1], "probabilities": [1, 0]}},
            "rise",
        ),
    ],
)
def test_an_unsound_calibration_is_refused(change: dict[str, object], complaint: str) -> None:
    raw = json.loads(as_json(learn(*planted(), provenance=PROVENANCE)))
    raw["used"] |= change
    with pytest.raises(CalibrationError, match=complaint):
        read_calibration(json.dumps(raw), "x.json")


def test_a_stricter_target_than_any_learned_decides_nothing() -> None:
    found = learn(*planted(), provenance={}).used.thresholds_at(0.001)
    assert (found.accept_at, found.reject_at) == (None, None)


def test_the_identity_takes_scores_for_log_odds() -> None:
    assert IDENTITY.apply(np.array([0.0, 2.0])) == pytest.approx([0.5, 1 / (1 + exp(-2))])
