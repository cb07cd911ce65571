"""What votes come to. Expectations are worked out by hand from the rule's numbers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.config import Settings
from stemma.errors import NotFoundError
from stemma.quorum.members import open_members
from stemma.quorum.queries import verdict_of
from stemma.quorum.rule import Rule
from stemma.quorum.verdicts import SEATED_VOTES, decide, update_verdicts
from stemma.quorum.votes import update_votes
from stemma.store.postgres import Database
from tests.quorum.conftest import Stub, id_of, store

SEATS = {member.name: (member.family, member.weight) for member in open_members()}


def decided(rule: Rule | None = None, **said: str | tuple[str, str]) -> dict[str, object]:
    """The verdict on one pattern: each member's vote, or (vote, severity of its worst finding)."""
    rows = []
    for member, told in said.items():
        vote, severity = told if isinstance(told, tuple) else (told, "medium" if told == "fail" else None)
        found = ("R1", severity, 3, "what it saw") if severity else (None, None, None, None)
        reason = "not applicable: not its language" if vote == "abstain" else None
        rows.append(("p", "digest", member, *SEATS[member], vote, reason, *found))
    return decide(pl.DataFrame(rows, schema=SEATED_VOTES, orient="row"), rule or Rule()).row(0, named=True)


def test_when_all_pass_it_is_accepted() -> None:
    verdict = decided(parse="pass", ruff="pass", bandit="pass", lizard="pass", vulture="pass")
    assert (verdict["outcome"], verdict["score"], verdict["agreement"]) == ("accept", 1.0, 1.0)
    assert verdict["reason"] == "All 5 votes cast pass."


def test_the_score_is_the_weight_of_those_that_pass() -> None:
    verdict = decided(parse="pass", ruff="pass", bandit="pass", lizard="fail", vulture="pass")
    assert verdict["score"] == pytest.approx(2.75 / 3.25)
    assert verdict["outcome"] == "needs_review"
    assert verdict["reason"] == "4 of 5 votes cast pass, but lizard finds R1 in line 3 (what it saw)."


def test_agreement_is_the_weight_of_the_larger_side() -> None:
    verdict = decided(parse="pass", ruff="fail", bandit="fail", lizard="pass", vulture="pass")
    assert verdict["agreement"] == pytest.approx(2 / 3.25)
    assert verdict["outcome"] == "reject"  # 1.25 / 3.25 < 0.5


def test_a_tie_is_for_a_person() -> None:
    assert decided(ruff="pass", bandit="fail")["outcome"] == "needs_review"
    assert decided(ruff="pass", bandit="fail")["score"] == 0.5


@pytest.mark.parametrize("member", ["parse", "bandit"])
def test_a_grave_finding_of_parse_or_bandit_vetoes(member: str) -> None:
    said: dict[str, str | tuple[str, str]] = dict.fromkeys(SEATS, "pass") | {member: ("fail", "high")}
    verdict = decided(**said)
    assert verdict["outcome"] == "reject"
    assert verdict["reason"] == f"Vetoed: {member} finds R1 in line 3 (what it saw)."


def test_a_grave_finding_of_another_is_one_vote() -> None:
    assert decided(parse="pass", ruff=("fail", "high"), bandit="pass", lizard="pass")["outcome"] == "needs_review"


def test_those_who_measure_shape_cannot_vouch_for_safety() -> None:
    verdict = decided(parse="pass", lizard="pass", vulture="pass", ruff="pass", bandit="abstain")
    assert verdict["outcome"] == "needs_review"
    assert verdict["reason"] == "Nobody judged its security (bandit: not applicable: not its language)."


def test_without_a_security_vote_only_a_veto_rejects() -> None:
    assert (
        decided(parse="pass", ruff="fail", lizard="fail", vulture="fail", bandit="abstain")["outcome"] == "needs_review"
    )
    assert decided(parse=("fail", "high"), ruff="pass", lizard="pass", bandit="abstain")["outcome"] == "reject"


def test_one_family_is_no_quorum() -> None:
    verdict = decided(parse="pass", lizard="pass", ruff="abstain", bandit="abstain", vulture="abstain")
    assert verdict["outcome"] == "needs_review"
    assert verdict["reason"] == "Too few votes: 1 of the 2 families a verdict needs."


def test_without_any_vote_there_is_no_score() -> None:
    verdict = decided(parse="abstain", bandit="abstain")
    assert (verdict["outcome"], verdict["score"], verdict["agreement"]) == ("needs_review", None, None)


@given(st.fixed_dictionaries({name: st.sampled_from(["pass", "fail", "abstain"]) for name in SEATS}))
def test_turning_a_vote_to_pass_never_lowers_the_score(said: dict[str, str]) -> None:
    score = decided(**said)["score"]
    for member, vote in said.items():
        if vote == "fail":
            assert decided(**said | {member: "pass"})["score"] > score


@given(st.fixed_dictionaries({name: st.sampled_from(["pass", "fail", "abstain"]) for name in SEATS}))
def test_nothing_is_accepted_without_a_security_vote_and_two_families(said: dict[str, str]) -> None:
    if decided(**said)["outcome"] == "accept":
        assert said["bandit"] == "pass"
        assert len({SEATS[name][0] for name, vote in said.items() if vote != "abstain"}) >= 2


# --- in the database -------------------------------------------------------------------------------------------------

CODE = "def f(): return 1"


class Second(Stub):
    name = "second"
    family = "structure"


def outcomes(database: Database) -> list[tuple[str, int]]:
    return database.read("SELECT outcome, n_pass FROM stemma.verdicts ORDER BY decided_at").rows()


def test_a_verdict_is_added_only_when_the_votes_change(database: Database, settings: Settings) -> None:
    store(database, CODE, "def g(): return 2")
    members = [Stub(), Second()]
    update_votes(database, settings, members)
    assert update_verdicts(database, members) == {"n_accept": 2, "n_reject": 0, "n_needs_review": 0}
    assert update_verdicts(database, members) == {"n_accept": 0, "n_reject": 0, "n_needs_review": 0}
    same = [Stub("answer('pass')", "2"), Second()]
    update_votes(database, settings, same)
    assert update_verdicts(database, same) == {"n_accept": 0, "n_reject": 0, "n_needs_review": 0}
    changed = [Stub("answer('fail')", "3"), Second()]
    update_votes(database, settings, changed)
    assert update_verdicts(database, changed) == {"n_accept": 0, "n_reject": 0, "n_needs_review": 2}
    assert outcomes(database) == [("accept", 2), ("accept", 2), ("needs_review", 1), ("needs_review", 1)]


def test_another_rule_decides_anew(database: Database, settings: Settings) -> None:
    store(database, CODE)
    members = [Stub(), Second()]
    update_votes(database, settings, members)
    update_verdicts(database, members)
    assert update_verdicts(database, members, Rule(min_families=3))["n_needs_review"] == 1


def test_votes_of_a_member_without_a_seat_do_not_count(database: Database, settings: Settings) -> None:
    store(database, CODE)
    update_votes(database, settings, [Stub("answer('fail')"), Second()])
    update_verdicts(database, [Second()])
    assert outcomes(database) == [("needs_review", 1)]


def test_slices_together_cover_every_pattern(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(database, *(f"def f{n}(): return {n}" for n in range(7)))
    members = [Stub(), Second()]
    update_votes(database, settings, members)
    monkeypatch.setattr("stemma.quorum.verdicts._SLICE", 3)
    assert update_verdicts(database, members)["n_accept"] == 7


def test_what_wipes_a_disk_is_rejected_and_the_finding_is_shown(database: Database, settings: Settings) -> None:
    code = 'def clean():\n    subprocess.run("rm -rf /", shell=True)'
    store(database, code)
    update_votes(database, settings)
    update_verdicts(database)
    answer = verdict_of(database, id_of(code)[:10])
    assert answer.verdict["outcome"] == "reject"
    assert str(answer.verdict["reason"]).startswith(
        "Vetoed: bandit finds B602 in line 2 (subprocess call with shell=True"
    )
    findings = dict(answer.votes.select("member", "findings").iter_rows())["bandit"]
    assert [(finding["rule"], finding["severity"], finding["line"]) for finding in findings] == [
        ("B602", "high", 2),
        ("B607", "low", 2),
    ]


def test_other_languages_are_never_accepted_yet(database: Database, settings: Settings) -> None:
    store(database, "int add(int a, int b) {\n  return a + b;\n}", language="java")
    update_votes(database, settings)
    assert update_verdicts(database) == {"n_accept": 0, "n_reject": 0, "n_needs_review": 1}


def test_a_pattern_without_a_verdict_says_why(database: Database, settings: Settings) -> None:
    store(database, CODE)
    with pytest.raises(NotFoundError, match="has not sat"):
        verdict_of(database, id_of(CODE))


def test_findings_reach_postgres_whatever_is_in_them(database: Database, settings: Settings) -> None:
    from stemma.quorum.members.base import Finding, as_json

    said = "caf\u00e9 \U0001f600 \0 \ud800 \\u0000"
    text = as_json([Finding(rule="R", severity="low", line=1, message=said)])
    stored = database.read("SELECT ($1::jsonb -> 0) ->> 'message' AS m", (text,)).item()
    assert stored == "caf\u00e9 \U0001f600 \ufffd ? \\u0000"
    assert json.loads(text)[0]["line"] == 1


def test_two_runs_at_once_write_each_vote_and_verdict_once(database: Database, settings: Settings) -> None:
    store(database, *(f"def f{n}(): return {n}" for n in range(30)))

    def run(_: int) -> int:
        members = [Stub("time.sleep(0.2); answer('pass')"), Second()]
        with Database(database.url) as own:
            update_votes(own, settings, members)
            return update_verdicts(own, members)["n_accept"]

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(run, range(2))) == 30
    assert database.read("SELECT count(*) FROM stemma.votes").item() == 60
    assert database.read("SELECT count(*) FROM stemma.verdicts").item() == 30


def test_without_a_pattern_there_is_nothing_to_decide(database: Database) -> None:
    assert update_verdicts(database) == {"n_accept": 0, "n_reject": 0, "n_needs_review": 0}
