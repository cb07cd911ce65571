"""Families follow the matches without chaining, and keep their ids while members come, go and are edited."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import combinations

import polars as pl
import pytest

from stemma import tables
from stemma.ids import content_id
from stemma.match.families import update_families
from stemma.store.postgres import Database

EVERYTHING = (
    "SELECT * FROM stemma.families AS f JOIN stemma.family_members AS m USING (family_id) ORDER BY m.pattern_id"
)
AddPattern = Callable[..., str]
AddMatch = Callable[..., None]
Stand = Callable[..., None]


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


@pytest.fixture
def match_all(add_match: AddMatch) -> Callable[[str], None]:
    """Match every two of some letters."""

    def match(family: str) -> None:
        for a, b in combinations(family, 2):
            add_match(a, b, 0.8)

    return match


@pytest.fixture
def stand(database: Database) -> Stand:
    """Let a pattern stand at a path from one commit to another."""
    now = datetime(2024, 1, 1, tzinfo=UTC)
    for repo in ("r1", "r2"):
        row = {"repo_id": repo, "name": repo, "kind": "git", "location": repo, "tags": ["x"], "added_at": now}
        database.insert(tables.repositories, pl.DataFrame([row | {"is_shallow": False}]))

    def stand(letter: str, path: str, since: int = 0, until: int | None = None, repo: str = "r1") -> None:
        row = {
            "repo_id": repo, "path": path, "qualified_name": "f", "kind": "function", "duplicate_index": 0,
            "valid_from": since, "valid_to": until, "valid_from_sha": "s", "valid_to_sha": until and "s",
            "language": "python", "category": "source", "blob_oid": "b", "ordinal": 0, "exact_hash": "e",
            "pattern_id": letter * 32,
        }  # fmt: skip
        database.insert(tables.occurrences, pl.DataFrame([row], tables.polars_schema(tables.occurrences)))

    return stand


def test_a_family_is_what_matches_join(database: Database, alphabet: None, add_match: AddMatch) -> None:
    add_match("a", "b", 0.9)
    add_match("b", "c", 0.85)
    add_match("d", "e", 0.9)
    assert update_families(database) == {"n_written": 2, "n_deleted": 0, "n_moved": 5, "families": 2}
    assert members(database) == {letters("abc"): "abc", letters("de"): "de"}
    row = database.read("SELECT * FROM stemma.families WHERE family_id = $1", [letters("abc")]).row(0, named=True)
    assert (row["medoid_pattern_id"], row["name"], row["language"]) == ("b" * 32, "b", "python")
    assert (row["n_patterns"], row["n_occurrences"]) == (3, 3)
    assert row["mean_score"] == pytest.approx((0.9 + 0.85) / 2)
    assert row["cohesion"] == pytest.approx((0.9 + 0.85 + 0) / 3)
    near = database.read("SELECT left(pattern_id, 1) AS l, similarity FROM stemma.family_members ORDER BY 1").head(3)
    assert near.rows() == [("a", pytest.approx(0.9)), ("b", None), ("c", pytest.approx(0.85))]


def test_a_chain_of_matches_is_no_family(database: Database, alphabet: None, add_match: AddMatch) -> None:
    """Joined, a to f would be one family whose ends have nothing in common."""
    for a, b in ("ab", "bc", "cd", "de", "ef"):
        add_match(a, b, 0.7)
    update_families(database)
    assert all(len(family) == 2 for family in members(database).values())
    assert database.read("SELECT min(cohesion) AS least FROM stemma.families")["least"].item() == pytest.approx(0.7)


def test_what_is_alike_in_meaning_only_joins_no_copies(
    database: Database, add_pattern: AddPattern, alphabet: None, add_match: AddMatch
) -> None:
    """a and b are copies, g stands twice: neither is joined with what means the same; c and d are alone without it."""
    add_pattern("7", n_live=2)
    add_match("a", "b", 0.7)
    for a, b in ("bc", "7c", "cd"):
        add_match(a, b, 0.95, clone_type="semantic")
    update_families(database)
    assert members(database) == {letters("ab"): "ab", letters("cd"): "cd", letters("7"): "7"}


def test_one_pattern_in_two_places_is_a_family_and_its_repositories_are_counted_once(
    database: Database, add_pattern: AddPattern, add_match: AddMatch, stand: Stand
) -> None:
    add_pattern("a", n_live=2, n_repositories=2)
    add_pattern("b", n_live=1, n_repositories=1)
    add_pattern("c", n_live=3, n_repositories=1)
    add_pattern("d", n_live=1)
    add_match("a", "b", 0.8)
    for pattern, repo, path in [("a", "r1", "1"), ("a", "r2", "1"), ("b", "r1", "2"), ("c", "r1", "3")]:
        stand(pattern, path, repo=repo)
    update_families(database)
    rows = database.read(
        "SELECT family_id, n_patterns, n_occurrences, n_repositories, mean_score, cohesion FROM stemma.families "
        "ORDER BY 2"
    ).rows()
    assert rows == [
        (letters("c"), 1, 3, 1, None, None),
        (letters("ab"), 2, 3, 2, pytest.approx(0.8), pytest.approx(0.8)),
    ]


def test_a_second_run_changes_nothing(database: Database, alphabet: None, add_match: AddMatch) -> None:
    add_match("a", "b", 0.8)
    update_families(database)
    before = database.read(EVERYTHING)
    assert update_families(database) == {"n_written": 0, "n_deleted": 0, "n_moved": 0, "families": 1}
    assert database.read(EVERYTHING).equals(before)


def test_a_match_that_scores_otherwise_changes_its_family_and_no_other_row(
    database: Database, alphabet: None, add_match: AddMatch
) -> None:
    add_match("a", "b", 0.8)
    add_match("c", "d", 0.8)
    update_families(database)
    before = database.read(EVERYTHING)
    database.execute("UPDATE stemma.matches SET score = 0.9 WHERE pattern_a = $1", ["a" * 32])
    assert update_families(database) == {"n_written": 1, "n_deleted": 0, "n_moved": 0, "families": 2}
    after = database.read(EVERYTHING)
    assert after["similarity"].to_list() == [None, pytest.approx(0.9), None, pytest.approx(0.8)]
    assert after["cohesion"].to_list()[:2] == [pytest.approx(0.9)] * 2
    kept = [name for name in after.columns if name not in {"similarity", "cohesion", "mean_score"}]
    assert after.select(kept).equals(before.select(kept))


def test_an_id_stays_while_members_come_and_go(
    database: Database, alphabet: None, match_all: Callable[[str], None], add_match: AddMatch
) -> None:
    match_all("abc")
    update_families(database)
    add_match("b", "d", 0.8)
    add_match("c", "d", 0.8)
    database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE name = 'a'")
    assert update_families(database)["n_moved"] == 2
    assert members(database) == {letters("abc"): "bcd"}
    changed = database.read("SELECT updated_at > created_at AS changed FROM stemma.families")
    assert changed["changed"].to_list() == [True]


def test_the_larger_part_of_a_split_keeps_the_id(
    database: Database, alphabet: None, match_all: Callable[[str], None]
) -> None:
    match_all("abcde")
    update_families(database)
    database.execute(
        "DELETE FROM stemma.matches WHERE left(pattern_a, 1) IN ('a', 'b') AND left(pattern_b, 1) NOT IN ('a', 'b')"
    )
    assert update_families(database)["n_deleted"] == 0
    assert members(database) == {letters("abcde"): "cde", letters("ab"): "ab"}


def test_the_larger_part_of_a_merge_gives_the_id(
    database: Database, alphabet: None, match_all: Callable[[str], None], add_match: AddMatch
) -> None:
    match_all("ab")
    match_all("cde")
    update_families(database)
    for a, b in ("ac", "ad", "ae", "bc", "bd", "be"):
        add_match(a, b, 0.8)
    assert update_families(database)["n_deleted"] == 1
    assert members(database) == {letters("cde"): "abcde"}


def test_no_two_families_ever_share_an_id(
    database: Database, alphabet: None, match_all: Callable[[str], None], add_match: AddMatch
) -> None:
    """The family founded by a and b lives on without them when they found another."""
    match_all("ab")
    update_families(database)
    match_all("cde")
    for a, b in ("ac", "ad", "ae", "bc", "bd", "be"):
        add_match(a, b, 0.8)
    update_families(database)
    database.execute(
        "DELETE FROM stemma.matches WHERE left(pattern_a, 1) IN ('a', 'b') AND pattern_b <> $1", ["b" * 32]
    )
    update_families(database)
    assert members(database) == {letters("ab"): "cde", content_id("a" * 32, "b" * 32, "2"): "ab"}


def test_a_family_whose_members_were_all_edited_at_once_keeps_its_id(
    database: Database, alphabet: None, add_match: AddMatch, stand: Stand
) -> None:
    """At commit 3 the same mistake was mended in a and b, which are c and d since."""
    for letter, path in (("a", "1"), ("b", "2"), ("e", "3")):
        stand(letter, path)
    add_match("a", "b", 0.8)
    update_families(database)
    database.execute("UPDATE stemma.occurrences SET valid_to = 3, valid_to_sha = 's' WHERE path <> '3'")
    database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE name IN ('a', 'b')")
    for letter, path in (("c", "1"), ("d", "2")):
        stand(letter, path, since=3)
    add_match("c", "d", 0.8)
    assert update_families(database)["n_deleted"] == 0
    assert members(database) == {letters("ab"): "cd"}


def test_edited_members_weigh_as_much_as_those_that_stayed(
    database: Database, alphabet: None, match_all: Callable[[str], None], add_match: AddMatch, stand: Stand
) -> None:
    """Of a, b and c two were edited alike into d and e; c has found f, but is a third of the family only."""
    for letter, path in (("a", "1"), ("b", "2"), ("c", "3")):
        stand(letter, path)
    match_all("abc")
    update_families(database)
    database.execute("UPDATE stemma.occurrences SET valid_to = 3, valid_to_sha = 's' WHERE path <> '3'")
    database.execute("UPDATE stemma.patterns SET n_live = 0 WHERE name IN ('a', 'b')")
    for letter, path in (("d", "1"), ("e", "2")):
        stand(letter, path, since=3)
    add_match("d", "e", 0.8)
    add_match("c", "f", 0.8)
    update_families(database)
    assert members(database) == {letters("abc"): "de", letters("cf"): "cf"}


def test_two_at_once_make_the_same_families_once(
    database: Database, alphabet: None, match_all: Callable[[str], None]
) -> None:
    match_all("abc")
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: update_families(database), range(2)))
    assert sorted(count["n_moved"] for count in counts) == [0, 3]
    assert members(database) == {letters("abc"): "abc"}


def test_a_family_without_members_is_gone(database: Database, alphabet: None, add_match: AddMatch) -> None:
    add_match("a", "b", 0.8)
    update_families(database)
    database.execute("DELETE FROM stemma.matches")
    assert update_families(database) == {"n_written": 0, "n_deleted": 1, "n_moved": 2, "families": 0}


def test_trivial_and_dead_patterns_are_in_no_family(
    database: Database, add_pattern: AddPattern, add_match: AddMatch
) -> None:
    add_pattern("a")
    add_pattern("b", n_live=0)
    add_pattern("c", is_trivial=True, trivial_reason="tiny", n_live=5)
    for a, b in ("ab", "ac", "bc"):
        add_match(a, b, 0.9)
    assert update_families(database)["families"] == 0
