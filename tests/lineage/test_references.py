"""What a person's reference means, to lineage and to the quorum alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.errors import ConfigError, NotFoundError
from stemma.lineage.queries import resolve
from stemma.quorum.queries import verdict_of
from stemma.store.postgres import Database
from tests.lineage.code import file, function
from tests.repositories import GitRepository

Step = Callable[[Path], str]


@pytest.fixture
def repo_id(repository: GitRepository, bring_up: Step) -> str:
    """`uno` moves to b.py; a method and a function are called `twin`; `gone` is removed; `decade` looks like an id."""
    stay = file(
        function("stay", "parse"),
        function("decade", "longest"),
        "class Box:\n    def twin(self):\n        return self.box[0] + self.size\n",
    )
    twin = "def twin(box):\n    for lid in box:\n        print(lid)\n"
    repository.commit(files={"a.py": file(stay, function("uno"), function("gone", "retry"))})
    repository.commit(files={"a.py": stay, "b.py": file(function("uno"), twin)})
    return bring_up(repository.path)


def meant_by_the_quorum(database: Database, reference: str) -> str:
    """The pattern that `verdict_of` takes a reference for; nothing here is judged, which it says with the id."""
    with pytest.raises(NotFoundError, match="There is no verdict on") as failure:
        verdict_of(database, reference)
    return failure.value.problem.rpartition("(")[2].rstrip(").")


@pytest.mark.parametrize("reference", ["stay", "a.py:stay", "a.py:twin", "a.py:Box.twin", "b.py:twin", "gone"])
def test_a_name_means_the_same_pattern_to_both(database: Database, repo_id: str, reference: str) -> None:
    assert meant_by_the_quorum(database, reference) == resolve(database, reference)["pattern_id"].item()


def test_a_pattern_is_found_by_the_beginning_of_its_id(database: Database, repo_id: str) -> None:
    whole = resolve(database, "stay")["pattern_id"][0]
    assert resolve(database, whole[:8])["qualified_name"].to_list() == ["stay"]
    assert resolve(database, whole[:8].upper())["qualified_name"].to_list() == ["stay"]
    assert meant_by_the_quorum(database, whole[:8]) == whole
    for ask in (resolve, verdict_of):
        with pytest.raises(NotFoundError, match="qualified name"):
            ask(database, whole[:5])


def test_a_word_of_hexadecimal_digits_is_a_name_where_it_is_no_one_id(database: Database, repo_id: str) -> None:
    meant = resolve(database, "decade")["pattern_id"].item()
    assert meant_by_the_quorum(database, "decade") == meant
    for digit in "12":
        database.execute(
            "INSERT INTO stemma.patterns SELECT (jsonb_populate_record(p, jsonb_build_object('pattern_id', $1::text))"
            ").* FROM stemma.patterns p LIMIT 1",
            ["decade" + digit * 26],
        )
    assert resolve(database, "decade")["pattern_id"].item() == meant
    assert meant_by_the_quorum(database, "decade") == meant
    assert meant_by_the_quorum(database, "decade1") == "decade" + "1" * 26


def test_the_beginning_of_several_ids_lists_them(database: Database, repo_id: str) -> None:
    for digit in "12":
        database.execute(
            "INSERT INTO stemma.patterns SELECT (jsonb_populate_record(p, jsonb_build_object('pattern_id', $1::text))"
            ").* FROM stemma.patterns p LIMIT 1",
            ["facade" + digit * 26],
        )
    for ask in (resolve, verdict_of):
        with pytest.raises(ConfigError, match=f"'facade' means several: pattern facade{'1' * 26}, pattern facade2"):
            ask(database, "facade")


def test_a_method_is_found_by_its_own_name_in_its_file(database: Database, repo_id: str) -> None:
    assert resolve(database, "a.py:twin")["qualified_name"].to_list() == ["Box.twin"]
    assert resolve(database, "a.py:Box.twin")["kind"].to_list() == ["method"]


def test_what_stands_is_meant_before_what_is_gone(database: Database, repo_id: str) -> None:
    assert resolve(database, "uno").select("path", "is_live").rows() == [("b.py", True)]
    assert resolve(database, "gone").select("path", "is_live").rows() == [("a.py", False)]


def test_an_ambiguous_name_lists_its_candidates(
    database: Database, repository: GitRepository, bring_up: Step, repo_id: str
) -> None:
    repository.commit(files={f"more/c{n}.py": function("stay", "parse") for n in range(6)})
    bring_up(repository.path)
    with pytest.raises(ConfigError) as failure:
        resolve(database, "stay")
    assert "a.py:stay (function" in str(failure.value) and "more/c3.py:stay" in str(failure.value)
    assert "more/c4.py" not in str(failure.value) and failure.value.hint


def test_copies_under_one_name_are_one_pattern_and_other_code_is_another(
    database: Database, repository: GitRepository, bring_up: Step, repo_id: str
) -> None:
    copied = resolve(database, "stay")["pattern_id"].item()
    repository.commit(files={f"more/c{n}.py": function("stay", "parse") for n in range(6)})
    bring_up(repository.path)
    assert meant_by_the_quorum(database, "stay") == copied
    repository.commit(files={"z.py": "def stay(items):\n    for item in items:\n        yield item.price * 2\n"})
    bring_up(repository.path)
    with pytest.raises(ConfigError, match=f"'stay' means several: .*pattern {copied}"):
        verdict_of(database, "stay")


def test_an_unknown_reference_says_what_to_do_next(database: Database, repo_id: str) -> None:
    for reference in ("nothing", "a.py:nothing", "no.py:stay", "x'; DROP TABLE stemma.commits; --", "%", "0" * 32):
        for ask in (resolve, verdict_of):
            with pytest.raises(NotFoundError) as failure:
                ask(database, reference)
            assert reference in failure.value.problem and "stemma" in failure.value.hint
    with pytest.raises(NotFoundError):
        resolve(database, "stay", "another repository")


def test_an_empty_reference_is_refused(database: Database) -> None:
    for reference in ("", "  ", "a\0b"):
        for ask in (resolve, verdict_of):
            with pytest.raises(ConfigError):
                ask(database, reference)
