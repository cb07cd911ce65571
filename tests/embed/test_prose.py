"""A question in prose is asked by the words that tell, and not by the language it names."""

from __future__ import annotations

import numpy as np
import pytest

from stemma.embed.bm25 import Bm25
from stemma.embed.prose import LANGUAGE_NAMES, question, word_weights
from stemma.languages import LANGUAGES

CODES = ["def the(given): pass", "def merge(given): pass", "def other(x): pass"]


def test_a_word_of_every_description_weighs_nothing_and_a_rare_one_all() -> None:
    weights = word_weights()
    assert weights["the"] == 0
    assert 0 < weights["list"] < 1
    assert "merg" not in weights
    assert all(0 <= weight <= 1 for weight in weights.values())


def test_a_weight_is_how_rare_the_word_is_in_documentation() -> None:
    # ln(134150 / 57698) = .84 is below 1: nothing. ln(134150 / 6073) = 3.095: (3.095 - 1) / 3 of all.
    assert word_weights()["a"] == 0
    assert word_weights()["array"] == pytest.approx((np.log(134150 / 6073) - 1) / 3)


def test_prose_is_weighed_and_code_is_not() -> None:
    index = Bm25(CODES)
    assert index.scores("merge the", is_text=True).argmax() == 1
    assert index.scores("the", is_text=True).tolist() == [0, 0, 0]
    assert index.scores("the")[0] > 0
    assert index.bound("merge the", is_text=True) == pytest.approx(index.bound("merge"))


def test_the_language_asked_for_is_not_looked_for_in_the_code() -> None:
    assert question("how to sort a list in Python?") == "how to sort a list in"
    assert question("Python") == "Python"
    index = Bm25(["def python(): pass", "def sort(values): pass", "def other(): pass"])
    assert index.scores("python sort", is_text=True).argmax() == 1


def test_a_language_whose_name_is_a_word_keeps_it() -> None:
    assert {"go", "c", "swift"} <= set(LANGUAGES) - LANGUAGE_NAMES
    assert question("go to the next page") == "go to the next page"
