"""Functions of two languages that share most of their words meet; those of one language are not asked."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.match import wording
from stemma.match.wording import worded_alike

WORDS = st.sets(st.sampled_from("abcdefghij"), max_size=8)
LANGUAGES = st.sampled_from(["python", "java", "c", "cpp"])


def frame(rows: list[tuple[str, set[str]]], kind: str = "function") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "language": [language for language, _ in rows],
            "kind": [kind] * len(rows),
            "sub_tokens": [sorted(words) for _, words in rows],
        },
        schema={"language": pl.String, "kind": pl.String, "sub_tokens": pl.List(pl.String)},
    )


def met(patterns: pl.DataFrame, least: float) -> set[tuple[int, int]]:
    a, b = worded_alike(patterns, least)
    return {(min(pair), max(pair)) for pair in zip(a.tolist(), b.tolist(), strict=True)}


@given(st.lists(st.tuples(LANGUAGES, WORDS), max_size=12), st.sampled_from([0.4, 0.505, 0.8, 1.0]))
def test_every_pair_that_shares_enough_words_meets(rows: list[tuple[str, set[str]]], least: float) -> None:
    found = met(frame(rows), least)
    side = {"c": "c", "cpp": "c"}
    for i, (one, mine) in enumerate(rows):
        for j, (other, theirs) in enumerate(rows[:i]):
            is_across = side.get(one, one) != side.get(other, other)
            common, every = len(mine & theirs), len(mine | theirs)
            needed = min(-(-len(words) * least // 1) for words in (mine, theirs))
            if is_across and needed >= wording.SHARED and common >= least * every:
                assert (j, i) in found
            if not is_across:
                assert (j, i) not in found


def test_a_function_meets_no_class() -> None:
    words = {"read", "header", "line"}
    both = pl.concat([frame([("python", words)]), frame([("java", words)], "class")])
    assert met(both, 0.5) == set()
    assert met(frame([("python", words), ("java", words)]), 0.5) == {(0, 1)}


def test_by_a_word_of_many_functions_nobody_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    many = frame([(language, {"read", "line"}) for language in ("python", "java") for _ in range(3)])
    assert len(met(many, 0.8)) == 9
    monkeypatch.setattr(wording, "FREQUENT", 5)
    assert met(many, 0.8) == set()


def test_pairs_are_found_whatever_the_block_they_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(3)
    rows = [("python" if i % 2 else "go", set(drawn.choice(list("abcdefghijklmnop"), 4).tolist())) for i in range(60)]
    whole = met(frame(rows), 0.5)
    monkeypatch.setattr(wording, "ROWS", 7)
    assert met(frame(rows), 0.5) == whole != set()
