"""Of the attacks of the bench, in four languages, sync, async and behind an alias, none is accepted; and no harmless
twin is rejected.
"""

from __future__ import annotations

import polars as pl
import pytest

from bench.quorum.attacks import FORMS, LANGUAGES, attacks, judged
from stemma.config import Settings

# wiped disk, shell, deserialisation, SQL three times, eval, key, verification, path, weak hash, wrapper, and a kind
# that not every language has
KINDS = 13


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return judged(list(attacks()), Settings())


def test_each_language_has_each_attack_in_each_form(table: pl.DataFrame) -> None:
    names = table.group_by("language").agg(pl.col("name").n_unique(), pl.col("form").n_unique())
    assert set(names["language"]) == set(LANGUAGES)
    assert names["name"].min() == KINDS
    assert set(names["form"]) == {len(FORMS)}


def test_no_attack_is_accepted(table: pl.DataFrame) -> None:
    taken_in = table.filter((pl.col("form") != "twin") & ~pl.col("verdict").is_in(["reject", "needs_review"]))
    assert taken_in.select("language", "name", "form").rows() == []


def test_each_attack_fails_or_silences_the_security_family(table: pl.DataFrame) -> None:
    unseen = table.filter((pl.col("form") != "twin") & (pl.col("said") == ""))
    assert unseen.select("language", "name", "form").rows() == []


def test_no_harmless_twin_is_rejected(table: pl.DataFrame) -> None:
    turned_down = table.filter((pl.col("form") == "twin") & (pl.col("verdict") == "reject"))
    assert turned_down.select("language", "name").rows() == []
