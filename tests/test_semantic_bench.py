"""What the bench of meaning says of pairs of two languages follows from those that were read, each for its stratum."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bench.semantic import told, unread, weighted
from bench.semantic_pairs import likest


def pairs(does_same: list[bool | None], stratum: list[int]) -> pl.DataFrame:
    n = len(stratum)
    ids = [f"{at:02x}" for at in range(n)]
    columns = {"pattern_a": ids, "pattern_b": ids, "stratum": stratum, "is_dialect": [False] * n}
    return pl.DataFrame(columns | {"does_same": pl.Series(does_same, dtype=pl.Boolean)})


def test_a_pair_that_was_read_stands_for_all_of_its_stratum() -> None:
    found = weighted(pairs([None, None, True, None, None, None, False, True], [0, 0, 1, 1, 1, 1, 2, 2]))
    assert found["weight"].to_list() == [1, 1, 4, 1, 1]
    assert found["does_same"].to_list() == [False, False, True, False, True]
    assert told(found, np.array([0.1, 0.9, 0.9, 0.1, 0.9]), 0.5) == {
        "precision": pytest.approx(5 / 6, abs=1e-3), "recall": 1.0, "pairs": 3
    }  # fmt: skip


def test_of_each_stratum_so_many_are_read_and_the_lowest_is_not() -> None:
    left = unread(pairs([True, *[None] * 29], [1] * 25 + [0] * 5))
    assert len(left) == 15
    assert left["stratum"].unique().to_list() == [1]


def test_the_likest_is_of_another_language_and_not_of_the_same_problem_under_another_name() -> None:
    functions = pl.DataFrame(
        {
            "language": ["python", "python", "java", "java", "java"] + ["go"] * 30,
            "sub_tokens": [["a", "b"], ["a", "b"], ["a"], ["a", "b"], ["a", "b"]] + [["z"]] * 30,
            "problem": ["p", "q", "p", "p", "r"] + [None] * 30,
            "task": ["one", "two", "one", "help", "three"] + [None] * 30,
        }
    )
    vectors = np.zeros((35, 2), np.float32)
    vectors[:, 1] = 1
    vectors[:5] = [[1, 0], [1, 0], [0.8, 0.6], [1, 0], [0.6, 0.8]]
    found = likest(functions, vectors, np.array([0]))
    assert found.row(0, named=True) == {"a": 0, "b": 4, "cosine": pytest.approx(0.6), "lexical": 1.0}
