"""The SQL functions over a small graph, whose answers are written down by hand."""

from __future__ import annotations

import polars as pl
import pytest

from stemma.store.postgres import Database

# a <- b <- d, a <- c <- d (a diamond), d <- e; x <-> y is a cycle that should not be, but must not hang anything.
EDGES = [
    ("b", "a", "modified_from", 0.5),
    ("c", "a", "moved_from", 1.0),
    ("d", "b", "modified_from", 0.25),
    ("d", "c", "modified_from", 0.75),
    ("d", "c", "moved_from", 0.75),
    ("e", "d", "renamed_from", 1.0),
    ("x", "y", "modified_from", 1.0),
    ("y", "x", "modified_from", 1.0),
    ("x", "e", "modified_from", None),
]


@pytest.fixture
def graph(database: Database) -> Database:
    database.execute(
        "INSERT INTO stemma.repositories (repo_id, name, kind, location, tags, added_at, is_shallow) "
        "VALUES ('r', 'r', 'git', '/r', '{}', now(), false)"
    )
    database.execute(
        "INSERT INTO stemma.lineage_nodes SELECT id, 'r', 'p.py', 'function', id, 0, 'python', id, id, id, 0, now() "
        "FROM unnest(string_to_array('a,b,c,d,e,x,y,z', ',')) AS id"
    )
    for child, parent, edge_type, weight in EDGES:
        database.execute(
            "INSERT INTO stemma.lineage_edges SELECT $1 || $2 || $3, 'r', $1, $2, $3, nullif($4::real, -1), 1, '{}'",
            [child, parent, edge_type, -1.0 if weight is None else weight],
        )
    return database


def reached(graph: Database, query: str) -> list[tuple[object, ...]]:
    return graph.read(query).rows()


def test_ancestors_are_given_once_at_their_shortest_depth_by_the_heaviest_edge(graph: Database) -> None:
    assert reached(graph, "SELECT * FROM stemma.ancestors('e') ORDER BY depth, node_id") == [
        ("d", 1, "renamed_from", 1.0),
        ("b", 2, "modified_from", 0.25),
        ("c", 2, "modified_from", 0.75),
        ("a", 3, "moved_from", 1.0),
    ]


def test_descendants_walk_the_other_way(graph: Database) -> None:
    assert reached(graph, "SELECT node_id, depth FROM stemma.descendants('a') ORDER BY depth, node_id") == [
        ("b", 1),
        ("c", 1),
        ("d", 2),
        ("e", 3),
        ("x", 4),
        ("y", 5),
    ]


def test_depth_is_bounded(graph: Database) -> None:
    assert reached(graph, "SELECT node_id FROM stemma.ancestors('e', 1)") == [("d",)]
    assert reached(graph, "SELECT node_id FROM stemma.ancestors('e', 0)") == []


def test_the_number_of_nodes_is_bounded(graph: Database) -> None:
    assert reached(graph, "SELECT node_id FROM stemma.descendants('a', 50, 3) ORDER BY depth, node_id") == [
        ("b",),
        ("c",),
        ("d",),
    ]


def test_a_cycle_ends(graph: Database) -> None:
    assert reached(graph, "SELECT node_id, depth FROM stemma.descendants('x')") == [("y", 1)]
    assert reached(graph, "SELECT count(*) FROM stemma.ancestors('y', 1000)") == [(6,)]


def test_a_path_names_every_step_in_either_direction(graph: Database) -> None:
    down = [(0, "a", None), (1, "c", "moved_from"), (2, "d", "modified_from"), (3, "e", "renamed_from")]
    assert reached(graph, "SELECT step, node_id, edge_type FROM stemma.lineage_path('a', 'e')") == down
    up = [(0, "e", None), (1, "d", "renamed_from"), (2, "c", "modified_from"), (3, "a", "moved_from")]
    assert reached(graph, "SELECT step, node_id, edge_type FROM stemma.lineage_path('e', 'a')") == up


def test_a_path_that_is_not_there_has_no_rows(graph: Database) -> None:
    assert reached(graph, "SELECT * FROM stemma.lineage_path('a', 'z')") == []
    assert reached(graph, "SELECT * FROM stemma.lineage_path('b', 'c')") == []
    assert reached(graph, "SELECT * FROM stemma.lineage_path('a', 'e', 2)") == []
    assert reached(graph, "SELECT * FROM stemma.lineage_path('no', 'no')") == []


def test_a_node_is_its_own_path(graph: Database) -> None:
    assert reached(graph, "SELECT step, node_id FROM stemma.lineage_path('z', 'z')") == [(0, "z")]


def test_a_chain_longer_than_the_default_depth_is_walked_when_asked(graph: Database) -> None:
    graph.execute(
        "INSERT INTO stemma.lineage_nodes "
        "SELECT 'n' || i, 'r', 'p.py', 'function', 'n', i, 'python', 'h', 'h', 's', i, now() "
        "FROM generate_series(0, 120) i"
    )
    graph.execute(
        "INSERT INTO stemma.lineage_edges "
        "SELECT 'long' || i, 'r', 'n' || i, 'n' || (i - 1), 'modified_from', 1, 1, '{}' "
        "FROM generate_series(1, 120) i"
    )
    depths = graph.read(
        "SELECT max(depth) AS d FROM stemma.ancestors('n120') UNION ALL "
        "SELECT max(depth) FROM stemma.ancestors('n120', 1000)"
    )
    assert depths.equals(pl.DataFrame({"d": [50, 120]}, schema={"d": pl.Int32}))
