"""What votes come to. Expectations are worked out by hand from the rule's and the calibration's numbers."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.quorum.calibrators import IDENTITY
from stemma.quorum.evidence import SEATED_VOTES, SIGNALS
from stemma.quorum.packs import flows
from stemma.quorum.rule import Rule
from stemma.quorum.thresholds import Thresholds
from stemma.quorum.verdicts import VERDICTS, decide
from stemma.quorum.worth import ANSWERS, RULES, Calibration, Scale, bare

FAMILIES = {
    "parse": "structure",
    "lizard": "structure",
    "ruff": "correctness",
    "mypy": "correctness",
    "bandit": "security",
    "secure": "security",
    "vulture": "dead code",
    "tests": "tests",
    "history": "history",
}
JUDGES = tuple(member for member in FAMILIES if member not in ("tests", "history"))
# Odds for fit against unfit: of a pass 3, of a failing vote with a grave, middling, light finding 1/100, 1/20, 1/2;
# learned from a billion answers of either kind, so that none of it is taken for chance.
ODDS = (0.01, 0.05, 0.5, 1.5, 3.0)


def known(
    thresholds: dict[float, Thresholds] | None = None, prior: float = 0.5, members: tuple[str, ...] = JUDGES
) -> Calibration:
    unfit = [1e9] * 5
    fit = [odds / sum(ODDS) * 5e9 for odds in ODDS]
    rows = [(member, *row) for member in members for row in zip(SIGNALS, unfit, fit, strict=True)]
    limits = {0.01: Thresholds(0.99, 0.001), 0.05: Thresholds(0.95, 0.02)} if thresholds is None else thresholds
    scale = Scale(prior, IDENTITY, limits)
    return replace(bare(pl.DataFrame(rows, schema=ANSWERS, orient="row")), scale=scale, used=scale)


NOBODY_USES_IT = Rule(needs_use=False)
"""The rule without what it asks of code's use, where something else is looked at."""
BELIEVED = Rule(needs_use=False, presumed=(("bandit", 0.02),))


PASS, FAIL_MEDIUM = log(3 / sum(ODDS) * 5), log(0.05 / sum(ODDS) * 5)


def frame(**said: str | tuple[str, str]) -> pl.DataFrame:
    """Each member's vote, or (vote, severity of its worst finding), or (abstain, reason)."""
    rows = []
    for member, told in said.items():
        vote, more = told if isinstance(told, tuple) else (told, "medium" if told == "fail" else None)
        reason = (more or "not applicable: not its language") if vote == "abstain" else None
        found = ("R1", more, 3, "what it saw") if vote != "abstain" and more else (None, None, None, None)
        rows.append(("p", "x", member, "1", FAMILIES[member], vote, None, reason, *found))
    return pl.DataFrame(rows, schema=SEATED_VOTES, orient="row")


def decided(rule: Rule | None = None, calibration: Calibration | None = None, **said: str | tuple[str, str]) -> dict:
    verdicts = decide(frame(**said), rule or NOBODY_USES_IT, calibration or known())
    assert verdicts.schema == VERDICTS
    return verdicts.row(0, named=True)


ALL = dict.fromkeys(JUDGES, "pass")


def test_the_probability_is_what_the_families_odds_come_to() -> None:
    """Three families, each at 3 / 5.06 * 5 = 2.96 to 1: 26 to 1."""
    verdict = decided(parse="pass", ruff="pass", bandit="pass")
    assert verdict["probability"] == pytest.approx(1 / (1 + exp(-3 * PASS)))
    assert (verdict["outcome"], verdict["decision"], verdict["n_families"]) == ("accept", "suggest", 3)
    assert verdict["reason"] == "3 of 3 votes cast pass, it is fit with a probability of 0.963."


def test_a_fourth_family_makes_it_sure_enough_to_apply() -> None:
    verdict = decided(parse="pass", ruff="pass", bandit="pass", vulture="pass")
    assert verdict["probability"] == pytest.approx(1 / (1 + exp(-4 * PASS)))  # 0.987
    assert decided(calibration=known({0.01: Thresholds(0.98, 0.0)}), **ALL)["decision"] == "auto_apply"
    assert decided(calibration=known({0.05: Thresholds(0.98, 0.0)}), **ALL)["decision"] == "suggest"


def test_a_second_member_of_a_family_adds_nothing() -> None:
    once = decided(parse="pass", ruff="pass", bandit="pass")
    twice = decided(parse="pass", ruff="pass", bandit="pass", lizard="pass", mypy="pass", secure="pass")
    assert twice["probability"] == once["probability"]
    assert (twice["n_families"], twice["n_pass"]) == (3, 6)


def test_of_a_family_at_odds_the_mean_word_counts() -> None:
    verdict = decided(parse="pass", ruff="pass", mypy="fail", bandit="pass")
    assert verdict["probability"] == pytest.approx(1 / (1 + exp(-(2 * PASS + (PASS + FAIL_MEDIUM) / 2))))
    assert verdict["agreement"] == pytest.approx(2 / 3)


def test_between_the_thresholds_it_is_for_a_person() -> None:
    verdict = decided(parse="pass", ruff="fail", bandit="pass")
    assert (verdict["outcome"], verdict["decision"]) == ("needs_review", "review")
    assert verdict["reason"] == (
        "Open: 2 of 3 votes cast pass, it is fit with a probability of 0.303, where at a target error of 0.05 "
        "0.950 would accept and 0.020 reject; ruff finds R1 in line 3 (what it saw)."
    )


def test_a_tie_is_never_broken() -> None:
    even = known({0.05: Thresholds(0.5 + 1e-9, 0.5 - 1e-9)})
    rule = Rule(min_families=1, needed_families=(), needs_use=False)
    nothing = replace(even, answers=even.answers.with_columns(fit=1e9))
    assert decided(rule, nothing, ruff="pass")["probability"] == 0.5
    assert decided(rule, nothing, ruff="pass")["outcome"] == "needs_review"


def test_enough_against_it_rejects() -> None:
    verdict = decided(parse="fail", ruff="fail", bandit="fail")
    assert (verdict["outcome"], verdict["decision"]) == ("reject", "refuse")
    assert verdict["probability"] == pytest.approx(1 / (1 + exp(-3 * FAIL_MEDIUM)))
    assert verdict["reason"].startswith("0 of 3 votes cast pass, it is fit with a probability of 0.0; bandit finds R1")


def test_a_grave_finding_of_security_vetoes_where_its_member_is_believed() -> None:
    """Nothing is presumed of Bandit's rules, which labels have to show first."""
    said = ALL | {"bandit": ("fail", "high")}
    verdict = decided(BELIEVED, **said)
    assert (verdict["outcome"], verdict["decision"]) == ("reject", "refuse")
    assert verdict["reason"] == "Vetoed: bandit finds R1 in line 3 (what it saw)."
    assert decided(**said)["outcome"] == "needs_review"
    assert decided(replace(BELIEVED, target_error=0.01), **said)["outcome"] == "needs_review"


def test_a_rule_that_follows_data_is_believed_where_two_sources_told_of_it() -> None:
    flow = frame(**ALL | {"bandit": ("fail", "high")}).with_columns(rule=pl.lit("python-sql-injection"))
    assert "python-sql-injection" in flows()
    assert decide(flow, BELIEVED, known()).row(0, named=True)["outcome"] == "needs_review"
    for n_sources, outcome in ((1, "needs_review"), (2, "reject")):
        row = [("bandit", "fail high", "python-sql-injection", 90.0, 0.0, 90, 0, n_sources)]
        told = replace(known(), rules=pl.DataFrame(row, schema=RULES, orient="row"))
        assert decide(flow, BELIEVED, told).row(0, named=True)["outcome"] == outcome


def test_a_text_that_does_not_parse_is_vetoed_unless_a_member_of_security_has_read_it() -> None:
    broken = ALL | {"parse": ("fail", "high")}
    unread = broken | dict.fromkeys(("bandit", "secure"), ("abstain", "not applicable: cannot parse"))
    assert decided(**unread)["reason"] == "Vetoed: parse finds R1 in line 3 (what it saw)."
    assert decided(**broken)["outcome"] == "needs_review"


def test_a_veto_needs_no_quorum() -> None:
    verdict = decided(parse=("fail", "high"), bandit="abstain")
    assert (verdict["outcome"], verdict["probability"]) == ("reject", None)


def test_a_grave_finding_of_another_is_one_vote() -> None:
    assert decided(**ALL | {"ruff": ("fail", "high")})["outcome"] == "needs_review"


def test_a_grave_finding_that_does_not_fail_vetoes_nothing() -> None:
    assert decided(**ALL | {"bandit": ("pass", "high")})["outcome"] == "accept"


def with_rules(**cases: tuple[int, int]) -> Calibration:
    """How many unfit and fit texts each rule of Bandit's failed, in two sources."""
    rows = [
        ("bandit", "fail high", rule, float(unfit), float(fit), unfit, fit, 2) for rule, (unfit, fit) in cases.items()
    ]
    return replace(known(), rules=pl.DataFrame(rows, schema=RULES, orient="row"))


def test_a_rule_that_labels_lead_one_to_think_wrong_vetoes_no_more_but_still_forbids_to_accept() -> None:
    """11 of 55 grave findings were wrong: (1 + 2 * .2) / (30 + 2) = .044. 11 of 50: (1 + 2 * .22) / (25 + 2) = .053."""
    said = ALL | {"bandit": ("fail", "high")}
    assert decided(calibration=with_rules(R1=(29, 1), R2=(15, 10)), **said)["outcome"] == "reject"
    assert decided(calibration=with_rules(R1=(24, 1), R2=(15, 10)), **said)["outcome"] == "needs_review"


def test_a_rule_of_which_no_label_speaks_vetoes_where_its_member_is_believed() -> None:
    said = ALL | {"bandit": ("fail", "high")}
    assert decided(BELIEVED, with_rules(R2=(15, 10)), **said)["outcome"] == "reject"
    assert decided(calibration=with_rules(R2=(15, 10)), **said)["outcome"] == "needs_review"


def test_nothing_is_accepted_that_nobody_is_seen_to_use() -> None:
    verdict = decided(Rule(), **ALL)
    assert verdict["outcome"] == "needs_review"
    assert "nothing vouches for it" in verdict["reason"]
    assert decided(Rule(), **ALL | {"tests": ("fail", "low"), "history": "abstain"})["outcome"] == "needs_review"
    assert decided(Rule(), **ALL | {"tests": "pass", "history": "abstain"})["outcome"] == "needs_review"
    assert decided(Rule(), **ALL | {"history": "pass"})["outcome"] == "accept"


def test_that_code_is_used_lifts_no_doubt() -> None:
    used = ALL | {"tests": "pass", "history": "pass"}
    assert decided(Rule(), **used | {"bandit": ("fail", "low")})["outcome"] == "needs_review"
    assert decided(Rule(), **used | {"bandit": ("fail", "high")})["outcome"] == "needs_review"


def test_code_in_use_is_measured_on_a_scale_of_its_own() -> None:
    """At nine fit of ten the odds are nine times those at even odds; without a threshold nothing is decided."""
    both = replace(known({}), used=Scale(0.9, IDENTITY, {0.05: Thresholds(0.99, None)}))
    both = replace(both, answers=both.answers.with_columns(fit=1e9))  # so that votes are worth nothing
    seated = pl.DataFrame(
        [("history", *row) for row in zip(SIGNALS, [1e9] * 5, [1e9] * 5, strict=True)], schema=ANSWERS, orient="row"
    )
    even = replace(both, answers=pl.concat([both.answers, seated]))
    assert decided(Rule(), even, **ALL | {"history": "pass"})["probability"] == pytest.approx(0.9)
    assert decided(Rule(), even, **ALL | {"history": "fail"})["probability"] == pytest.approx(0.5)
    sure = replace(even, used=replace(even.used, thresholds={0.05: Thresholds(0.899, None)}))
    assert decided(Rule(), sure, **ALL | {"history": "pass"})["outcome"] == "accept"
    assert decided(Rule(), even, **ALL | {"history": "pass"})["outcome"] == "needs_review"


def test_what_a_failure_is_worth_is_learned_by_rule() -> None:
    said = {"parse": "pass", "ruff": "pass", "bandit": ("fail", "medium")}
    row = [("bandit", "fail medium", rule, *counts, 0, 0, 0) for rule, counts in {"R1": (40.0, 0.0)}.items()]
    sharp = replace(known(), rules=pl.DataFrame(row, schema=RULES, orient="row"))
    blunt = replace(known(), rules=pl.DataFrame([(*row[0][:3], 20.0, 20.0, 0, 0, 0)], schema=RULES, orient="row"))
    stated = [decided(calibration=of, **said)["probability"] for of in (sharp, known(), blunt)]
    assert stated == sorted(stated) and len(set(stated)) == 3


def test_two_families_are_no_quorum() -> None:
    verdict = decided(bandit="pass", secure="pass", parse="pass", lizard="pass", ruff="abstain")
    assert (verdict["outcome"], verdict["probability"]) == ("needs_review", None)
    assert verdict["reason"] == "Too few votes: 2 of the 3 families a verdict needs."


def test_those_who_measure_shape_cannot_vouch_for_safety() -> None:
    verdict = decided(parse="pass", vulture="pass", ruff="pass", bandit="abstain")
    assert (verdict["outcome"], verdict["probability"]) == ("needs_review", None)
    assert verdict["reason"] == "Nobody judged its security (bandit: not applicable: not its language)."
    assert decided(parse="pass", vulture="pass", ruff="pass")["reason"] == (
        "Nobody judged its security (no such member)."
    )


def test_an_empty_quorum_is_for_a_person() -> None:
    texts = pl.DataFrame({"pattern_id": ["p"], "exact_hash": ["x"]})
    verdict = decide(pl.DataFrame(schema=SEATED_VOTES), Rule(), known(), texts).row(0, named=True)
    assert (verdict["outcome"], verdict["probability"], verdict["agreement"]) == ("needs_review", None, None)
    assert (verdict["n_pass"], verdict["n_abstain"], verdict["n_families"]) == (0, 0, 0)
    assert verdict["reason"] == "Nobody voted on it."


def test_where_all_abstain_nobody_agrees() -> None:
    verdict = decided(parse="abstain", bandit="abstain")
    assert (verdict["outcome"], verdict["agreement"], verdict["n_abstain"]) == ("needs_review", None, 2)


@pytest.mark.parametrize("reason", ["no answer: timed out after 300 s", "missing: secure is not installed", "unsure"])
def test_nothing_is_accepted_while_a_member_for_safety_is_silent(reason: str) -> None:
    verdict = decided(**ALL | {"secure": ("abstain", reason)})
    assert verdict["outcome"] == "needs_review"
    assert f"secure: {reason}" in verdict["reason"]
    assert decided(**ALL | {"secure": ("abstain", "not applicable: not its language")})["outcome"] == "accept"


def test_nothing_is_accepted_that_a_member_for_safety_fails() -> None:
    generous = known({0.05: Thresholds(0.01, 0.0)})
    assert decided(calibration=generous, **ALL | {"bandit": ("fail", "low")})["outcome"] == "needs_review"
    assert decided(calibration=generous, **ALL | {"mypy": ("fail", "low")})["outcome"] == "accept"


def test_without_a_threshold_that_keeps_the_target_nothing_is_decided() -> None:
    blind = known({0.05: Thresholds(None, None)})
    assert decided(calibration=blind, **ALL)["outcome"] == "needs_review"
    assert decided(calibration=blind, **dict.fromkeys(JUDGES, "fail"))["outcome"] == "needs_review"
    assert "none is known to be enough to accept" in decided(calibration=blind, **ALL)["reason"]


def test_a_stricter_target_takes_stricter_thresholds() -> None:
    said = {"parse": "pass", "ruff": "pass", "bandit": "pass"}
    assert decided(Rule(target_error=0.05, needs_use=False), **said)["outcome"] == "accept"
    assert decided(Rule(target_error=0.04, needs_use=False), **said)["outcome"] == "needs_review"
    assert decided(Rule(target_error=0.005, needs_use=False), **said)["outcome"] == "needs_review"


def test_where_more_code_is_fit_the_same_votes_are_worth_more() -> None:
    said = {"parse": "pass", "ruff": "pass", "bandit": "pass"}
    assert decided(calibration=known(prior=0.9), **said)["probability"] == pytest.approx(
        1 / (1 + exp(-(3 * PASS + log(9))))
    )


def test_of_a_member_about_whom_nothing_was_learned_little_is_believed() -> None:
    nobody = known(members=())
    assert 0.5 < decided(calibration=nobody, **ALL)["probability"] < 0.8


def test_a_member_that_gives_a_probability_is_as_grave_as_that_says() -> None:
    votes = frame(parse="pass", ruff="pass", bandit="pass", vulture="fail")
    verdicts = [
        decide(
            votes.with_columns(probability=pl.when(pl.col("member") == "vulture").then(p)),
            Rule(needs_use=False),
            known(),
        )
        for p in (0.05, 0.2, 0.4)
    ]
    stated = [verdict["probability"][0] for verdict in verdicts]
    assert stated == sorted(stated) and len(set(stated)) == 3


SAID = st.fixed_dictionaries(
    {name: st.sampled_from(["pass", "fail", ("fail", "low"), ("fail", "high"), "abstain"]) for name in JUDGES}
)


@settings(deadline=None, max_examples=40)
@given(SAID)
def test_turning_a_vote_to_pass_never_lowers_the_probability(said: dict) -> None:
    before = decided(**said)["probability"]
    for member, vote in said.items():
        if before is not None and vote != "abstain":
            assert decided(**said | {member: "pass"})["probability"] >= before - 1e-12


@settings(deadline=None, max_examples=40)
@given(SAID)
def test_nothing_is_accepted_without_three_families_and_a_clean_bill_of_safety(said: dict) -> None:
    if decided(**said)["outcome"] == "accept":
        assert len({FAMILIES[name] for name, vote in said.items() if vote != "abstain"}) >= 3
        assert {said["bandit"], said["secure"]} <= {"pass", "abstain"} and "pass" in (said["bandit"], said["secure"])


@settings(deadline=None, max_examples=40)
@given(SAID)
def test_decisions_follow_outcomes(said: dict) -> None:
    verdict = decided(**said)
    allowed = {"accept": {"auto_apply", "suggest"}, "reject": {"refuse"}, "needs_review": {"review"}}
    assert verdict["decision"] in allowed[verdict["outcome"]]
    assert verdict["n_pass"] + verdict["n_fail"] + verdict["n_abstain"] == len(JUDGES)


def test_texts_are_decided_each_by_itself() -> None:
    one, other = frame(**ALL), frame(parse="fail", ruff="fail", bandit="fail").with_columns(exact_hash=pl.lit("y"))
    both = decide(pl.concat([one, other]), Rule(), known())
    assert both.to_dicts() == [*decide(one, Rule(), known()).to_dicts(), *decide(other, Rule(), known()).to_dicts()]
