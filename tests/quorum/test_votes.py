"""Who is asked about which texts, and what is written. The members' own judgement is claimed in `test_members`."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.lineage.history import update_lineage
from stemma.quorum import poll
from stemma.quorum.members import open_members
from stemma.quorum.members.base import MemberMissingError
from stemma.quorum.votes import update_former_votes, update_votes
from stemma.store.postgres import Database
from tests.quorum.conftest import Ingest, Stub, function


def votes(database: Database) -> pl.DataFrame:
    """Every vote, with the name and path of one place of its text."""
    return database.read(
        """
        SELECT DISTINCT ON (v.pattern_id, v.exact_hash, v.member, v.member_version)
            s.name, v.exact_hash, v.member, v.member_version, v.vote, v.reason, v.seconds, v.voted_at
        FROM stemma.votes v JOIN stemma.snippets s USING (pattern_id, exact_hash)
        ORDER BY v.pattern_id, v.exact_hash, v.member, v.member_version
        """
    ).sort("name", "exact_hash", "member", "member_version")


def test_texts_of_one_pattern_are_judged_apart(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("f", "md5") + function("f", "sha256")})
    member = Stub()
    update_votes(database, settings, [member])
    assert database.read("SELECT count(*) AS n FROM stemma.patterns")["n"].item() == 1
    assert len(votes(database)) == 2
    assert member.asked == [["f", "f"]]


def test_a_text_in_many_files_is_judged_once_where_it_stands_first(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"b.py": function("f"), "a.py": "import os\n\n\n" + function("f")})
    member = Stub()
    assert update_votes(database, settings, [member])["asked"] == 1
    assert [list(files.values()) for files in member.read] == [["import os\n\n\n" + function("f")]]


def test_a_text_that_no_longer_stands_is_judged_in_the_file_that_first_had_it(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": "import os\n\n\n" + function("f", 1)})
    (former,) = database.read("SELECT pattern_id, exact_hash FROM stemma.snippets").rows()
    ingest({"a.py": function("f", 2)})
    update_lineage(database, database.read("SELECT repo_id FROM stemma.repositories").item())
    texts = pl.DataFrame([former], schema=["pattern_id", "exact_hash"], orient="row")
    member = Stub()
    assert update_votes(database, settings, [member], texts)["asked"] == 0
    assert update_former_votes(database, settings, [member], texts) == 1
    assert [list(files.values()) for files in member.read] == [["import os\n\n\n" + function("f", 1)]]
    assert update_former_votes(database, settings, [member], texts) == 0
    assert len(member.asked) == 1


def test_every_member_sees_the_same_whole_files_and_no_name_of_theirs(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"conftest.py": "import os\n\n\n" + function("f"), "sub/setup.py": function("g", 2)})
    members = [Stub(name="one"), Stub(name="two")]
    update_votes(database, settings, members)
    assert members[0].read == members[1].read
    (read,) = members[0].read
    assert sorted(read.values()) == sorted(["import os\n\n\n" + function("f"), function("g", 2)])
    assert all(len(name) == len("f" + 40 * "0" + ".py") for name in read)


def test_a_second_call_asks_nobody_and_writes_nothing(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({f"{n}.py": function("f", n) for n in range(8)})
    member = Stub()
    assert update_votes(database, settings, [member]) == {"n_votes": 8, "asked": 8, "without_answer": 0}
    before = votes(database)
    assert update_votes(database, settings, [member]) == {"n_votes": 0, "asked": 0, "without_answer": 0}
    assert votes(database).equals(before)
    assert len(member.asked) == 1


def test_what_is_new_alone_is_asked_about_and_read(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({f"{n}.py": function("f", n) for n in range(3)})
    update_votes(database, settings, [Stub()])
    ingest({"9.py": function("old", 1) + function("new", 9), "1.py": function("moved", 7) + function("f", 1)})
    member = Stub()
    assert update_votes(database, settings, [member])["asked"] == 3
    assert sorted(member.asked[0]) == ["moved", "new", "old"]
    assert len(member.read[0]) == 2


def test_a_new_member_alone_is_asked(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("f")})
    old, new = Stub(), Stub(name="new")
    update_votes(database, settings, [old])
    update_votes(database, settings, [old, new])
    assert (len(old.asked), len(new.asked)) == (1, 1)


def test_a_new_version_votes_anew_and_the_old_votes_stay(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": function("f")})
    update_votes(database, settings, [Stub()])
    update_votes(database, settings, [Stub("answer('fail')", "2")])
    assert votes(database).select("member_version", "vote").rows() == [("1", "pass"), ("2", "fail")]


def test_a_member_whose_votes_do_not_last_is_asked_always_without_files_and_told_news_is_written(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    class Fleeting(Stub):
        is_lasting = False

    ingest({f"{n}.py": function(f"f{n}", n) for n in range(3)})
    member = Fleeting()
    assert update_votes(database, settings, [member]) == {"n_votes": 3, "asked": 3, "without_answer": 0}
    assert update_votes(database, settings, [member]) == {"n_votes": 0, "asked": 3, "without_answer": 0}
    assert member.read == [{}, {}]
    changed = Fleeting("rows[0]['unit'] += ',fail'\nopen('votes.csv', 'w').write('unit,vote\\n' + rows[0]['unit'] + "
                       "''.join(f\"\\n{row['unit']},pass\" for row in rows[1:]) + '\\n')")  # fmt: skip
    assert update_votes(database, settings, [changed]) == {"n_votes": 1, "asked": 3, "without_answer": 0}
    assert votes(database)["vote"].to_list().count("fail") == 1


def test_only_the_texts_that_are_named_are_asked_about(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("f", 1) + function("g", "x")})
    chosen = database.read("SELECT pattern_id, exact_hash FROM stemma.snippets WHERE name = 'g'")
    member = Stub()
    update_votes(database, settings, [member], chosen)
    assert member.asked == [["g"]]


def test_only_what_stands_in_source_and_is_not_trivial_is_judged(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": function("dead") + "def tiny():\n    pass\n", "node_modules/b.py": function("theirs", 2)})
    ingest({"a.py": "def tiny():\n    pass\n"})
    assert update_votes(database, settings, [Stub()])["n_votes"] == 0


def test_a_language_it_does_not_read_is_an_abstention_without_asking(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest(
        {"a.go": "package a\n\nfunc f(x int) int {\n\tfor i := 0; i < x; i++ {\n\t\tx -= i * 2\n\t}\n\treturn x\n}\n"}
    )
    member = Stub()
    update_votes(database, settings, [member])
    assert member.asked == []
    assert votes(database)["reason"].to_list() == ["not applicable: stub does not read go"]


def test_a_text_that_is_too_long_is_not_judged_and_says_so(
    database: Database, settings: Settings, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "MAX_BYTES", 300)
    ingest({"a.py": function("short", 1) + function("long", "x" * 300)})
    member = Stub()
    update_votes(database, settings, [member])
    assert member.asked == [["short"]]
    assert votes(database)["reason"].to_list() == ["not judged: longer than 300 bytes", None]


def test_a_file_whose_lines_tools_count_differently_is_not_judged(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": b"# x\rimport os\n" + function("f").encode()})
    update_votes(database, settings, [Stub()])
    (reason,) = votes(database)["reason"].to_list()
    assert reason.startswith("not judged: a carriage return alone ends a line")


def test_a_repository_that_is_gone_leaves_abstentions_that_are_tried_again(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    repository = ingest({"a.py": function("f")})
    ingest({"b.py": function("g", 2)}, name="other")
    aside = repository.path.with_name("aside")
    shutil.move(repository.path, aside)
    assert update_votes(database, settings, [Stub()])["n_votes"] == 2
    told = dict(votes(database).select("name", "reason").iter_rows())
    assert told["g"] is None
    assert told["f"].startswith("no answer: its file cannot be read")
    shutil.move(aside, repository.path)
    assert update_votes(database, settings, [Stub()]) == {"n_votes": 1, "asked": 1, "without_answer": 0}


def test_a_missing_tool_abstains_and_votes_when_it_comes_back(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    class Missing(Stub):
        def version(self) -> str:
            raise MemberMissingError("stub is not installed")

    ingest({"a.py": function("f")})
    for expected in (1, 0):
        assert update_votes(database, settings, [Missing()])["n_votes"] == expected
    assert votes(database).select("vote", "reason").rows() == [("abstain", "missing: stub is not installed")]
    update_votes(database, settings, [Stub()])
    assert votes(database)["vote"].sort().to_list() == ["abstain", "pass"]


def test_a_crash_is_asked_about_again_in_the_next_call(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest({"a.py": function("f")})
    crash = "os.kill(os.getpid(), signal.SIGSEGV)"
    assert update_votes(database, settings, [Stub(crash)]) == {"n_votes": 1, "asked": 1, "without_answer": 1}
    first = votes(database)
    assert first["reason"].to_list() == ["no answer: crashed with SIGSEGV"]
    assert update_votes(database, settings, [Stub(crash)]) == {"n_votes": 0, "asked": 1, "without_answer": 1}
    assert votes(database).equals(first)
    assert update_votes(database, settings, [Stub()]) == {"n_votes": 1, "asked": 1, "without_answer": 0}
    assert votes(database)["vote"].to_list() == ["pass"]


def test_batches_are_written_as_they_come(
    database: Database, settings: Settings, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemma.quorum.scope.BATCH_FILES", 2)
    ingest({f"{n}.py": function(f"f{n}", n) for n in range(8)})

    class KilledError(Exception):
        pass

    class Dies(Stub):
        def judge(self, *args: object) -> pl.DataFrame:
            if len(self.asked) == 3:
                raise KilledError
            return super().judge(*args)  # type: ignore[arg-type]

    with pytest.raises(KilledError):
        update_votes(database, settings, [Dies()])
    n_written = len(votes(database))
    assert n_written in (2, 4, 6)  # of four batches one failed, and what was in flight beside it may have ended
    assert update_votes(database, settings, [Stub()])["asked"] == 8 - n_written
    assert votes(database)["name"].to_list() == [f"f{n}" for n in range(8)]


def test_each_vote_has_its_share_of_the_seconds_its_batch_took(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({f"{n}.py": function("f", n) for n in range(4)})
    update_votes(database, settings, [Stub("time.sleep(1); answer('pass')")])
    (seconds,) = votes(database)["seconds"].unique().to_list()
    assert 0.25 <= seconds < 2


def test_a_quorum_without_a_member_is_an_error(database: Database, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="No member has a seat in the quorum"):
        update_votes(database, settings, [])


def test_every_real_member_votes_or_says_why_not(database: Database, settings: Settings, ingest: Ingest) -> None:
    ingest(
        {
            "a.py": function("f"),
            "a.dart": "int f(int x) {\n  for (var i = 0; i < x; i++) {\n    x -= i * 2;\n  }\n  return x;\n}\n",
        }
    )
    update_votes(database, settings)
    rows = database.read(
        "SELECT p.language, v.member, v.reason FROM stemma.votes v JOIN stemma.patterns p USING (pattern_id)"
    )
    members = {member.name: member for member in open_members(settings, database)}
    assert rows.select("language", "member").n_unique() == len(rows) == 2 * len(members)
    for language, member, reason in rows.iter_rows():
        reads = language in members[member].languages
        assert reads or reason == f"not applicable: {member} does not read {language}"
        assert not str(reason).startswith(("no answer", "missing"))
