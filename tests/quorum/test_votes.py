"""Who is asked about what, and what is written. The members' own judgement is claimed in `test_members`."""

from __future__ import annotations

import polars as pl
import pytest

from stemma.config import Settings
from stemma.quorum import ask as asking
from stemma.quorum import votes as voting
from stemma.quorum.ask import ask
from stemma.quorum.members import open_members
from stemma.quorum.members.base import MemberMissingError
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database
from tests.quorum.conftest import LIMITS, Stub, batch_of, id_of, store

CODES = [f"def f{n}(): return {n}" for n in range(8)]


def votes(database: Database) -> pl.DataFrame:
    return database.read(
        "SELECT pattern_id, member, member_version, vote, reason, voted_at FROM stemma.votes "
        "ORDER BY pattern_id, member, member_version"
    )


def test_a_second_call_asks_nobody_and_writes_nothing(database: Database, settings: Settings) -> None:
    store(database, *CODES)
    member = Stub()
    assert update_votes(database, settings, [member]) == {"n_votes": 8, "asked": 8, "without_answer": 0}
    before = votes(database)
    assert update_votes(database, settings, [member]) == {"n_votes": 0, "asked": 0, "without_answer": 0}
    assert votes(database).equals(before)
    assert member.asked == [8]


def test_a_new_pattern_alone_is_asked_about(database: Database, settings: Settings) -> None:
    store(database, *CODES[:3])
    member = Stub()
    update_votes(database, settings, [member])
    store(database, CODES[3])
    assert update_votes(database, settings, [member])["asked"] == 1


def test_a_new_version_votes_anew_and_the_old_votes_stay(database: Database, settings: Settings) -> None:
    store(database, CODES[0])
    update_votes(database, settings, [Stub()])
    update_votes(database, settings, [Stub("answer('fail')", "2")])
    assert votes(database).select("member_version", "vote").rows() == [("1", "pass"), ("2", "fail")]


def test_only_what_stands_and_is_not_trivial_is_judged(database: Database, settings: Settings) -> None:
    store(database, "def dead(): return 1", n_live=0)
    store(database, "def tiny(): pass", is_trivial=True)
    assert update_votes(database, settings, [Stub()])["n_votes"] == 0


def test_a_language_it_does_not_read_is_an_abstention_without_asking(database: Database, settings: Settings) -> None:
    store(database, "fn main() {}", language="rust")
    member = Stub()
    update_votes(database, settings, [member])
    assert member.asked == []
    assert votes(database)["reason"].to_list() == ["not applicable: stub does not read rust"]


def test_code_that_was_cut_off_is_not_judged(database: Database, settings: Settings) -> None:
    store(database, "x" * 100_000)
    member = Stub()
    update_votes(database, settings, [member])
    assert member.asked == []
    assert votes(database)["reason"].to_list() == ["not applicable: longer than 100000 characters"]


def test_a_missing_tool_abstains_and_votes_when_it_comes_back(database: Database, settings: Settings) -> None:
    class Missing(Stub):
        def version(self) -> str:
            raise MemberMissingError("stub is not installed")

    store(database, CODES[0])
    for expected in (1, 0):
        assert update_votes(database, settings, [Missing()])["n_votes"] == expected
    assert votes(database).select("vote", "reason").rows() == [("abstain", "missing: stub is not installed")]
    update_votes(database, settings, [Stub()])
    assert votes(database)["vote"].sort().to_list() == ["abstain", "pass"]


def test_a_crash_is_asked_about_again_in_the_next_call(database: Database, settings: Settings) -> None:
    store(database, CODES[0])
    crash = "os.kill(os.getpid(), signal.SIGSEGV)"
    assert update_votes(database, settings, [Stub(crash)]) == {"n_votes": 1, "asked": 1, "without_answer": 1}
    first = votes(database)
    assert first["reason"].to_list() == ["no answer: crashed with SIGSEGV"]
    assert update_votes(database, settings, [Stub(crash)]) == {"n_votes": 0, "asked": 1, "without_answer": 1}
    assert votes(database).equals(first)
    assert update_votes(database, settings, [Stub()]) == {"n_votes": 1, "asked": 1, "without_answer": 0}
    assert votes(database)["vote"].to_list() == ["pass"]


def test_batches_are_written_as_they_come(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voting, "_BATCH_SIZE", 2)
    store(database, *CODES)

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
    assert votes(database)["pattern_id"].to_list() == sorted(map(id_of, CODES))


def test_one_snippet_that_crashes_does_not_silence_the_others() -> None:
    member = Stub("if any('f5' in code for code in codes): os.kill(os.getpid(), signal.SIGSEGV)\nanswer('pass')")
    answer = ask(member, batch_of(*CODES), LIMITS)
    told = dict(answer.select("pattern_id", "vote").iter_rows())
    assert told == {id_of(code): "abstain" if code == CODES[5] else "pass" for code in CODES}
    assert answer.filter(pl.col("vote") == "abstain")["reason"].to_list() == ["no answer: crashed with SIGSEGV"]


def test_one_snippet_that_stalls_does_not_silence_the_others() -> None:
    member = Stub("if any('f5' in code for code in codes): time.sleep(60)\nanswer('pass')")
    answer = ask(member, batch_of(*CODES[4:]), asking.Limits(timeout_s=2))
    assert answer.filter(pl.col("vote") == "abstain")["pattern_id"].to_list() == [id_of(CODES[5])]


def test_a_member_that_is_broken_is_not_asked_in_halves() -> None:
    member = Stub("sys.exit('no such library')")
    answer = ask(member, batch_of(*CODES), LIMITS)
    assert member.asked == [8, 1]  # the batch, and an empty definition
    assert answer["reason"].unique().to_list() == ["no answer: crashed with exit code 1: no such library"]


@pytest.mark.parametrize(
    "program",
    [
        "answer('excellent')",
        "rows.pop(); answer('pass')",
        "rows[0]['pattern_id'] = 'another'; answer('pass')",
        "rows.append(rows[0]); answer('pass')",
    ],
)
def test_an_answer_that_is_no_vote_on_what_was_asked_is_an_abstention(program: str) -> None:
    answer = ask(Stub(program), batch_of(CODES[0]), LIMITS)
    (reason,) = answer["reason"].to_list()
    assert reason.startswith("no answer: its answer cannot be read")


def test_every_real_member_votes_or_says_why_not(database: Database, settings: Settings) -> None:
    store(database, "def f(x):\n    return x + 1")
    store(database, "fn f(x: i32) -> i32 { x + 1 }", language="rust")
    update_votes(database, settings)
    rows = database.read(
        "SELECT p.language, v.member, v.vote FROM stemma.votes v JOIN stemma.patterns p USING (pattern_id)"
    )
    told = {(language, member): vote for language, member, vote in rows.iter_rows()}
    names = [member.name for member in open_members()]
    assert told == {("python", name): "pass" for name in names} | {
        ("rust", name): "pass" if name in ("parse", "lizard") else "abstain" for name in names
    }
