"""Dawid and Skene's model (1979): how reliable each member is, and what is true of each text, learned together by EM
from votes that need no labels and are anchored where there are some.

What votes and classes mean, and which reliability decides verdicts, lives in `evidence` and `calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

UNKNOWN = -1
"""Of a signal: the member gave none. Of a label: nobody knows."""


@dataclass(frozen=True)
class Reliability:
    """What the votes say of members and of texts.

    Attributes:
        classes: share of each class, shape (classes,).
        confusion: probability of each signal by member and true class, shape (members, classes, signals).
        counts: answers it rests on, those taken to have been given before included; of the same shape.
        posteriors: probability of each class by text, shape (texts, classes).
        trace: log posterior density after each round, up to a constant; it never falls.
    """

    classes: Floats
    confusion: Floats
    counts: Floats
    posteriors: Floats
    trace: tuple[float, ...]

    @property
    def is_converged(self) -> bool:
        return len(self.trace) > 1 and self.trace[-1] - self.trace[-2] <= _TOLERANCE * max(1.0, abs(self.trace[-1]))


_TOLERANCE = 1e-7
_TINY = 1e-300


def answers_of(signals: Integers, n_signals: int) -> Floats:
    """Counts of answers, shape (texts, members, signals), of one signal a member on each text.

    Args:
        signals: shape (texts, members); `UNKNOWN` where a member abstained.
    """
    answers: Floats = (signals[:, :, None] == np.arange(n_signals)).astype(np.float64)
    return answers


def estimate(
    answers: Floats,
    *,
    n_classes: int = 2,
    labels: Integers | None = None,
    prior_counts: Floats | None = None,
    class_counts: Floats | None = None,
    weights: Floats | None = None,
    start: Floats | None = None,
    max_rounds: int = 500,
) -> Reliability:
    """Reliability of the members and the class of each text, by EM to a maximum of the posterior density.

    Args:
        answers: how often each member gave each signal on each text, shape (texts, members, signals).
        labels: class of each text, `UNKNOWN` where nobody knows it; known ones stay as they are.
        prior_counts: answers a member is taken to have given before, shape (members, classes, signals): its log-odds
            before any text is seen. None: one of each, over the number of signals.
        class_counts: texts of each class taken to have been seen before; none by default.
        weights: texts that each row stands for; 1 by default.
        start: first guess of the posteriors; by default the share of answers for each class, which needs as many
            signals as classes.

    Returns:
        Of the two mirror images that unlabelled votes of two classes cannot tell apart, the one in which members, by
        the weight of their votes, give higher signals to class 1.
    """
    n_texts, n_members, n_signals = answers.shape
    labels = np.full(n_texts, UNKNOWN) if labels is None else labels
    weights = np.ones(n_texts) if weights is None else weights
    prior = np.full((n_members, n_classes, n_signals), 1 / n_signals) if prior_counts is None else prior_counts
    before = np.zeros(n_classes) if class_counts is None else class_counts
    model = _Model(answers, _anchors(labels, n_classes), labels != UNKNOWN, weights, prior, before)
    found = model.run(model.anchored(_shares(answers, n_classes) if start is None else start), max_rounds)
    if n_classes == 2 and not model.is_labelled.any() and _informedness(found, answers, weights) < 0:
        found = model.run(found.posteriors[:, ::-1], max_rounds)
    return found


@dataclass(frozen=True)
class _Model:
    answers: Floats
    anchors: Floats
    is_labelled: NDArray[np.bool_]
    weights: Floats
    prior: Floats
    before: Floats

    def run(self, posteriors: Floats, max_rounds: int) -> Reliability:
        trace: list[float] = []
        for _ in range(max_rounds):
            classes, counts, confusion = self._maximised(posteriors)
            posteriors, density = self._expected(classes, confusion)
            trace.append(density)
            found = Reliability(classes, confusion, counts, posteriors, tuple(trace))
            if found.is_converged:
                break
        return found

    def anchored(self, posteriors: Floats) -> Floats:
        return np.where(self.is_labelled[:, None], self.anchors, posteriors)

    def _maximised(self, posteriors: Floats) -> tuple[Floats, Floats, Floats]:
        weighted = posteriors * self.weights[:, None]
        classes = weighted.sum(axis=0) + self.before
        counts = np.einsum("tk,tml->mkl", weighted, self.answers, optimize=True) + self.prior
        totals = counts.sum(axis=2, keepdims=True)
        flat = np.full_like(counts, 1 / counts.shape[2])  # of a member that never voted on a class nothing is known
        return classes / max(classes.sum(), _TINY), counts, np.divide(counts, totals, out=flat, where=totals > 0)

    def _expected(self, classes: Floats, confusion: Floats) -> tuple[Floats, float]:
        """Posteriors, and the log posterior density of classes and confusion (Dirichlet priors, constants left out)."""
        log_confusion = np.log(np.maximum(confusion, _TINY))
        log_classes = np.log(np.maximum(classes, _TINY))
        joint = np.einsum("tml,mkl->tk", self.answers, log_confusion, optimize=True) + log_classes
        joint = np.where(self.is_labelled[:, None] & (self.anchors == 0), -np.inf, joint)
        most = joint.max(axis=1, keepdims=True)
        shares = np.exp(joint - most)
        evidence = shares.sum(axis=1, keepdims=True)
        prior = float((self.prior * log_confusion).sum() + (self.before * log_classes).sum())
        density = float(((most + np.log(evidence))[:, 0] * self.weights).sum()) + prior
        return shares / evidence, density


def _anchors(labels: Integers, n_classes: int) -> Floats:
    anchors: Floats = (labels[:, None] == np.arange(n_classes)).astype(np.float64)
    return anchors


def _shares(answers: Floats, n_classes: int) -> Floats:
    """Majority, softly: the share of each class among the answers on a text; even where there are none."""
    if answers.shape[2] != n_classes:
        raise ValueError("where signals are not classes a first guess of the posteriors is needed")
    counts = answers.sum(axis=1)
    totals = counts.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(counts, totals, out=np.full_like(counts, 1 / n_classes), where=totals > 0)
    return shares


def _informedness(found: Reliability, answers: Floats, weights: Floats) -> float:
    """By how much higher members' signals are on class 1 than on class 0, over members by the weight of their votes."""
    mean = found.confusion @ np.arange(answers.shape[2])
    cast = (answers.sum(axis=2) * weights[:, None]).sum(axis=0)
    return float(((mean[:, 1] - mean[:, 0]) * cast).sum())
