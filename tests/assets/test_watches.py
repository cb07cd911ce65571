"""What the watches over the quorum warn of, where they are silent, and where they say that they cannot know."""

from __future__ import annotations

import dagster as dg
import psycopg
import pytest

from assets.checks.watches import WATCHES, Seen
from orchestration.definitions import build_defs
from stemma.store.postgres import Database

LOOKS = {watch.name: watch.look for watch in WATCHES}


def plant(database: Database, *statements: str) -> None:
    with psycopg.connect(database.url) as connection:
        for statement in statements:
            connection.execute(statement)


def sitting(number: int, *, n_texts: int = 100, n_changed: int = 0, error: str = "NULL", rule: str = "r1") -> str:
    return f"""
        INSERT INTO stemma.sittings VALUES (lpad('{number}', 32, '0'), '2026-01-0{number}Z', '{rule}', {n_texts}, 10,
            60, 20, 20, {n_changed}, NULL, {0 if error == "NULL" else 40}, {error})
    """


def member(number: int, name: str, *, n_pass: int, n_abstain: int, n_no_answer: int) -> str:
    return f"""
        INSERT INTO stemma.sitting_members (sitting_id, member, member_version, family, n_pass, n_fail, n_abstain,
            n_no_answer, n_true_pass, n_false_pass, n_true_fail, n_false_fail)
        VALUES (lpad('{number}', 32, '0'), '{name}', '1', 'security', {n_pass}, 0, {n_abstain},
            {n_no_answer}, 0, 0, 0, 0)
    """


@pytest.mark.parametrize("name", ["probabilities_are_calibrated", "verdicts_do_not_drift", "every_member_answers"])
def test_before_the_first_sitting_nothing_is_known(database: Database, name: str) -> None:
    assert LOOKS[name](database) == Seen(False, "Unknown: the quorum has not sat yet.")


def test_too_few_labels_are_said_and_not_warned_of(database: Database) -> None:
    plant(database, sitting(1))
    seen = LOOKS["probabilities_are_calibrated"](database)
    unknown = "Unknown: it takes labels on 30 texts, of fit and unfit ones 10 each; 0 texts have one."
    assert (seen.is_alarming, seen.sentence) == (False, unknown)


@pytest.mark.parametrize(("error", "is_alarming"), [("0.09", False), ("0.11", True)])
def test_calibration_is_that_of_the_last_sitting(database: Database, error: str, is_alarming: bool) -> None:
    plant(database, sitting(1, error="0.5"), sitting(2, error=error))
    seen = LOOKS["probabilities_are_calibrated"](database)
    assert seen.is_alarming is is_alarming
    assert seen.sentence == f"On 40 labelled texts probabilities are off by {error}0 on average; 0.1 is allowed."


@pytest.mark.parametrize(("n_changed", "is_alarming"), [(5, False), (6, True)])
def test_outcomes_that_changed_are_drift(database: Database, n_changed: int, is_alarming: bool) -> None:
    plant(database, sitting(1, n_changed=100), sitting(2, n_changed=n_changed))
    assert LOOKS["verdicts_do_not_drift"](database).is_alarming is is_alarming


def test_drift_under_another_rule_says_so(database: Database) -> None:
    plant(database, sitting(1), sitting(2, n_changed=50, rule="r2"))
    seen = LOOKS["verdicts_do_not_drift"](database)
    assert seen.is_alarming
    assert "another rule, calibration or labels" in seen.sentence


def test_of_the_first_sitting_no_drift_is_known(database: Database) -> None:
    plant(database, sitting(1, n_changed=100))
    assert LOOKS["verdicts_do_not_drift"](database) == Seen(
        False, "Unknown: the quorum has sat once.", {"n_texts": 100}
    )


def test_a_member_that_gives_no_answer_is_named(database: Database) -> None:
    plant(
        database,
        *(sitting(1), member(1, "ruff", n_pass=0, n_abstain=100, n_no_answer=100)),
        *(sitting(2), member(2, "ruff", n_pass=96, n_abstain=4, n_no_answer=4)),
        # It does not read most of the texts, and of the few that it does it was silent on half.
        member(2, "mypy", n_pass=5, n_abstain=95, n_no_answer=5),
    )
    seen = LOOKS["every_member_answers"](database)
    assert seen.is_alarming
    assert seen.sentence == "At the last sitting no answer came from mypy (5 of 10 texts)."


def test_members_that_answered_are_counted(database: Database) -> None:
    plant(database, sitting(1), member(1, "ruff", n_pass=5, n_abstain=95, n_no_answer=0))
    seen = LOOKS["every_member_answers"](database)
    assert seen == Seen(False, "Every member answered at the last sitting.", {"n_members": 1})


REJECTING = "INSERT INTO stemma.verdicts SELECT pattern_id, exact_hash, now() + interval '1 day', 'reject', 0.1, 'refuse', 1, 0, 3, 0, 3, 'Bad.', 'x', 'r', 'd' FROM stemma.verdicts"  # noqa: E501


def test_a_repository_that_carries_much_of_what_is_rejected_is_named(ingested: Database) -> None:
    look = LOOKS["repositories_carry_few_rejected_texts"]
    assert look(ingested).is_alarming is False
    plant(ingested, REJECTING)
    seen = look(ingested)
    assert seen.is_alarming
    assert seen.figures["repositories"] == [{"repository": "copies", "n_rejected": 2, "n_judged": 2}]


def test_a_watch_warns_and_stops_nothing(ingested: Database, resources: dict[str, object]) -> None:
    plant(ingested, REJECTING)
    defs = build_defs(resources)
    key = dg.AssetCheckKey(dg.AssetKey("verdicts"), "repositories_carry_few_rejected_texts")
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_check_selection={key})
    run = job.execute_in_process()
    (evaluation,) = run.get_asset_check_evaluations()
    assert run.success
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
