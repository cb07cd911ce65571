"""What a person decided is in force in the verdict, and the verdict says what it overruled; a judge decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from stemma.config import Settings
from stemma.judge_settings import JudgeSettings
from stemma.quorum.calibration import packaged
from stemma.quorum.evidence import SEATED_VOTES
from stemma.quorum.labels import record_review
from stemma.quorum.members.base import Member
from stemma.quorum.rule import RULE
from stemma.quorum.sitting import update_verdicts
from stemma.quorum.thresholds import Thresholds
from stemma.quorum.verdicts import decide
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database
from tests.misbehaving import serving
from tests.quorum.conftest import Ingest, Stub, function
from tests.quorum.judge_answers import honest
from tests.quorum.test_sitting import Shape, Sound, known, quorum, sit

__all__ = ["known"]

Review = Callable[..., dict[str, Any]]


@pytest.fixture
def review(database: Database, settings: Settings, ingest: Ingest) -> Review:
    """Let a quorum sit over one text, a person decide about it, and the quorum sit again; the verdict in force."""
    ingest({"a.py": function("first")})

    def review(is_fit: bool, name: str = "Ada", reason: str = "Read it.", members: list[Member] | None = None) -> Any:
        sit(database, settings, members or quorum("fail"))
        (text,) = database.read("SELECT DISTINCT pattern_id, exact_hash FROM stemma.verdicts").rows()
        record_review(database, text, is_fit=is_fit, name=name, reason=reason)
        sit(database, settings, members or quorum("fail"))
        return latest(database)

    return review


def latest(database: Database) -> dict[str, Any]:
    return database.read("SELECT * FROM stemma.verdicts ORDER BY decided_at DESC LIMIT 1").row(0, named=True)


def test_what_a_person_accepts_is_accepted_and_the_verdict_says_who_and_why(review: Review) -> None:
    found = review(True)
    assert (found["outcome"], found["decision"]) == ("accept", "suggest")
    assert found["reason"].startswith("Reviewed by Ada: Read it. The quorum says: Open: 2 of 3 votes cast pass")
    assert found["changed"] == "From needs_review to accept: Ada decided that it is fit."


def test_what_a_person_rejects_is_refused(review: Review) -> None:
    found = review(False, reason="It leaks")
    assert (found["outcome"], found["decision"]) == ("reject", "refuse")
    assert found["reason"].startswith("Reviewed by Ada: It leaks. The quorum says: ")


def test_where_two_persons_disagree_it_is_for_a_third(review: Review) -> None:
    review(True)
    found = review(False, "Ben", "It leaks.")
    assert (found["outcome"], found["decision"]) == ("needs_review", "review")
    assert found["reason"].startswith("Reviewers disagree: Ada (fit): Read it.; Ben (unfit): It leaks. The quorum")
    assert found["changed"] == "From accept to needs_review: reviewers disagree."
    again = review(False, "Ada", "Ben is right.")
    assert again["changed"] == "From needs_review to reject: Ada decided that it is unfit."


def test_a_review_is_decided_upon_once(review: Review, database: Database, settings: Settings) -> None:
    review(True)
    assert sum(sit(database, settings, quorum("fail")).values()) == 0
    sit(database, settings, quorum("pass", "safe 2.0 (rules 0)"))
    found = latest(database)
    assert (found["outcome"], found["changed"]) == ("accept", "Still accept: safe 2.0 now passes it.")
    assert found["decision"] == "suggest"


def test_a_person_may_accept_what_is_vetoed_or_lacks_a_quorum_and_the_verdict_says_so(review: Review) -> None:
    class Veto(Stub):
        def judge(self, *arguments: Any) -> pl.DataFrame:
            told = '[{"rule": "private-key", "severity": "high", "line": 2, "message": "A key"}]'
            return super().judge(*arguments).with_columns(vote=pl.lit("fail"), findings=pl.lit(told))

    found = review(True, members=[Veto(name="secrets"), Shape(name="shape"), Sound(name="sound")])
    assert found["outcome"] == "accept"
    assert found["decision"] == "suggest"
    assert "The quorum says: Vetoed: secrets finds private-key in line 2 (A key)" in found["reason"]
    alone = review(True, "Ben", members=[Shape(name="shape")])
    assert (alone["outcome"], alone["probability"]) == ("accept", None)
    assert "Nobody judged its security" in alone["reason"]


# --- judges ------------------------------------------------------------------------------------------------------


def votes(*cast: tuple[str, str, str, str | None]) -> pl.DataFrame:
    """Votes on one text: member, family, vote, severity of the gravest finding."""
    rows = [
        {
            **dict.fromkeys(SEATED_VOTES),
            **{"pattern_id": "p", "exact_hash": "t", "member": member, "member_version": "1", "family": family},
            **{"vote": vote, "severity": severity, "rule": "r", "line": 1, "message": "m", "reason": "why"},
            "probability": {"pass": 1.0, "fail": 0.0}.get(vote) if family == "judges" else None,
        }
        for member, family, vote, severity in cast
    ]
    return pl.DataFrame(rows, schema=SEATED_VOTES)


def outcome(*cast: tuple[str, str, str, str | None]) -> str:
    """The outcome where whatever has a probability above one half is accepted."""
    scale = packaged().scale
    lenient = replace(scale, thresholds={target: Thresholds(0.5, 0.0) for target in scale.thresholds})
    return str(decide(votes(*cast), RULE, replace(packaged(), scale=lenient, used=lenient))["outcome"].item())


SAFE = ("safe", "security", "pass", None)
SHAPE = ("shape", "structure", "pass", None)
SOUND = ("sound", "history", "pass", None)
JUDGES = [(f"judge:{n}", "judges", "pass", None) for n in range(3)]


def test_judges_that_all_pass_make_no_quorum() -> None:
    assert outcome(SAFE, SHAPE, SOUND) == "accept"
    assert outcome(*JUDGES) == "needs_review"
    assert outcome(SAFE, SHAPE, *JUDGES) == "needs_review"
    assert outcome(SHAPE, SOUND, *JUDGES) == "needs_review"


def test_judges_that_all_pass_lift_no_veto_and_no_doubt() -> None:
    silent = ("safe", "security", "abstain", None)
    assert outcome(("secrets", "security", "fail", "high"), SHAPE, SOUND, *JUDGES) == "reject"
    assert outcome(("parse", "structure", "fail", "high"), silent, SOUND, *JUDGES) == "reject"
    assert outcome(("safe", "security", "fail", "low"), SHAPE, SOUND, *JUDGES) == "needs_review"
    assert outcome(silent, ("pack", "security", "pass", None), SHAPE, SOUND, *JUDGES) == "needs_review"


def test_a_judge_that_fails_forbids_nothing_by_itself() -> None:
    assert outcome(SAFE, SHAPE, SOUND, ("judge:0", "judges", "fail", "high")) in ("accept", "needs_review")


def test_a_configured_judge_votes_on_what_the_quorum_left_open_once_and_the_budget_knows(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    ingest({"a.py": "import os\n" + function("first")})
    with serving(honest) as endpoint:
        judge = JudgeSettings(name="one", base_url=endpoint.url, model="tiny", input_price=1, output_price=1)
        configured = settings.model_copy(update={"judges": (judge,)})
        members = quorum("fail")
        for _ in range(2):
            update_votes(database, configured, members)
            update_verdicts(database, configured, members)
    assert len(endpoint.asked) == 1
    vote = database.read("SELECT vote, cost, seconds FROM stemma.votes WHERE member = 'judge:one'").row(0, named=True)
    assert (vote["vote"], vote["cost"]) == ("pass", pytest.approx(0.0012))
    assert vote["seconds"] > 0
    found = latest(database)
    assert (found["n_families"], found["changed"]) == (4, "Still needs_review: judge:one tiny now passes it.")
    (row,) = database.read("SELECT judge, exact_hash, cost FROM stemma.judge_requests").rows()
    assert row == ("one", found["exact_hash"], pytest.approx(0.0012))
