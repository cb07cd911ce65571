"""What is told of the version that a person names; what a name means is claimed in `test_references`."""

from __future__ import annotations

from typing import Any

import pytest

from stemma.errors import ConfigError, NotFoundError
from stemma.lineage import queries
from stemma.lineage.answers import Answer, Kind, View, from_database
from stemma.lineage.graph import Graph
from stemma.lineage.timeline import timeline
from stemma.store.postgres import Database
from tests.lineage.planted import APP, PATH_A, PATH_B, day, node_id, plant, sha


@pytest.fixture
def planted(database: Database) -> Database:
    plant(database)
    return database


def ask(database: Database, reference: str, kind: Kind = "timeline", to: str | None = None, **bounds: int) -> Answer:
    return from_database(database, reference, None, View(kind, to, **bounds))


def told(answer: Answer) -> list[tuple[Any, ...]]:
    return [(row["sha"], row["kinds"], row["qualified_name"]) for row in timeline(answer.graph, answer.own)]


def names(graph: Graph) -> set[str]:
    known = ("elder", "one0", "one1", "uno2", "uno3", "uno4", "uno5", "helper", "copy")
    by_id = {node_id(name): name for name in known}
    return {by_id[node] for node in graph.nodes["node_id"]}


LIFE = [
    (sha("c0"), ["introduced"], "one"),
    (sha("c1"), ["signature_changed", "body_changed"], "one"),
    (sha("c2"), ["renamed", "documentation_changed"], "uno"),
    (sha("c3"), ["moved_across_files"], "uno"),
    (sha("c4"), ["body_changed"], "uno"),
    (sha("c5"), ["body_changed"], "uno"),
]


@pytest.mark.parametrize("version", ["one0", "uno2", "uno4", "uno5"])
def test_a_timeline_tells_the_whole_life_from_any_version_and_of_no_copy(planted: Database, version: str) -> None:
    assert told(ask(planted, node_id(version))) == LIFE


def test_a_row_of_a_timeline_says_who_when_and_from_what_to_what(planted: Database) -> None:
    rows = timeline(*queries.life(planted, [node_id("uno5")]))
    assert [row["changes"] for row in rows] == [
        [],
        [{"kind": "signature_changed", "part": "parameters", "from": "(a)", "to": "(a, b=1)"}],
        [
            {"kind": "renamed", "part": None, "from": "one", "to": "uno"},
            {"kind": "documentation_changed", "part": "documentation", "from": None, "to": None},
        ],
        [{"kind": "moved_across_files", "part": None, "from": PATH_A, "to": PATH_B}],
        [],
        [],
    ]
    assert [row["author_name"] for row in rows] == ["Ada", "Ada", "Bob <b>", "Ada", "Bob <b>", "Ada"]
    assert [row["occurred_at"] for row in rows] == [day(f"c{n}") for n in range(6)]
    assert [row["similarity"] for row in rows] == [None, 0.5, 1.0, 1.0, 0.75, 0.875]
    assert [(row["origin"], row["agent"], row["session_id"]) for row in rows[:3]] == [
        ("unknown", None, None),
        (None, None, None),
        ("agent", "claude-code", "session 1"),
    ]


def test_a_removal_is_told_at_its_own_commit_without_an_origin_or_likeness(planted: Database) -> None:
    rows = timeline(*queries.life(planted, [node_id("copy")]))
    assert [(row["kinds"], row["sha"], row["similarity"]) for row in rows] == [
        (["introduced", "copied"], sha("l0"), 1.0),
        (["removed"], sha("l1"), None),
    ]
    source = {"kind": "copied", "part": None, "from": f"app {PATH_B}:uno", "to": None}
    assert rows[0]["changes"] == [source]


def test_beside_its_own_life_stands_what_is_one_step_away(planted: Database) -> None:
    graph, own = queries.life(planted, [node_id("uno5")])
    assert names(graph) == {"one0", "one1", "uno2", "uno3", "uno4", "uno5", "helper", "copy", "elder"}
    assert own.len() == 6
    graph, own = queries.life(planted, [node_id("helper")])
    assert names(graph) == {"helper", "uno5"} and own.to_list() == [node_id("helper")]


def test_relatives_count_their_steps_into_other_repositories(planted: Database) -> None:
    _, found = queries.relatives(planted, [node_id("one1")], "descendants")
    assert sorted(found.select("depth", "node_id", "edge_type").rows()) == sorted(
        [
            (1, node_id("uno2"), "renamed_from"),
            (2, node_id("uno3"), "moved_from"),
            (2, node_id("uno4"), "modified_from"),
            (3, node_id("uno5"), "modified_from"),
            (3, node_id("copy"), "copied_from"),
            (4, node_id("helper"), "extracted_from"),
        ]
    )
    graph, found = queries.relatives(planted, [node_id("helper")], "ancestors", max_depth=2)
    assert names(graph) == {"helper", "uno5", "uno3", "uno4"} and found["depth"].to_list() == [1, 2, 2]


def test_the_number_of_versions_is_bounded_and_that_is_said(planted: Database) -> None:
    for kind in ("timeline", "family", "ancestors", "descendants"):
        start = "one0" if kind == "descendants" else "uno5"
        assert ask(planted, node_id(start), kind, max_nodes=2).graph.is_cut  # type: ignore[arg-type]
        assert not ask(planted, node_id(start), kind).graph.is_cut  # type: ignore[arg-type]


def test_a_family_is_all_it_came_from_and_all_that_came_from_it(planted: Database) -> None:
    assert names(queries.family(planted, [node_id("copy")])) == {"one0", "one1", "uno2", "uno3", "copy"}
    everything = {"one0", "one1", "uno2", "uno3", "uno4", "uno5", "helper", "copy"}
    assert names(queries.family(planted, [node_id("uno2")])) == everything


def test_a_path_goes_up_to_a_common_origin_and_down_again(planted: Database) -> None:
    _, steps = queries.path(planted, node_id("copy"), node_id("helper"))
    assert steps.select("step", "node_id", "edge_type", "is_upward").rows() == [
        (0, node_id("copy"), None, None),
        (1, node_id("uno3"), "copied_from", True),
        (2, node_id("uno5"), "modified_from", False),
        (3, node_id("helper"), "extracted_from", False),
    ]
    _, up = queries.path(planted, node_id("uno3"), node_id("one1"))
    assert up["is_upward"].to_list() == [None, True, True]


def test_where_nothing_joins_two_elements_the_ends_are_named(planted: Database) -> None:
    with pytest.raises(
        NotFoundError, match=r"Neither app .*:elder nor lib util.py:uno derives from the other"
    ) as failure:
        ask(planted, "elder", "path", to="util.py:uno")
    assert "--ancestors" in failure.value.hint


def test_a_walk_in_memory_answers_as_the_database_does(planted: Database) -> None:
    whole = queries.family(planted, [node_id("uno2")])
    for start in ("one0", "uno2", "uno5", "helper"):
        for direction in ("ancestors", "descendants"):
            _, asked = queries.relatives(planted, [node_id(start)], direction)  # type: ignore[arg-type]
            walked = whole.walk([node_id(start)], is_upward=direction == "ancestors")
            assert sorted(walked.rows()) == sorted(asked.rows())


def test_code_is_known_by_its_line_in_the_head_and_a_version_by_its_id(planted: Database) -> None:
    for line, name in ((1, "uno"), (9, "uno"), (10, "helper"), (14, "helper"), (30, "uno")):
        assert queries.resolve(planted, f"{PATH_B}:{line}")["qualified_name"].to_list() == [name]
    assert queries.resolve(planted, f"{PATH_B}:12", APP).height == 1
    for line in ("31", "0", "99999999999999999999", "٣"):
        with pytest.raises(NotFoundError):
            queries.resolve(planted, f"{PATH_B}:{line}")
    with pytest.raises(NotFoundError, match="No definition is known at line 31 of"):
        queries.resolve(planted, f"{PATH_B}:31")
    for name in ("one0", "uno4"):
        assert queries.resolve(planted, node_id(name)[:12])["node_id"].to_list() == [node_id(name)]


def test_a_version_that_only_stood_on_a_branch_is_not_the_newest_and_does_not_stand(planted: Database) -> None:
    found = queries.resolve(planted, f"{PATH_A}:uno")
    assert found.select("node_id", "is_live").rows() == [(node_id("uno2"), False)]
    assert queries.resolve(planted, node_id("uno4"))["is_live"].to_list() == [False]


def test_an_ambiguous_name_is_refused_with_its_candidates(planted: Database) -> None:
    planted.execute(
        "INSERT INTO stemma.lineage_nodes SELECT (jsonb_populate_record(n, jsonb_build_object("
        "'node_id', 'other', 'path', 'z.py', 'qualified_name', 'elder'))).* FROM stemma.lineage_nodes n "
        "WHERE n.qualified_name = 'elder'"
    )
    with pytest.raises(ConfigError, match=r"'elder' means several: app .*a <b>.py:elder .*app z.py:elder"):
        ask(planted, "elder")
