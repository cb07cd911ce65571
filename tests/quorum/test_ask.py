"""What becomes of a member that crashes, hangs, floods us or answers in another way than it should: an abstention that
says so, and a verdict that does. What a process may not do is claimed in `test_process`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from stemma.config import Settings
from stemma.errors import ConfigError
from stemma.quorum.ask import ask
from stemma.quorum.given import judge_given
from stemma.quorum.members.base import BATCH, VOTES, Member, MemberMissingError
from stemma.quorum.process import Limits, run_bounded
from tests.quorum.conftest import LIMITS, Stub, function

NAMES = [f"f{n}" for n in range(8)]


def batch_of(folder: Path, *names: str) -> pl.DataFrame:
    """One file a name, with a function of it."""
    rows = []
    for unit, name in enumerate(names):
        (folder / f"{name}.py").write_text(function(name))
        place = (f"src/{name}.py", f"{name}.py", 1, 8, function(name))
        rows.append((unit, "p", name, "python", "function", name, name, *place))
    return pl.DataFrame(rows, schema=BATCH, orient="row")


def test_one_text_that_crashes_does_not_silence_the_others(tmp_path: Path) -> None:
    member = Stub("if any('f5' in code for code in codes): os.kill(os.getpid(), signal.SIGSEGV)\nanswer('pass')")
    answer = ask(member, batch_of(tmp_path, *NAMES), tmp_path, LIMITS)
    told = dict(answer.select("unit", "vote").iter_rows())
    assert told == {unit: "abstain" if unit == 5 else "pass" for unit in range(8)}
    assert answer.filter(pl.col("vote") == "abstain")["reason"].to_list() == ["no answer: crashed with SIGSEGV"]


def test_one_text_that_stalls_does_not_silence_the_others(tmp_path: Path) -> None:
    member = Stub("if any('f5' in code for code in codes): time.sleep(60)\nanswer('pass')")
    answer = ask(member, batch_of(tmp_path, *NAMES[4:]), tmp_path, Limits(timeout_s=2))
    assert answer.filter(pl.col("vote") == "abstain").select("unit", "reason").rows() == [
        (1, "no answer: timed out after 2 s")
    ]


def test_a_member_that_is_broken_is_not_asked_in_halves(tmp_path: Path) -> None:
    member = Stub("sys.exit('no such library')")
    answer = ask(member, batch_of(tmp_path, *NAMES), tmp_path, LIMITS)
    assert [len(names) for names in member.asked] == [8, 1]  # the batch, and an empty definition
    assert answer["reason"].unique().to_list() == ["no answer: crashed with exit code 1: no such library"]


def test_one_file_is_only_given_to_a_half_that_has_a_text_of_it(tmp_path: Path) -> None:
    member = Stub("if len(codes) > 4: sys.exit('too many')\nanswer('pass')")
    ask(member, batch_of(tmp_path, *NAMES), tmp_path, LIMITS)
    assert [sorted(read) for read in member.read[2:]] == [
        [f"{name}.py" for name in NAMES[:4]],
        [f"{name}.py" for name in NAMES[4:]],
    ]


@pytest.mark.parametrize(
    "program",
    [
        "answer('excellent')",
        "rows.pop(); answer('pass')",
        "rows[0]['unit'] = 7; answer('pass')",
        "rows.append(rows[0]); answer('pass')",
        "open('votes.csv', 'w').write('verdict\\ngood\\n')",
        "open('votes.csv', 'w')",
    ],
)
def test_an_answer_that_is_no_vote_on_what_was_asked_is_an_abstention(tmp_path: Path, program: str) -> None:
    answer = ask(Stub(program), batch_of(tmp_path, "f"), tmp_path, LIMITS)
    (reason,) = answer["reason"].to_list()
    assert reason.startswith("no answer: its answer cannot be read")


@pytest.mark.parametrize(
    "wrong",
    [
        {"probability": 1.5},
        {"probability": float("nan")},
        {"findings": "no JSON"},
        {"findings": "{}"},
        {"vote": "PASS"},
    ],
)
def test_words_that_are_none_of_ours_are_an_abstention(tmp_path: Path, wrong: dict[str, object]) -> None:
    class Liar(Stub):
        def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
            return (
                super()
                .judge(batch, folder, limits)
                .with_columns(*(pl.lit(value, VOTES[name]).alias(name) for name, value in wrong.items()))
            )

    (reason,) = ask(Liar(), batch_of(tmp_path, "f"), tmp_path, LIMITS)["reason"].to_list()
    assert reason.startswith("no answer: its answer cannot be read")


class Flood(Stub):
    """Prints 100 MB."""

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        program = "for _ in range(100): print('x' * 1_000_000)"
        run_bounded([sys.executable, "-I", "-c", program], folder, limits)
        raise AssertionError


class Missing(Stub):
    def version(self) -> str:
        raise MemberMissingError("stub is not installed")


class Shape(Stub):
    family = "structure"


class Sound(Stub):
    family = "correctness"


class Foreign(Stub):
    languages = frozenset({"go"})


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (Flood(), "no answer: crashed with "),
        (Missing(), "missing: stub is not installed"),
        (Stub("time.sleep(60)"), "no answer: timed out after 5 s"),
        (Stub("open('votes.csv', 'w').write('a new format')"), "no answer: its answer cannot be read: "),
        (Stub("os.kill(os.getpid(), signal.SIGSEGV)"), "no answer: crashed with SIGSEGV"),
        (Foreign(), "not applicable: stub does not read python"),
    ],
    ids=["prints 100 MB", "missing", "hangs", "changed format", "crashes", "unknown language"],
)
def test_a_member_that_fails_abstains_and_the_verdict_says_so(settings: Settings, member: Stub, reason: str) -> None:
    bounded = settings.model_copy(update={"member_timeout_s": 5.0})
    members: list[Member] = [Shape(name="shape"), Sound(name="sound"), member]
    judged = judge_given([("a.py", function("f").encode())], bounded, members)
    (vote,) = judged.votes.filter(member="stub").iter_rows(named=True)
    assert (vote["vote"], vote["findings"]) == ("abstain", "[]")
    assert vote["reason"].startswith(reason)
    (verdict,) = judged.verdicts.iter_rows(named=True)
    assert (verdict["outcome"], verdict["n_abstain"]) == ("needs_review", 1)
    assert vote["reason"] in verdict["reason"]


def test_a_quorum_without_a_member_is_an_error(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="No member has a seat in the quorum"):
        judge_given([("a.py", b"def f(): pass")], settings, [])


def test_two_members_of_one_name_are_an_error(settings: Settings) -> None:
    members: list[Member] = [Stub(), Stub()]
    with pytest.raises(ConfigError, match="Two members of the quorum have one name"):
        judge_given([("a.py", b"def f(): pass")], settings, members)
