"""Families follow the matches, and keep their ids while members come and go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from stemma import tables
from stemma.config import Settings
from stemma.ids import content_id
from stemma.match.families import update_families
from stemma.store.postgres import Database

EVERYTHING = "SELECT f.*, m.joined_at FROM stemma.families AS f JOIN stemma.family_members AS m USING (family_id)"
AddPattern = Callable[..., str]
AddMatch = Callable[[str, str, float], None]


def members(database: Database) -> dict[str, str]:
    """Family id -> letters of its members."""
    rows = database.read(
        "SELECT family_id, string_agg(left(pattern_id, 1), '' ORDER BY pattern_id) AS letters "
        "FROM stemma.family_members GROUP BY 1"
    )
    return dict(rows.rows())


def letters(family: str) -> str:
    return content_id(*(letter * 32 for letter in family))


@pytest.fixture
def alphabet(add_pattern: AddPattern) -> None:
    for letter in "abcdef":
        add_pattern(letter)


def test_a_family_is_what_matches_join(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    add_match("a", "b", 0.8)
    add_match("b", "c", 0.7)
    add_match("d", "e", 0.9)
    add_match("e", "f", 0.5)  # below the threshold
    assert update_families(database, settings) == {"n_written": 2, "n_deleted": 0, "n_moved": 5, "families": 2}
    assert members(database) == {letters("abc"): "abc", letters("de"): "de"}
    row = database.read("SELECT * FROM stemma.families WHERE family_id = $1", [letters("abc")]).row(0, named=True)
    assert (row["medoid_pattern_id"], row["name"], row["language"]) == ("b" * 32, "b", "python")
    assert (row["n_patterns"], row["n_occurrences"]) == (3, 3)
    assert row["mean_score"] == pytest.approx(0.75)


def test_one_pattern_in_two_places_is_a_family_and_its_repositories_are_counted_once(
    database: Database, settings: Settings, add_pattern: AddPattern, add_match: AddMatch
) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    add_pattern("a", n_live=2, n_repositories=2)
    add_pattern("b", n_live=1, n_repositories=1)
    add_pattern("c", n_live=3, n_repositories=1)
    add_pattern("d", n_live=1)
    add_match("a", "b", 0.8)
    for repo in ("r1", "r2"):
        row = {"repo_id": repo, "name": repo, "kind": "git", "location": repo, "tags": ["x"], "added_at": now}
        database.insert(tables.repositories, pl.DataFrame([row | {"is_shallow": False}]))
    for pattern, repo, path in [("a", "r1", "1"), ("a", "r2", "1"), ("b", "r1", "2"), ("c", "r1", "3")]:
        row = {
            "repo_id": repo, "path": path, "qualified_name": "f", "kind": "function", "duplicate_index": 0,
            "valid_from": 0, "valid_to": None, "valid_from_sha": "s", "valid_to_sha": None, "language": "python",
            "category": "source", "blob_oid": "b", "ordinal": 0, "exact_hash": "e", "pattern_id": pattern * 32,
        }  # fmt: skip
        database.insert(tables.occurrences, pl.DataFrame([row], tables.polars_schema(tables.occurrences)))
    update_families(database, settings)
    rows = database.read(
        "SELECT family_id, n_patterns, n_occurrences, n_repositories, mean_score FROM stemma.families ORDER BY 2"
    ).rows()
    assert rows == [(letters("c"), 1, 3, 1, None), (letters("ab"), 2, 3, 2, pytest.approx(0.8))]


def test_a_second_run_changes_nothing(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    add_match("a", "b", 0.8)
    update_families(database, settings)
    before = database.read(
        "SELECT f.*, m.joined_at FROM stemma.families f JOIN stemma.family_members m USING (family_id)"
    )
    assert update_families(database, settings) == {"n_written": 0, "n_deleted": 0, "n_moved": 0, "families": 1}
    after = database.read(
        "SELECT f.*, m.joined_at FROM stemma.families f JOIN stemma.family_members m USING (family_id)"
    )
    assert after.equals(before)


def test_an_id_stays_while_members_come_and_go(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    add_match("a", "b", 0.8)
    add_match("b", "c", 0.8)
    update_families(database, settings)
    add_match("c", "d", 0.8)
    database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE name = 'a'")
    assert update_families(database, settings)["n_moved"] == 2
    assert members(database) == {letters("abc"): "bcd"}
    changed = database.read("SELECT updated_at > created_at AS changed FROM stemma.families")
    assert changed["changed"].to_list() == [True]


def test_the_larger_part_of_a_split_keeps_the_id(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    for a, b in ("ab", "bc", "cd", "de"):
        add_match(a, b, 0.8)
    update_families(database, settings)
    database.execute("DELETE FROM stemma.matches WHERE pattern_a = $1 AND pattern_b = $2", ["b" * 32, "c" * 32])
    assert update_families(database, settings)["n_deleted"] == 0
    assert members(database) == {letters("abcde"): "cde", letters("ab"): "ab"}


def test_the_larger_part_of_a_merge_gives_the_id(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    for a, b in ("ab", "cd", "de"):
        add_match(a, b, 0.8)
    update_families(database, settings)
    add_match("b", "c", 0.8)
    assert update_families(database, settings)["n_deleted"] == 1
    assert members(database) == {letters("cde"): "abcde"}


def test_no_two_families_ever_share_an_id(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    """The family founded by a and b lives on without them when they found another."""
    add_match("a", "b", 0.8)
    update_families(database, settings)
    for a, b in ("bc", "cd", "de"):
        add_match(a, b, 0.8)
    update_families(database, settings)
    database.execute("DELETE FROM stemma.matches WHERE pattern_b = $1", ["c" * 32])
    update_families(database, settings)
    assert members(database) == {letters("ab"): "cde", content_id("a" * 32, "b" * 32, "2"): "ab"}


def test_a_family_without_members_is_gone(
    database: Database, settings: Settings, alphabet: None, add_match: AddMatch
) -> None:
    add_match("a", "b", 0.8)
    update_families(database, settings)
    database.execute("DELETE FROM stemma.matches")
    assert update_families(database, settings) == {"n_written": 0, "n_deleted": 1, "n_moved": 2, "families": 0}
