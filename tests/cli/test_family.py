"""`stemma diff-family` and `stemma families`: what members share and where they differ, safe to look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from stemma import tables
from stemma.config import Settings
from stemma.embed.patterns import refresh_patterns
from stemma.extract.ingest import extract_blobs
from stemma.git import registry
from stemma.git.fetch import refresh
from stemma.git.ingest import ingest_history
from stemma.lineage.occurrences import update_occurrences
from stemma.match.families import update_families
from stemma.store.postgres import Database
from tests.cli.conftest import Stemma
from tests.repositories import GitRepository

NOW = datetime(2024, 1, 1, tzinfo=UTC)
CODES = {
    "a": "def load(path):\n    with open(path) as file:\n        return parse(file)\n",
    "b": "def fetch(name):\n    with open(name) as file:\n        return parse(file)\n",
    "c": "def grab(path):\n    with open(path) as file:\n        return '\x1b[2J\u202e'\n",
}


def insert(database: Database, table: Any, *rows: dict[str, Any]) -> None:
    schema = tables.polars_schema(table)
    kept = {name: schema[name] for name in schema if name in rows[0]}
    database.insert(table, pl.DataFrame(rows, kept))


def pattern(letter: str, **others: Any) -> dict[str, Any]:
    row = {
        "pattern_id": letter * 32, "language": "python", "kind": "function", "name": letter, "signature": "",
        "docstring": None, "code": CODES.get(letter, "x"), "n_lines": 3, "n_tokens": 30, "shingles": [1],
        "sub_tokens": ["a"], "is_trivial": False, "n_live": 1, "n_repositories": 1, "trivial_reason": None,
        "structure": "", "extractor_version": "1",
    }  # fmt: skip
    return row | others


@pytest.fixture
def family(database: Database) -> str:
    """The id of a family of a, b and c; a, between the others, is its medoid and stands in two places."""
    insert(
        database,
        tables.repositories,
        {"repo_id": "r", "name": "alpha", "kind": "git", "location": "/a", "tags": ["x"], "added_at": NOW}
        | {"is_shallow": False, "extractor_version": "1"},
    )
    insert(database, tables.patterns, pattern("a", n_live=2), pattern("b"), pattern("c"))
    for letter, path in (("a", "one.py"), ("a", "two.py"), ("b", "b.py"), ("c", "c\x1b[31m.py")):
        row = {
            "repo_id": "r", "path": path, "qualified_name": "f", "kind": "function", "duplicate_index": 0,
            "valid_from": 0, "valid_to": None, "valid_from_sha": "s", "valid_to_sha": None, "language": "python",
            "category": "source", "blob_oid": "b", "ordinal": 0, "exact_hash": path, "pattern_id": letter * 32,
        }  # fmt: skip
        insert(database, tables.occurrences, row)
    for one, other, score in (("a", "b", 0.9), ("a", "c", 0.85)):
        row = {
            "pattern_a": one * 32, "pattern_b": other * 32, "clone_type": "type-3", "score": score,
            "candidate_source": "fingerprint", "matcher_version": "test", "confidence": 1.0, "matched_at": NOW,
        }  # fmt: skip
        insert(database, tables.matches, row)
    update_families(database)
    return str(database.read("SELECT family_id FROM stemma.families")["family_id"].item())


def test_a_family_is_shown_with_what_its_members_share_and_what_fills_the_holes(stemma: Stemma, family: str) -> None:
    shown = stemma("diff-family", family[:8])
    assert shown.code == 0
    assert f"family {family}" in shown.out
    assert "3 patterns in 4 places of 1 repository, cohesion 0.583" in shown.out
    assert "1  a  the medoid, 3 lines: alpha one.py, alpha two.py\n" in shown.out
    assert "2  b  similarity 0.9, 3 lines: alpha b.py\n   3 of 3 lines alike; renamed: path->name (2), " in shown.out
    assert "def ⟨1⟩(⟨2⟩):\n    with open(⟨2⟩) as file:\n        return ⟨3⟩" in shown.out
    assert "⟨1⟩ load (1)  fetch (2)  grab (3)" in shown.out
    assert "⟨2⟩ path (1, 3)  name (2)" in shown.out


def test_code_and_paths_cannot_steer_the_terminal(stemma: Stemma, family: str) -> None:
    for arguments in ((), ("--member", "3")):
        shown = stemma("diff-family", family, *arguments).out
        assert "[2J" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_colour_is_left_out_where_it_is_not_wanted(stemma: Stemma, family: str) -> None:
    coloured = Stemma(**(stemma.environment | {"TERM": "xterm", "FORCE_COLOR": "1", "NO_COLOR": ""}))
    plain = Stemma(**(stemma.environment | {"TERM": "xterm", "FORCE_COLOR": "1"}))
    assert "\x1b[1;33m⟨1⟩" in coloured("diff-family", family).out
    assert "33m" not in plain("diff-family", family).out


def test_a_member_is_laid_beside_the_medoid(stemma: Stemma, family: str) -> None:
    lines = stemma("diff-family", family, "--member", "2").out.splitlines()
    at = lines.index("- def load(path):")
    assert lines[at + 1 : at + 4] == [
        "+ def fetch(name):",
        "-     with open(path) as file:",
        "+     with open(name) as file:",
    ]
    assert lines[at + 4] == "          return parse(file)"
    assert lines[at - 1] == "- member 1  + member 2"


def test_json_has_members_places_and_holes(stemma: Stemma, family: str) -> None:
    told = stemma("diff-family", family, "--json").json
    assert (told["family_id"], told["medoid_pattern_id"], told["n_members_left_out"]) == (family, "a" * 32, 0)
    assert [member["name"] for member in told["members"]] == ["a", "b", "c"]
    assert [member["similarity"] for member in told["members"]] == [None, pytest.approx(0.9), pytest.approx(0.85)]
    assert [place["path"] for place in told["members"][0]["places"]] == ["one.py", "two.py"]
    assert told["members"][1]["difference"]["renamed"][0] == {"medoid": "path", "member": "name", "times": 2}
    assert told["members"][0]["difference"] is None
    assert told["skeleton"]["holes"][1] == {"number": 2, "fills": ["path", "name", "path"]}
    assert told["skeleton"]["pieces"][0] == {"text": "def "}
    assert told["skeleton"]["pieces"][1] == {"hole": 1}


def test_one_pattern_whose_repository_cannot_be_read_is_shown_by_one_of_its_texts(
    stemma: Stemma, database: Database, family: str
) -> None:
    database.execute("DELETE FROM stemma.matches")
    update_families(database)
    shown = stemma("diff-family", database.read("SELECT family_id FROM stemma.families")["family_id"].item()).out
    assert "All its places hold one pattern, in 2 texts" in shown
    assert "⟨" not in shown


def test_copies_of_one_pattern_differ_in_the_names_that_their_repository_holds(
    stemma: Stemma, database: Database, settings: Settings, make_repository: Callable[[str], GitRepository]
) -> None:
    """Type-2: the texts are read from the repository, for the database holds but one of them."""
    body = "def {}({}):\n    with open({}) as file:\n        return [line.split(',') for line in file]\n"
    repository = make_repository("beta")
    repository.commit(files={"a.py": body.format("load", "path", "path"), "b.py": body.format("fetch", "at", "at")})
    registry.register(database, settings, str(repository.path))
    repo = registry.find(database, "beta", settings)
    refresh(database, settings, repo)
    ingest_history(database, settings, repo)
    extract_blobs(database, settings, repo)
    update_occurrences(database, repo.repo_id)
    refresh_patterns(database)
    update_families(database)
    family = database.read("SELECT family_id FROM stemma.families")["family_id"].item()
    told = stemma("diff-family", family, "--json").json
    assert told["members_are"] == "texts"
    assert sorted(place["path"] for member in told["members"] for place in member["places"]) == ["a.py", "b.py"]
    assert [set(hole["fills"]) for hole in told["skeleton"]["holes"]] == [{"load", "fetch"}, {"path", "at"}]
    shown = stemma("diff-family", family).out
    assert "All its places hold one pattern, in 2 texts" in shown
    assert "def ⟨1⟩(⟨2⟩):\n    with open(⟨2⟩) as file:" in shown


@pytest.mark.parametrize("reference", ["0" * 32, "000000"])
def test_an_unknown_family_says_where_to_look(stemma: Stemma, database: Database, reference: str) -> None:
    missing = stemma("diff-family", reference)
    assert missing.code == 7
    assert "stemma families" in missing.sentence


@pytest.mark.parametrize("reference", ["", "f", "xyzxyz", "../..", "' OR 1=1 --", "f" * 33])
def test_what_is_neither_id_nor_name_is_not_found(stemma: Stemma, database: Database, reference: str) -> None:
    missing = stemma("diff-family", reference)
    assert missing.code == 7
    assert "No family is called" in missing.sentence


def test_a_family_answers_to_its_name_while_no_other_has_it(stemma: Stemma, database: Database, family: str) -> None:
    name = database.read("SELECT name FROM stemma.families")["name"].item()
    assert stemma("diff-family", name, "--json").json["family_id"] == family
    twin = ("0" if family[0] != "0" else "1") + family[1:]
    database.execute("INSERT INTO stemma.families SELECT $1, language, medoid_pattern_id, name, n_patterns, "
                     "n_occurrences, n_repositories, mean_score, created_at, updated_at, cohesion FROM stemma.families",
                     [twin])  # fmt: skip
    unsure = stemma("diff-family", name)
    assert unsure.code == 2
    assert all(id_ in unsure.sentence for id_ in (family, twin))


def test_an_ambiguous_beginning_names_the_families(stemma: Stemma, database: Database, family: str) -> None:
    twin = family[:31] + ("0" if family[31] != "0" else "1")
    database.execute("INSERT INTO stemma.families SELECT $1, language, medoid_pattern_id, 'twin', n_patterns, "
                     "n_occurrences, n_repositories, mean_score, created_at, updated_at, cohesion FROM stemma.families",
                     [twin])  # fmt: skip
    unsure = stemma("diff-family", family[:10])
    assert unsure.code == 2
    assert all(id_ in unsure.sentence for id_ in (family, twin))


def test_a_member_there_is_not_is_refused(stemma: Stemma, family: str) -> None:
    assert "members 1 to 3" in stemma("diff-family", family, "--member", "9").sentence


def test_trivial_copies_are_out_of_the_way_and_counted(stemma: Stemma, database: Database, family: str) -> None:
    insert(
        database,
        tables.patterns,
        pattern("d", is_trivial=True, trivial_reason="accessor", n_live=7, n_repositories=2),
        pattern("e", is_trivial=True, trivial_reason="accessor", n_live=2),
        pattern("f", is_trivial=True, trivial_reason="tiny", n_live=2),
        pattern("9", is_trivial=True, trivial_reason="tiny", n_live=1),
    )
    told = stemma("families", "--json").json
    assert [row["family_id"] for row in told["families"]] == [family]
    assert told["families"][0]["repositories"] == ["alpha"]
    assert told["left_out"] == [
        {"reason": "accessor", "n_patterns": 2, "n_occurrences": 9},
        {"reason": "tiny", "n_patterns": 1, "n_occurrences": 2},
    ]
    assert "2 accessor, 1 tiny (--trivial shows them)" in stemma("families").out
    shown = stemma("families", "--trivial", "--json").json["trivial"]
    assert [(row["name"], row["n_occurrences"]) for row in shown] == [("d", 7), ("e", 2), ("f", 2)]
    assert stemma("families", "--repo", "alpha", "--json").json["left_out"] == []
