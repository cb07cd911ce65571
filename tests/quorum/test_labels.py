"""Labels: what people decided, what waits for them, and what became of code, on real repositories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from stemma.config import Settings
from stemma.embed.patterns import refresh_patterns
from stemma.errors import ConfigError, NotFoundError
from stemma.extract.ingest import extract_blobs
from stemma.feedback.outcomes import update_outcomes
from stemma.git import fetch, registry
from stemma.git.ingest import ingest_history
from stemma.lineage.history import update_lineage
from stemma.lineage.occurrences import update_occurrences
from stemma.quorum.labels import (
    MAX_ENDED,
    RULE,
    LabelCounts,
    label_outcomes,
    record_review,
    reviews,
    reviews_in_force,
)
from stemma.quorum.review import find_text, page, queue
from stemma.store.postgres import Database
from stemma.tables import verdicts
from tests.quorum.conftest import Ingest, function
from tests.repositories import GitRepository

Text = tuple[str, str]

LOOP = """
def {name}(items, limit):
    total = 1
    for item in items:
        if item.price > limit:
            total += item.price * item.count
    return total
"""


def texts(database: Database) -> dict[str, Text]:
    """The texts of all definitions by name; of one name the smallest."""
    rows = database.read(
        "SELECT name, min(pattern_id) AS pattern_id, min(exact_hash) AS exact_hash FROM stemma.snippets GROUP BY name"
    )
    return {name: (pattern_id, exact_hash) for name, pattern_id, exact_hash in rows.iter_rows()}


def decide(database: Database, text: Text, outcome: str = "needs_review", probability: float | None = 0.5) -> None:
    """A verdict, as a sitting leaves it."""
    row = {
        **dict(zip(("pattern_id", "exact_hash"), text, strict=True)),
        "decided_at": datetime.now(UTC),
        **{"outcome": outcome, "probability": probability, "decision": "review", "agreement": 0.5},
        **{"n_pass": 1, "n_fail": 1, "n_abstain": 0, "n_families": 2, "reason": "Open."},
        **{"rule_version": "1", "votes_digest": "1"},
    }
    database.insert(verdicts, pl.DataFrame([row]))


def waiting(database: Database, **filters: Any) -> list[str]:
    return queue(database, **filters)["name"].to_list()


# --- reviews -----------------------------------------------------------------------------------------------------

TEXT = ("a" * 32, "b" * 32)


def test_of_one_person_the_latest_decision_counts_and_the_former_stays_on_record(database: Database) -> None:
    record_review(database, TEXT, is_fit=True, name="Ada", reason="Looks well.")
    record_review(database, TEXT, is_fit=False, name="Ada", reason="On a second look it leaks.")
    told = reviews(database, TEXT)
    assert told.select("is_fit", "is_in_force", "reason").rows() == [
        (False, True, "On a second look it leaks."),
        (True, False, "Looks well."),
    ]
    (row,) = reviews_in_force(database).to_dicts()
    assert (row["is_fit"], row["reviewed_by"]) == (False, "Ada")
    assert row["said"] == "Ada (unfit): On a second look it leaks."


def test_two_persons_who_disagree_decide_nothing_until_one_thinks_again(database: Database) -> None:
    record_review(database, TEXT, is_fit=True, name="Ada", reason="Fine.")
    record_review(database, TEXT, is_fit=False, name="Ben", reason="It leaks.")
    (row,) = reviews_in_force(database).to_dicts()
    assert (row["is_fit"], row["said"]) == (None, "Ada (fit): Fine.; Ben (unfit): It leaks.")
    record_review(database, TEXT, is_fit=False, name="Ada", reason="Ben is right.")
    (row,) = reviews_in_force(database).to_dicts()
    assert (row["is_fit"], row["reviewed_by"], row["review_reason"]) == (False, "Ada", "Ben is right.")


def test_secrets_controls_and_half_characters_do_not_get_into_a_review(database: Database) -> None:
    key = "AKIA" + "Q3EGZ5N2WTLM7KXR"
    row = record_review(database, TEXT, is_fit=False, name="A\0da", reason=f"It holds\n{key}\ud800 and\0 more.")
    assert row["labelled_by"] == "A\ufffdda"
    assert row["reason"] == "It holds [redacted:aws-access-key]? and\ufffd more."
    assert reviews(database)["reason"].to_list() == [row["reason"]]


@pytest.mark.parametrize(("name", "reason"), [("", "x"), ("Ada", " \n"), ("A" * 201, "x"), ("Ada", "x" * 2_001)])
def test_a_review_needs_a_name_and_a_reason_of_bounded_length(database: Database, name: str, reason: str) -> None:
    with pytest.raises(ConfigError):
        record_review(database, TEXT, is_fit=True, name=name, reason=reason)
    assert reviews(database).is_empty()


# --- what waits --------------------------------------------------------------------------------------------------


def test_what_matters_most_is_first_by_places_times_doubt(database: Database, ingest: Ingest) -> None:
    spread, rare, sure = function("spread"), function("rare", 2), function("sure", 3)
    ingest({"a.py": spread, "b.py": spread + rare, "c.py": sure, "d.py": sure, "e.py": sure})
    found = texts(database)
    decide(database, found["rare"], probability=None)  # 1 place, doubt 1
    decide(database, found["spread"], probability=0.5)  # 2 places, doubt 1
    decide(database, found["sure"], probability=0.05)  # 3 places, doubt 0.286
    assert waiting(database) == ["spread", "rare", "sure"]
    rows = queue(database)
    assert rows["n_places"].to_list() == [2, 1, 3]
    assert rows["doubt"].to_list() == pytest.approx([1, 1, 0.2864], abs=1e-4)
    assert rows["place"].to_list() == ["a.py:spread", "b.py:rare", "c.py:sure"]
    assert set(rows["n_waiting"]) == {3}
    assert waiting(database, limit=1) == ["spread"]


def test_what_was_decided_waits_for_nobody_and_what_two_disagree_on_does(database: Database, ingest: Ingest) -> None:
    ingest({"a.py": function("one") + function("two", 2) + function("three", 3) + function("four", 4)})
    found = texts(database)
    for name in ("one", "two", "three"):
        decide(database, found[name])
    decide(database, found["four"], "accept", 0.99)
    record_review(database, found["one"], is_fit=True, name="Ada", reason="Fine.")
    for name, is_fit in (("Ada", True), ("Ben", False)):
        record_review(database, found["two"], is_fit=is_fit, name=name, reason="So I think.")
    assert sorted(waiting(database)) == ["three", "two"]
    decide(database, found["three"], "reject", 0.01)
    assert waiting(database) == ["two"]
    assert queue(database)["reviews"].to_list() == ["Ada (fit): So I think.; Ben (unfit): So I think."]


def test_the_queue_is_narrowed_to_a_repository_or_a_language(database: Database, ingest: Ingest) -> None:
    ingest({"a.py": function("one")}, "first")
    ingest({"a.py": function("two", 2)}, "second")
    for text in texts(database).values():
        decide(database, text)
    assert waiting(database, repo="second") == ["two"]
    assert waiting(database, language="python", repo="first") == ["one"]
    assert waiting(database, language="go") == []
    with pytest.raises(NotFoundError):
        queue(database, repo="third")


def test_a_page_shows_the_text_itself_and_not_another_of_its_pattern(
    database: Database, settings: Settings, ingest: Ingest
) -> None:
    repository = ingest({"a.py": "# first line\n" + function("one", "x"), "b.py": function("other", "ä")})
    found = texts(database)
    assert found["one"][0] == found["other"][0]
    decide(database, found["other"], probability=0.4)
    shown = page(database, settings, found["other"])
    assert shown.code == function("other", "ä").splitlines()
    assert (shown.facts["place"], shown.facts["outcome"]) == ("b.py:other", "needs_review")
    assert page(database, settings, found["one"]).facts["outcome"] is None
    repository.path.rename(repository.path.with_name("gone"))
    assert page(database, settings, found["one"]).code is None
    assert "gone" in str(page(database, settings, found["one"]).missing)


def test_a_text_is_found_by_its_id_and_by_its_name(database: Database, ingest: Ingest) -> None:
    ingest({"a.py": function("one"), "b.py": function("other", 2)})
    update_lineage(database, registry.list_repositories(database)["repo_id"][0])
    found = texts(database)
    with pytest.raises(NotFoundError, match="was not judged"):
        find_text(database, "one")
    for text in found.values():
        decide(database, text)
    assert find_text(database, found["one"][1]) == find_text(database, found["one"][1][:8].upper()) == found["one"]
    assert find_text(database, "b.py:other") == found["other"]
    with pytest.raises(ConfigError, match="means several texts"):
        find_text(database, found["one"][0])
    with pytest.raises(NotFoundError):
        find_text(database, "nothing")


# --- outcomes ----------------------------------------------------------------------------------------------------


class History:
    """A repository whose commits fall on days of the test's own, brought up to its outcomes and labels."""

    def __init__(self, database: Database, settings: Settings, repository: GitRepository) -> None:
        self.database, self.settings, self.repository = database, settings, repository

    def commit(self, day: int, files: Mapping[str, str | None], message: str = "Work") -> str:
        date = self.repository.date(day).strftime("%Y-%m-%dT%H:%M:%S+0000")
        return self.repository.commit(message, files, environment={"GIT_COMMITTER_DATE": date})

    def label(self) -> LabelCounts:
        db, settings = self.database, self.settings
        repo_id = registry.register(db, settings, str(self.repository.path))
        repo = registry.find(db, repo_id, settings)
        fetch.refresh(db, settings, repo)
        ingest_history(db, settings, repo)
        extract_blobs(db, settings, repo)
        update_occurrences(db, repo_id)
        update_lineage(db, repo_id)
        refresh_patterns(db)
        update_outcomes(db, repo_id)
        return label_outcomes(db)

    def labels(self) -> dict[str, bool]:
        """Whether the texts of each name are fit, of those that are labelled."""
        rows = self.database.read(
            "SELECT DISTINCT n.qualified_name || '@' || n.first_parent_index, l.is_fit FROM stemma.labels l "
            "JOIN stemma.lineage_nodes n USING (pattern_id, exact_hash) WHERE l.source = 'outcome'"
        )
        return dict(rows.iter_rows())


@pytest.fixture
def history(database: Database, settings: Settings, make_repository: Any) -> History:
    return History(database, settings, make_repository("project"))


def loop(name: str, extra: str = "") -> str:
    return LOOP.format(name=name).replace("    total = 1\n", f"    total = 1\n{extra}")


def test_code_that_stood_is_fit_and_code_fixed_soon_is_not(history: History) -> None:
    history.commit(0, {"a.py": loop("stays") + loop("breaks")})
    fix = history.commit(12, {"a.py": loop("stays") + loop("breaks", "    limit = limit or 0\n")}, "Fix a crash")
    history.commit(200, {"b.py": loop("young")})
    assert history.label() == LabelCounts(3, 0)
    assert history.labels() == {"stays@0": True, "breaks@0": False, "breaks@1": True}
    rows = history.database.read("SELECT is_fit, labelled_by, reason, labelled_at FROM stemma.labels ORDER BY 4, 1")
    assert set(rows["labelled_by"]) == {RULE}
    assert rows.filter(~pl.col("is_fit"))["reason"].item() == f"Fixed after 12 days by {fix[:10]} in project."
    assert rows.filter(~pl.col("is_fit"))["labelled_at"].item() == history.repository.date(12)
    assert history.label() == LabelCounts(0, 0)


def test_a_test_that_a_fix_adapts_is_not_labelled(history: History) -> None:
    before = {"tests/help.py": loop("helps"), "a.py": loop("test_it") + loop("stays")}
    history.commit(0, before)
    change = "    limit = limit or 0\n"
    history.commit(
        5, {"tests/help.py": loop("helps", change), "a.py": loop("test_it", change) + loop("stays")}, "Fix it"
    )
    history.commit(100, {"b.py": loop("more")})
    history.label()
    assert history.labels() == {"stays@0": True}


def test_what_was_reverted_soon_is_unfit(history: History) -> None:
    before = loop("steady")
    history.commit(0, {"a.py": before})
    history.commit(10, {"a.py": loop("steady", "    items = sorted(items)\n")}, "Sort them")
    history.commit(15, {"a.py": before}, 'Revert "Sort them"')
    history.commit(60, {"b.py": loop("other")})
    history.label()
    assert history.labels() == {"steady@1": False}


def test_nothing_is_said_of_what_is_not_known(history: History) -> None:
    many = [f"many_{n}" for n in range(MAX_ENDED + 1)]
    change = "    limit = limit or 0\n"
    first = {"late.py": loop("late"), "many.py": "".join(map(loop, many)), "here.py": loop("twice")}
    history.commit(0, {**first, "there.py": loop("twice"), "work.py": loop("changed")})
    history.commit(20, {"work.py": loop("changed", change)}, "Work on it")  # ended soon, by no fix
    history.commit(30, {"many.py": "".join(loop(name, change) for name in many)}, "Fix them all")  # too large
    history.commit(40, {"here.py": loop("twice", change)}, "Fix it here")  # and it goes on to stand elsewhere
    history.commit(120, {"late.py": loop("late", change)}, "Fix it late")
    history.commit(129, {"end.py": loop("end")})
    history.label()
    assert history.labels() == {"changed@1": True, **{f"{name}@2": True for name in many}}


def test_a_label_whose_evidence_turns_goes(history: History) -> None:
    history.commit(0, {"a.py": loop("stays")})
    history.commit(95, {"b.py": loop("more")})
    assert history.label() == LabelCounts(1, 0)
    history.commit(100, {"a.py": loop("stays", "    limit = limit or 0\n")}, "Fix what nobody saw")
    assert history.label() == LabelCounts(0, 1)
    assert history.labels() == {}


def test_labels_by_outcome_leave_reviews_alone(history: History) -> None:
    record_review(history.database, TEXT, is_fit=True, name="Ada", reason="Fine.")
    history.commit(0, {"a.py": loop("stays")})
    history.commit(95, {"b.py": loop("more")})
    history.label()
    assert history.database.read("SELECT source FROM stemma.labels ORDER BY 1")["source"].to_list() == [
        "outcome",
        "review",
    ]
