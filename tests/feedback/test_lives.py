"""How long code lives by who wrote it, counted by hand in days after the first commit; the estimate held to scipy's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemma.feedback import lives
from stemma.feedback.life_sql import stage_lives
from stemma.feedback.lives import LifeCounts, curve, survival, update_lives
from stemma.store.postgres import Database
from tests.attribution.agent import MODEL, Agent
from tests.attribution.conftest import agent, attribute
from tests.feedback.test_outcomes import commit_on_day
from tests.lineage.code import function
from tests.repositories import GitRepository

__all__ = ["agent", "attribute"]

Step = Callable[[Path], str]


def found(database: Database, unit: str) -> list[tuple[object, ...]]:
    """Name of the version, origin, number, whether it ended, days."""
    return database.read(
        "SELECT n.qualified_name, l.origin, l.n, l.is_ended, l.days FROM stemma.lives l "
        "JOIN stemma.lineage_nodes n USING (node_id) WHERE l.unit = $1 ORDER BY 1, 2, 4, 5, 3",
        [unit],
    ).rows()


def grow(repository: GitRepository, agent: Agent) -> None:
    """An agent writes three() on day 0, a person changes the last of its six lines on day 10 and removes it on 50."""
    agent.write("b.py", function("three", "retry"), at=repository.date(0))
    commit_on_day(repository, 0, {"a.py": function("one")})
    changed = function("three", "retry").replace("print(error)", "log.warning('lost')")
    commit_on_day(repository, 10, {"b.py": changed})
    commit_on_day(repository, 50, {"b.py": "x = 1\n"})
    commit_on_day(repository, 60, {"c.py": function("four", "longest")})


def test_snippets_live_until_their_code_changes_and_lines_until_they_are_gone(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    grow(repository, agent)
    repo_id = attribute(repository.path)
    update_lives(database, repo_id)
    assert found(database, "snippet") == [
        ("four", "unknown", 1, False, None),
        ("one", "unknown", 1, False, None),
        ("three", "agent", 1, True, 10.0),
        ("three", "mixed", 1, True, 40.0),
    ]
    assert found(database, "line") == [
        ("three", "agent", 1, True, 10.0),
        ("three", "agent", 5, True, 50.0),
    ]
    assert database.read("SELECT DISTINCT model FROM stemma.lives WHERE unit = 'line'")["model"].to_list() == [MODEL]


def test_a_second_run_changes_nothing_nor_does_a_later_head_that_left_the_code_alone(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    grow(repository, agent)
    repo_id = attribute(repository.path)
    update_lives(database, repo_id)
    assert update_lives(database, repo_id) == LifeCounts()
    # one() is 60 days old at the head; at the next it is 100.
    assert survival(database, ages=(80,)).filter(pl.col("origin") == "unknown")["survived_80d"].to_list() == [None]
    commit_on_day(repository, 100, {"d.txt": "x"})
    attribute(repository.path)
    assert update_lives(database, repo_id) == LifeCounts()
    assert survival(database, ages=(80,)).filter(pl.col("origin") == "unknown")["survived_80d"].to_list() == [1.0]


def test_lives_are_computed_again_only_when_what_they_are_made_of_changed(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(repository, agent)
    repo_id = attribute(repository.path)
    update_lives(database, repo_id)
    before = database.read("SELECT * FROM stemma.lives ORDER BY life_id").rows()
    staged: list[str] = []
    monkeypatch.setattr(lives, "stage_lives", lambda *both: (staged.append("x"), stage_lives(*both)))
    update_lives(database, repo_id)
    assert not staged
    database.execute("DELETE FROM stemma.lives WHERE NOT is_ended")
    assert update_lives(database, repo_id) == LifeCounts(n_lives=2)
    database.execute("UPDATE stemma.origins SET model = 'another' WHERE origin = 'agent'")
    assert update_lives(database, repo_id).n_lives > 0
    assert len(staged) == 2
    assert len(database.read("SELECT * FROM stemma.lives").rows()) == len(before)


def test_a_method_s_lines_are_not_counted_again_as_its_class_s(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    body = "class Cart:\n    limit = 3\n\n    def first(self):\n        return self.items[0]\n"
    agent.write("b.py", body, at=repository.date(0))
    commit_on_day(repository, 0, {"a.py": function("one")})
    repo_id = attribute(repository.path)
    update_lives(database, repo_id)
    assert found(database, "line") == [
        ("Cart", "agent", 2, False, None),
        ("Cart.first", "agent", 2, False, None),
    ]


def test_the_survival_of_an_origin_is_kaplan_meiers(
    database: Database, repository: GitRepository, agent: Agent, attribute: Step
) -> None:
    grow(repository, agent)
    repo_id = attribute(repository.path)
    update_lives(database, repo_id)
    rows = survival(database, unit="line", by=("repository", "origin", "model"), ages=(30, 50, 90))
    only = rows.row(0, named=True)
    assert (only["origin"], only["n"], only["n_ended"]) == ("agent", 6, 6)
    assert only["survived_30d"] == pytest.approx(5 / 6)
    assert only["survived_50d"] == 0.0
    assert only["survived_90d"] is None  # nobody was watched for so long


def test_the_curve_honours_what_is_censored() -> None:
    # Kaplan and Meier by hand: at 5 of 6 at risk one ends, at 20 of 4 (one was censored at 10) two end.
    rows = pl.DataFrame(
        {
            "n": [1, 1, 2, 2],
            "is_ended": [True, False, True, False],
            "days": [5.0, 10.0, 20.0, 40.0],
        }
    )
    told = curve(rows, ages=(30, 90))
    assert (told["n"], told["n_ended"]) == (6, 3)
    assert told["survived_30d"] == pytest.approx(5 / 6 * 2 / 4)
    assert told["survived_90d"] is None
    low, high = told["survived_30d_low"], told["survived_30d_high"]
    assert low is not None and high is not None and 0 < low < 5 / 12 < high < 1
