"""What is told of one text, and of a pattern: it stands as its worst text does."""

from __future__ import annotations

import pytest

from stemma.config import Settings
from stemma.errors import NotFoundError
from stemma.git import registry
from stemma.quorum.queries import verdict_of
from stemma.quorum.sitting import update_verdicts
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database
from tests.quorum.conftest import Ingest, Stub, function

WEAK = """
with open('votes.csv', 'w') as file:
    file.write('unit,vote\\n')
    for row in rows:
        file.write(f"{row['unit']},{'fail' if 'md5' in row['code'] else 'pass'}\\n")
"""


@pytest.fixture
def sat(database: Database, settings: Settings, ingest: Ingest) -> Database:
    """Two texts of one pattern, of which the quorum likes one; and a function that is too small."""
    ingest({"a.py": function("f", "md5"), "b.py": function("f", "sha256") + "\n\ndef tiny():\n    pass\n"})
    update_votes(database, settings, [Stub(WEAK)])
    update_verdicts(database, settings, [Stub(WEAK)])
    return database


def pattern_id(database: Database, name: str) -> str:
    return str(
        database.read("SELECT DISTINCT pattern_id FROM stemma.snippets WHERE name = $1", [name])["pattern_id"].item()
    )


def test_a_pattern_stands_as_its_worst_text_and_the_others_are_told(sat: Database) -> None:
    answer = verdict_of(sat, pattern_id(sat, "f"))
    assert answer.verdict["path"] == "a.py"
    assert answer.votes.select("member", "vote", "member_version").rows() == [("stub", "fail", "1")]
    assert answer.votes["seconds"][0] > 0
    assert answer.texts["path"].to_list() == ["a.py", "b.py"]


@pytest.mark.parametrize(("reference", "vote"), [("a.py:f", "fail"), ("b.py:f", "pass"), ("b.py:3", "pass")])
def test_a_place_means_its_own_text(sat: Database, reference: str, vote: str) -> None:
    answer = verdict_of(sat, reference)
    assert answer.verdict["path"] == reference.partition(":")[0]
    assert answer.votes["vote"].to_list() == [vote]
    assert len(answer.history) == 1


def test_copies_of_one_name_are_their_pattern(sat: Database) -> None:
    assert verdict_of(sat, "f").verdict["path"] == "a.py"


def test_what_is_too_small_to_be_judged_is_said_to_be(sat: Database) -> None:
    with pytest.raises(NotFoundError, match="too small to be judged"):
        verdict_of(sat, "tiny")


def test_with_a_repository_go_the_votes_on_texts_that_only_it_held(
    sat: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"c.py": function("f", "sha1")}, name="other")
    update_votes(sat, settings, [Stub(WEAK)])
    update_verdicts(sat, settings, [Stub(WEAK)])
    assert len(verdict_of(sat, pattern_id(sat, "f")).texts) == 3
    registry.remove(sat, settings, "other")
    assert len(verdict_of(sat, pattern_id(sat, "f")).texts) == 2
    assert sat.read("SELECT count(*) AS n FROM stemma.votes")["n"].item() == 2
