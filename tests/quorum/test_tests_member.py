"""What a repository's tests reach, by name, and where that tells nothing; on real repositories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from stemma.quorum.members.tests import Tests
from stemma.store.postgres import Database
from tests.quorum.conftest import LIMITS, Ingest, function
from tests.quorum.judged import Judged, batch_of, judged


def asked(database: Database | None, files: Mapping[str, str], folder: Path) -> dict[str, Judged]:
    """The votes on the definitions of the files, by qualified name; it needs no file of them."""
    batch = batch_of(files)
    votes = Tests(database).judge(batch, folder, LIMITS)
    rows = batch.select("unit", "qualified_name").join(votes, on="unit").iter_rows(named=True)
    return {row["qualified_name"]: Judged(row["vote"], row["reason"], json.loads(row["findings"])) for row in rows}


def calling(name: str, *called: str) -> str:
    """A function `name` that calls others, and is long enough not to be trivial."""
    lines = "".join(f"    result.append({each}(items, result, limit=3))\n" for each in called)
    return f"def {name}(items):\n    result = []\n{lines}    result.sort(key=len, reverse=True)\n    return result\n"


def test_what_a_test_calls_passes_directly_or_through_what_it_calls(
    database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    source = {
        "a.py": "\n\n".join(
            [calling("outer", "inner"), calling("inner", "deep"), calling("deep", "len"), function("lonely")]
        )
    }
    ingest({**source, "test_a.py": "import a\n\n\n" + calling("test_outer", "a.outer")})
    found = asked(database, source, tmp_path)
    assert found["outer"] == found["inner"] == found["deep"] == Judged("pass", None, [])
    assert found["lonely"].vote == "fail"
    assert found["lonely"].findings == [
        {
            "rule": "untested",
            "severity": "low",
            "line": 1,
            "message": "no test reaches it, though tests reach 75 % of its repository",
        }
    ]


def test_where_tests_reach_little_one_more_untested_text_is_no_evidence(
    database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    source = {"a.py": "\n\n".join([function("one"), function("two"), function("three")])}
    ingest({**source, "test_a.py": calling("test_one", "one")})
    found = asked(database, source, tmp_path)
    assert (found["one"].vote, found["two"].vote) == ("pass", "abstain")
    assert found["two"].reason == "cannot know: tests reach less than half of its repository"


def test_a_repository_without_tests_tells_nothing_and_one_language_nothing_of_another(
    database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    source = {"a.py": function("one")}
    ingest({**source, "a_test.go": "package a\n\nfunc TestOne(t *testing.T) {\n\tone(1)\n\tone(2)\n\tone(3)\n}\n"})
    none = Judged("abstain", "not applicable: its repository has no tests in its language", [])
    assert asked(database, source, tmp_path)["one"] == none


def test_tests_of_another_repository_are_not_its_own(database: Database, ingest: Ingest, tmp_path: Path) -> None:
    source = {"a.py": "\n\n".join([function("one"), calling("two", "sorted")])}
    ingest({**source, "test_a.py": calling("test_two", "two")}, "tested")
    other = {"b.py": calling("one", "reversed")}
    ingest({**other, "test_b.py": calling("test_other", "len")}, "other")
    found = asked(database, {**source, **other}, tmp_path)
    assert (found["two"].vote, found["one"].vote) == ("pass", "abstain")
    ingest({"c.py": calling("two", "sorted")}, "third")  # the same text where there are no tests
    assert asked(database, source, tmp_path)["two"].vote == "pass"


def test_tests_and_what_they_are_made_with_are_not_judged_by_tests(
    database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    tests = {"tests/helpers.py": function("make"), "tests/test_a.py": calling("test_one", "one", "make")}
    ingest({"a.py": function("one"), **tests})
    found = asked(database, tests, tmp_path)
    assert {said.reason for said in found.values()} == {"not applicable: it belongs to the tests"}
    assert {said.vote for said in found.values()} == {"abstain"}


def test_a_name_that_many_bear_is_too_vague_to_know_which_is_meant(
    database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    source = {
        f"{name}.py": f"class {name.title()}:\n    " + function("run", name).replace("\n", "\n    ") for name in "abcd"
    }
    ingest({**source, "test_a.py": calling("test_run", "a.A().run")})
    found = asked(database, {"a.py": source["a.py"]}, tmp_path)
    assert found["A.run"] == Judged("abstain", "cannot know: more than 3 definitions bear its name", [])


def test_what_nobody_calls_by_its_name_may_be_reached_without_it(
    database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    method = "class Bill:\n    " + function("total").replace("\n", "\n    ")
    source = {"a.py": "\n\n".join([method, function("_kept"), calling("one", "sorted"), calling("two", "one")])}
    ingest({**source, "test_a.py": calling("test_two", "two")})
    found = asked(database, source, tmp_path)
    unknown = Judged("abstain", "cannot know: it may be reached without its name being called", [])
    assert found["Bill.total"] == found["_kept"] == found["Bill"] == unknown


def test_its_answer_follows_the_repository(database: Database, ingest: Ingest, tmp_path: Path) -> None:
    source = {"a.py": function("one")}
    ingest(source)
    assert asked(database, source, tmp_path)["one"].vote == "abstain"
    ingest({"test_a.py": calling("test_one", "one")})
    assert asked(database, source, tmp_path)["one"].vote == "pass"


def test_given_code_has_no_repository_to_look_for_tests_in(tmp_path: Path) -> None:
    found = judged(Tests(None), tmp_path, {"a.py": function("one")})
    assert found["one"] == Judged("abstain", "not applicable: it stands in no repository whose tests are known", [])


def test_an_empty_batch_has_no_votes(database: Database, tmp_path: Path) -> None:
    empty = batch_of({"a.py": function("one")}).clear()
    assert Tests(database).judge(empty, tmp_path, LIMITS).equals(Tests(None).judge(empty, tmp_path, LIMITS))
    assert isinstance(empty, pl.DataFrame)
