"""Copies between repositories and inside one: which is the copy of which, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.config import Settings
from stemma.embed.patterns import refresh_patterns
from stemma.git import registry
from stemma.git.removal import forget
from stemma.lineage.copies import update_copies
from stemma.match.matches import update_matches
from stemma.store.postgres import Database
from tests.ingested import bring_up
from tests.lineage.code import Row, file, function
from tests.repositories import GitRepository

Bring = Callable[..., str]


@pytest.fixture
def bring(database: Database, settings: Settings) -> Bring:
    """Register a repository if it is new, and take it up to lineage; returns its id."""

    def run(path: Path) -> str:
        repo_id = bring_up(database, settings, path)
        refresh_patterns(database)
        return repo_id

    return run


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], GitRepository]:
    return lambda name: GitRepository(tmp_path / name)


def copies(database: Database) -> list[Row]:
    """Child and parent as repository/path:name, type, what told it, which way it was told."""
    return database.read(
        "SELECT cr.name || '/' || c.path || ':' || c.qualified_name AS child, "
        "pr.name || '/' || p.path || ':' || p.qualified_name AS parent, "
        "e.edge_type, e.evidence ->> 'matched_by' AS matched_by, e.evidence ->> 'direction' AS direction "
        "FROM stemma.lineage_edges e JOIN stemma.lineage_nodes c ON c.node_id = e.child_id "
        "JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id "
        "JOIN stemma.repositories cr ON cr.repo_id = c.repo_id JOIN stemma.repositories pr ON pr.repo_id = p.repo_id "
        "WHERE e.edge_type IN ('copied_from', 'forked_from') ORDER BY 1, 2"
    ).rows()


def whole(database: Database) -> list[Row]:
    """Every column of every copy, and every event that tells of one."""
    edges = "SELECT e::text AS row FROM stemma.lineage_edges e WHERE edge_type IN ('copied_from', 'forked_from')"
    events = "SELECT e::text FROM stemma.lineage_events e WHERE event_type IN ('copied', 'forked')"
    return sorted(database.read(f"{edges} UNION ALL {events}").rows())


def on(day: str) -> dict[str, str]:
    return {"GIT_AUTHOR_DATE": f"{day}T12:00:00+0000", "GIT_COMMITTER_DATE": f"{day}T12:00:00+0000"}


TOTAL, LONGEST, RETRY = function("total"), function("longest", "longest"), function("retry", "retry")


def test_the_later_of_two_equal_functions_is_the_copy(database: Database, bring: Bring, make: Bring) -> None:
    made, taken = make("made"), make("taken")
    made.commit("write", {"a.py": TOTAL}, environment=on("2024-01-01"))
    taken.commit("take", {"b.py": TOTAL}, environment=on("2024-03-01"))
    bring(taken.path)
    bring(made.path)
    assert update_copies(database).n_edges == 1
    assert copies(database) == [("taken/b.py:total", "made/a.py:total", "copied_from", "text", "dates")]
    events = database.read(
        "SELECT e.event_type, e.occurred_at::text AS at, e.detail ->> 'path' AS path FROM stemma.lineage_events e "
        "WHERE event_type = 'copied'"
    )
    assert events.rows() == [("copied", "2024-03-01 12:00:00+00", "a.py")]


def test_texts_that_differ_in_layout_or_in_names_are_copies_too(database: Database, bring: Bring, make: Bring) -> None:
    made = make("made")
    made.commit("write", {"a.py": file(TOTAL, LONGEST)}, environment=on("2024-01-01"))
    laid_out, renamed = make("laid-out"), make("renamed")
    laid_out.commit("take", {"b.py": TOTAL.replace("    result = 0", "    result  =  0")}, environment=on("2024-02-01"))
    renamed.commit(
        "take", {"c.py": LONGEST.replace("item", "word").replace("longest", "most")}, environment=on("2024-02-01")
    )
    for repository in (made, laid_out, renamed):
        bring(repository.path)
    update_copies(database)
    assert copies(database) == [
        ("laid-out/b.py:total", "made/a.py:total", "copied_from", "tokens", "dates"),
        ("renamed/c.py:most", "made/a.py:longest", "copied_from", "pattern", "dates"),
    ]


def test_of_many_repositories_each_copy_has_one_source_the_first(database: Database, bring: Bring, make: Bring) -> None:
    for month, name in enumerate(("one", "two", "three", "four"), 1):
        repository = make(name)
        repository.commit("take", {"a.py": TOTAL}, environment=on(f"2024-0{month}-01"))
        bring(repository.path)
    update_copies(database)
    assert [(child, parent) for child, parent, *_ in copies(database)] == [
        ("four/a.py:total", "one/a.py:total"),
        ("three/a.py:total", "one/a.py:total"),
        ("two/a.py:total", "one/a.py:total"),
    ]
    sure = database.read("SELECT confidence FROM stemma.lineage_edges WHERE edge_type = 'copied_from' ORDER BY 1 DESC")
    assert sure["confidence"].to_list() == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize(
    ("author", "committer"),
    [("1970-01-01", "2024-03-01"), ("2090-01-01", "2024-03-01"), ("2024-06-01", "2024-03-01")],
    ids=["1970", "the future", "author after committer"],
)
def test_a_date_nobody_can_believe_gives_way_to_the_committers(
    database: Database, bring: Bring, make: Bring, author: str, committer: str
) -> None:
    made, taken = make("made"), make("taken")
    made.commit("write", {"a.py": TOTAL}, environment=on("2024-01-01"))
    taken.commit("begin", {"README": "x"}, environment=on("2024-02-01"))
    dates = on(committer) | {"GIT_AUTHOR_DATE": f"{author}T12:00:00+0000"}
    taken.commit("take", {"b.py": TOTAL}, environment=dates)
    bring(made.path)
    bring(taken.path)
    update_copies(database)
    assert copies(database) == [("taken/b.py:total", "made/a.py:total", "copied_from", "text", "dates")]


def test_a_commit_that_is_dated_before_its_parent_came_after_it(database: Database, bring: Bring, make: Bring) -> None:
    """`taken` was begun in 2024; that its second commit says 2020 does not make it the source of one of 2023."""
    made, taken = make("made"), make("taken")
    made.commit("write", {"a.py": TOTAL}, environment=on("2023-01-01"))
    taken.commit("begin", {"README": "x"}, environment=on("2024-01-01"))
    taken.commit("take", {"b.py": TOTAL}, environment=on("2020-01-01"))
    bring(made.path)
    bring(taken.path)
    update_copies(database)
    # 2020 may be the truth all the same (a commit that was rebased): then it was the other way round.
    assert copies(database) == [("taken/b.py:total", "made/a.py:total", "copied_from", "text", "undecided")]


def test_where_dates_cannot_tell_there_is_one_edge_that_says_so(database: Database, bring: Bring, make: Bring) -> None:
    for name in ("one", "two"):
        repository = make(name)
        repository.commit(f"write {name}", {"a.py": TOTAL}, environment=on("2024-01-01"))
        bring(repository.path)
    update_copies(database)
    ((*_, direction),) = copies(database)
    (row,) = database.read("SELECT confidence FROM stemma.lineage_edges WHERE edge_type = 'copied_from'").rows()
    assert (direction, row) == ("undecided", (0.5,))


def test_a_vendored_file_is_the_copy_whatever_its_date_says(database: Database, bring: Bring, make: Bring) -> None:
    upstream, user = make("upstream"), make("user")
    user.commit("vendor", {"vendor/lib/a.py": TOTAL}, environment=on("2020-01-01"))
    upstream.commit("import all", {"lib/a.py": TOTAL}, environment=on("2024-01-01"))
    bring(user.path)
    bring(upstream.path)
    update_copies(database)
    assert copies(database) == [
        ("user/vendor/lib/a.py:total", "upstream/lib/a.py:total", "copied_from", "text", "vendored")
    ]
    (row,) = database.read("SELECT evidence ->> 'child_category' AS c FROM stemma.lineage_edges").rows()
    assert row == ("vendored",)


def test_of_two_vendored_files_the_later_is_the_copy(database: Database, bring: Bring, make: Bring) -> None:
    for year, name in ((2020, "one"), (2021, "two")):
        repository = make(name)
        repository.commit("vendor", {"vendor/a.py": TOTAL}, environment=on(f"{year}-01-01"))
        bring(repository.path)
    update_copies(database)
    assert copies(database) == [("two/vendor/a.py:total", "one/vendor/a.py:total", "copied_from", "text", "dates")]


def test_what_was_taken_out_of_a_vendored_file_is_nobodys_upstream(
    database: Database, bring: Bring, make: Bring
) -> None:
    """`user` moved its vendored copy into its own code; the later project did not take it from there."""
    user, other = make("user"), make("other")
    user.commit("vendor", {"vendor/a.py": TOTAL}, environment=on("2020-01-01"))
    user.move("vendor/a.py", "own.py")
    user.commit("take over", environment=on("2020-02-01"))
    other.commit("write", {"a.py": TOTAL}, environment=on("2024-01-01"))
    bring(user.path)
    bring(other.path)
    update_copies(database)
    assert [(child, parent) for child, parent, *_ in copies(database)] == [
        ("user/vendor/a.py:total", "other/a.py:total")
    ]


def test_a_new_element_that_equals_one_that_stands_is_its_copy(database: Database, bring: Bring, make: Bring) -> None:
    repository = make("one")
    repository.commit("write", {"a.py": TOTAL})
    repository.commit("write more", {"b.py": LONGEST})
    repository.commit("copy", {"c.py": TOTAL})
    repository.commit("copy on", {"d.py": TOTAL})
    bring(repository.path)
    update_copies(database)
    assert copies(database) == [
        ("one/c.py:total", "one/a.py:total", "copied_from", "text", "position"),
        ("one/d.py:total", "one/a.py:total", "copied_from", "text", "position"),
    ]
    sure = database.read(
        "SELECT e.confidence FROM stemma.lineage_edges e JOIN stemma.lineage_nodes n ON n.node_id = e.child_id "
        "WHERE e.edge_type = 'copied_from' ORDER BY n.path"
    )
    assert sure["confidence"].to_list() == [1, 0.5]


def test_what_is_gone_is_copied_by_nobody_in_its_repository(database: Database, bring: Bring, make: Bring) -> None:
    repository = make("one")
    repository.commit("write", {"a.py": TOTAL, "b.py": LONGEST})
    repository.commit("remove", {"a.py": None})
    repository.commit("something else", {"e.py": RETRY})
    repository.commit("write again elsewhere", {"c.py": TOTAL})
    bring(repository.path)
    update_copies(database)
    assert [child for child, *_ in copies(database)] == []


def test_trivial_code_is_no_copy(database: Database, bring: Bring, make: Bring) -> None:
    for year, name in ((2020, "one"), (2021, "two")):
        repository = make(name)
        repository.commit("write", {"a.py": "def get(self):\n    return self.x\n"}, environment=on(f"{year}-01-01"))
        bring(repository.path)
    update_copies(database)
    assert copies(database) == []


def test_repositories_that_share_commits_share_that_history(
    database: Database, bring: Bring, make: Bring, tmp_path: Path
) -> None:
    """The fork's own function is copied on; the shared ones are forked, not copied, and others copy the one holder."""
    origin, taker = make("origin"), make("taker")
    origin.commit("write", {"a.py": TOTAL}, environment=on("2024-01-01"))
    origin.commit("change", {"a.py": TOTAL.replace("price", "cost")}, environment=on("2024-01-02"))
    origin.git("clone", "-q", str(origin.path), str(tmp_path / "fork"))
    fork = GitRepository(tmp_path / "fork")
    fork.commit("write own", {"b.py": LONGEST}, environment=on("2024-02-01"))
    taker.commit("take both", {"c.py": file(TOTAL, LONGEST)}, environment=on("2024-03-01"))
    ids = {name: bring(repository.path) for name, repository in (("origin", origin), ("fork", fork), ("taker", taker))}
    update_copies(database)
    holder, forked = sorted(("origin", "fork"), key=ids.__getitem__)
    assert set(copies(database)) == {
        (f"{forked}/a.py:total", f"{holder}/a.py:total", "forked_from", "commit", "undecided"),
        ("taker/c.py:total", f"{holder}/a.py:total", "copied_from", "text", "dates"),
        ("taker/c.py:longest", "fork/b.py:longest", "copied_from", "text", "dates"),
    }


def test_a_rerun_and_another_order_of_repositories_give_the_same_rows(
    database: Database, settings: Settings, bring: Bring, make: Bring
) -> None:
    made, taken, third = make("made"), make("taken"), make("third")
    made.commit("write", {"a.py": file(TOTAL, LONGEST)}, environment=on("2024-01-01"))
    taken.commit("take", {"b.py": TOTAL, "vendor/l.py": LONGEST}, environment=on("2023-03-01"))
    third.commit("take", {"c.py": file(TOTAL, RETRY)}, environment=on("2024-04-01"))
    third.commit("copy", {"d.py": RETRY}, environment=on("2024-05-01"))
    for repository in (third, taken, made):  # as they come, each with a run of its own
        bring(repository.path)
        update_copies(database)
    step_by_step = whole(database)
    assert len(step_by_step) == 2 * 4
    assert update_copies(database).n_edges == 0
    assert whole(database) == step_by_step
    database.execute("DELETE FROM stemma.copy_progress")
    update_copies(database)
    assert whole(database) == step_by_step


def test_a_source_that_goes_takes_its_edges_along_and_the_next_in_line_is_found(
    database: Database, settings: Settings, bring: Bring, make: Bring
) -> None:
    for month, name in enumerate(("one", "two", "three"), 1):
        repository = make(name)
        repository.commit("take", {"a.py": TOTAL}, environment=on(f"2024-0{month}-01"))
        bring(repository.path)
    update_copies(database)
    forget(database, registry.find(database, "one", settings))
    update_copies(database)
    assert [(child, parent) for child, parent, *_ in copies(database)] == [("three/a.py:total", "two/a.py:total")]
    told = database.read("SELECT count(*) FROM stemma.lineage_events WHERE event_type = 'copied'")
    assert told.item() == 1


def test_an_earlier_source_that_turns_up_later_takes_over(database: Database, bring: Bring, make: Bring) -> None:
    for name, month in (("two", 2), ("three", 3), ("one", 1)):
        repository = make(name)
        repository.commit("take", {"a.py": TOTAL}, environment=on(f"2024-0{month}-01"))
        bring(repository.path)
        update_copies(database)
    assert [(child, parent) for child, parent, *_ in copies(database)] == [
        ("three/a.py:total", "one/a.py:total"),
        ("two/a.py:total", "one/a.py:total"),
    ]


def test_a_copy_with_edits_leads_to_the_version_that_stood_when_it_came(
    database: Database, settings: Settings, bring: Bring, make: Bring
) -> None:
    """`taken` has an edited copy of the second version of `made`, which has a third since."""
    made, taken = make("made"), make("taken")
    second = TOTAL.replace("result = 0", "result = START\n    count = 0").replace(
        "return result", "return result + count"
    )
    made.commit("write", {"a.py": TOTAL}, environment=on("2024-01-01"))
    made.commit("change", {"a.py": second}, environment=on("2024-02-01"))
    made.commit(
        "change",
        {"a.py": second.replace("return result + count", "print(count)\n    return result + count")},
        environment=on("2024-04-01"),
    )
    taken.commit("take", {"b.py": second.replace("+ count", "+ 2 * count")}, environment=on("2024-03-01"))
    bring(made.path)
    bring(taken.path)
    update_matches(database, None, settings)
    assert database.read("SELECT count(*) FROM stemma.matches").item() == 1
    update_copies(database)
    assert copies(database) == [("taken/b.py:total", "made/a.py:total", "copied_from", "match", "dates")]
    (row,) = database.read(
        "SELECT p.sha, e.confidence = m.probability AS is_as_sure, e.weight BETWEEN 0.3 AND 0.99 AS is_alike "
        "FROM stemma.lineage_edges e JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id "
        "CROSS JOIN stemma.matches m WHERE e.edge_type = 'copied_from'"
    ).rows()
    assert row == (made.git("rev-parse", "HEAD~1"), True, True)
    assert update_copies(database).n_edges == 0

    database.execute("DELETE FROM stemma.matches")
    assert update_copies(database).n_retired == 1
    assert copies(database) == []
