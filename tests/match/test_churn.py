"""The churn benchmark counts what became of families, by hand-made moments before and after."""

from __future__ import annotations

import polars as pl

from bench.churn import Step, compare

Moment = tuple[pl.DataFrame, pl.DataFrame]


def moment(families: dict[str, str], places: dict[str, str]) -> Moment:
    """Families and the letters of their members; places and the member that stands there."""
    members = [{"family_id": id_, "pattern_id": letter} for id_, letters in families.items() for letter in letters]
    of = {row["pattern_id"]: row["family_id"] for row in members}
    stands = [{"family_id": of[letter], "place": place} for place, letter in places.items() if letter in of]
    return (
        pl.DataFrame(members, {"family_id": pl.String, "pattern_id": pl.String}),
        pl.DataFrame(stands, {"family_id": pl.String, "place": pl.String}),
    )


def test_a_family_that_loses_a_member_is_kept_and_an_edited_member_is_followed_by_its_place() -> None:
    """c was edited into d at the same place; the ids say the same of both, so nothing changed its family."""
    before = moment({"F": "abc"}, {"1": "a", "2": "b", "3": "c"})
    after = moment({"F": "abd"}, {"1": "a", "2": "b", "3": "d"})
    assert compare("sha", before, after) == Step(
        commit="sha", families=1, kept=1, born=0, died=0, merged=0, renamed=0,
        surviving_members=2, changed_members=0, surviving_places=3, changed_places=0,
    )  # fmt: skip


def test_an_id_that_changes_without_need_is_told_from_a_merge_and_from_a_death() -> None:
    """F is G now with three of its four; H went into K, which goes on; M is gone with all it had; N is new."""
    before = moment({"F": "abcd", "H": "ef", "K": "ghi", "M": "jk"}, {"1": "a", "5": "e"})
    after = moment({"G": "abc", "K": "efghi", "N": "lm"}, {"1": "a", "5": "e", "9": "l"})
    assert compare("sha", before, after) == Step(
        commit="sha", families=3, kept=1, born=2, died=3, merged=1, renamed=1,
        surviving_members=8, changed_members=5, surviving_places=2, changed_places=2,
    )  # fmt: skip
