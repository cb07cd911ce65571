"""Who is reliable, learned from votes: against planted members, the algebra, and the example of the paper itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stemma.quorum.dawid_skene import UNKNOWN, answers_of, estimate

# Dawid & Skene (1979), table 1: 45 patients, five anaesthetists; the first looked three times.
FIRST = """
    111 333 112 222 222 222 122 333 222 232 444 222 111 222 121 111 111 111 222 222 222 222 222 221 111
    111 232 111 111 112 111 333 111 222 222 433 221 232 333 111 111 121 232 121 222
"""
OTHERS = """
    1111 4334 2122 3121 3222 3322 2111 3433 2223 2223 4444 3343 1111 3212 1111 2111 1111 1111 2221 1322 2222 2221
    3222 2222 1111 1111 2222 1111 1111 1121 1111 3233 1111 2222 3232 4343 2232 3233 3432 1111 1111 2111 2222 1111 2222
"""


def anaesthetists() -> np.ndarray:
    answers = np.zeros((45, 5, 4))
    for patient, (first, others) in enumerate(zip(FIRST.split(), OTHERS.split(), strict=True)):
        for grade in first:
            answers[patient, 0, int(grade) - 1] += 1
        for observer, grade in enumerate(others, start=1):
            answers[patient, observer, int(grade) - 1] += 1
    return answers


def test_the_example_of_the_paper_comes_out_as_published() -> None:
    found = estimate(anaesthetists(), n_classes=4, prior_counts=np.zeros((5, 4, 4)))
    assert found.classes == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)  # table 4
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 5 / 9, 4 / 9]]  # table 2, observer 1
    assert found.confusion[0] == pytest.approx(np.array(first), abs=0.006)


def planted(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, votes with a third missing, and (sensitivity to unfit, specificity to fit) of four members."""
    random = np.random.default_rng(seed)
    truth = (random.random(n) < 0.7).astype(int)
    right = np.array([[0.9, 0.95], [0.6, 0.9], [0.75, 0.7], [0.55, 0.99]])
    hits = random.random((n, 4)) < right[:, truth].T
    votes = np.where(hits, truth[:, None], 1 - truth[:, None])
    return truth, np.where(random.random((n, 4)) < 1 / 3, UNKNOWN, votes), right


@pytest.mark.parametrize("seed", range(3))
def test_planted_reliabilities_are_found_without_a_label(seed: int) -> None:
    truth, votes, right = planted(seed)
    found = estimate(answers_of(votes, 2))
    assert found.is_converged
    assert found.classes[1] == pytest.approx(0.7, abs=0.06)
    assert np.abs(found.confusion[:, 0, 0] - right[:, 0]).max() < 0.1
    assert np.abs(found.confusion[:, 1, 1] - right[:, 1]).max() < 0.06
    majority = np.where((votes == 1).sum(axis=1) >= (votes == 0).sum(axis=1), 1, 0)
    assert (found.posteriors.argmax(axis=1) == truth).mean() > (majority == truth).mean()


def test_labels_bring_the_reliabilities_nearer() -> None:
    truth, votes, right = planted(7, n=600)
    labels = np.where(np.arange(600) < 400, truth, UNKNOWN)

    def error(anchors: np.ndarray | None) -> float:
        confusion = estimate(answers_of(votes, 2), labels=anchors).confusion
        return float(np.abs(np.stack([confusion[:, 0, 0], confusion[:, 1, 1]], axis=1) - right).mean())

    assert error(labels) < error(None)


def test_with_every_label_known_reliability_is_counting() -> None:
    votes = np.array([[0], [0], [1], [1], [1], [0]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = estimate(answers_of(votes, 2), labels=labels, prior_counts=np.zeros((1, 2, 2)))
    assert found.confusion[0] == pytest.approx(np.array([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]))
    assert found.posteriors[:, 1].tolist() == labels.tolist()


def test_what_a_member_is_taken_to_have_said_before_counts_as_answers() -> None:
    """Two labelled answers and a prior of three right, one wrong of each class: (2 + 3) / 6."""
    prior = np.array([[[3.0, 1.0], [1.0, 3.0]]])
    found = estimate(answers_of(np.array([[0], [0]]), 2), labels=np.array([0, 0]), prior_counts=prior)
    assert found.confusion[0] == pytest.approx(np.array([[5 / 6, 1 / 6], [1 / 4, 3 / 4]]))


VOTES = arrays(np.int8, st.tuples(st.integers(2, 30), st.integers(1, 5)), elements=st.integers(-1, 1))


@settings(deadline=None, max_examples=50)
@given(VOTES)
def test_every_round_makes_the_votes_likelier(votes: np.ndarray) -> None:
    trace = estimate(answers_of(votes, 2)).trace
    assert all(after >= before - 1e-9 * abs(before) for before, after in pairwise(trace))


@settings(deadline=None, max_examples=50)
@given(VOTES, st.randoms(use_true_random=False))
def test_the_order_of_texts_and_members_does_not_matter(votes: np.ndarray, random: object) -> None:
    rows, columns = list(range(votes.shape[0])), list(range(votes.shape[1]))
    random.shuffle(rows)  # type: ignore[attr-defined]
    random.shuffle(columns)  # type: ignore[attr-defined]
    plain, mixed = estimate(answers_of(votes, 2)), estimate(answers_of(votes[rows][:, columns], 2))
    assert mixed.posteriors == pytest.approx(plain.posteriors[rows], abs=1e-4)
    assert mixed.confusion == pytest.approx(plain.confusion[columns], abs=1e-4)


@settings(deadline=None, max_examples=50)
@given(VOTES)
def test_a_row_of_weight_two_is_two_rows(votes: np.ndarray) -> None:
    twice = estimate(answers_of(np.concatenate([votes, votes]), 2), max_rounds=20)
    weighted = estimate(answers_of(votes, 2), weights=np.full(len(votes), 2.0), max_rounds=20)
    assert weighted.confusion == pytest.approx(twice.confusion, abs=1e-6)


def test_of_two_mirror_images_the_one_where_members_are_better_than_chance() -> None:
    truth, votes, _ = planted(3)
    upside_down = np.stack([truth, 1 - truth], axis=1).astype(float)
    found = estimate(answers_of(votes, 2), start=upside_down)
    assert (found.posteriors.argmax(axis=1) == truth).mean() > 0.8


def test_labels_may_say_that_a_member_is_worse_than_chance() -> None:
    truth, votes, _ = planted(3)
    found = estimate(answers_of(1 - np.where(votes < 0, 2, votes), 2), labels=truth)
    assert (found.confusion[:, 0, 0] < 0.5).all()


def test_of_a_text_nobody_voted_on_only_the_share_of_its_class_is_known() -> None:
    votes = np.array([[1, 1], [1, 1], [0, 0], [UNKNOWN, UNKNOWN]])
    found = estimate(answers_of(votes, 2))
    assert found.posteriors[3] == pytest.approx(found.classes, abs=1e-3)
