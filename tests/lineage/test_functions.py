"""The SQL functions over a small graph, whose answers are written down by hand."""

from __future__ import annotations

import polars as pl
import pytest

from stemma.store.postgres import Database

# a <- b <- d, a <- c <- d (a diamond), d <- e; x <-> y is a cycle that should not be, but must not hang anything.
# far stands in another repository, as a copy of c. old was replaced by a, which is no derivation.
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
    ("far", "c", "copied_from", 1.0),
    ("old", "a", "replaced_by", 1.0),
    ("old", "a", "deprecated_by", None),
]
NODES = {"r": ("a", "b", "c", "d", "e", "x", "y", "z", "old"), "other": ("far",)}


def add_nodes(database: Database, repo_id: str, ids: list[str]) -> None:
    database.execute(
        "INSERT INTO stemma.lineage_nodes (node_id, repo_id, path, kind, qualified_name, duplicate_index, language, "
        "exact_hash, pattern_id, blob_oid, ordinal, sha, first_parent_index, occurred_at, authored_at) "
        "SELECT id, $1, 'p.py', 'function', id, 0, 'python', id, id, id, 0, 'of ' || id, 0, now(), now() "
        "FROM unnest(string_to_array($2, ',')) AS id",
        [repo_id, ",".join(ids)],
    )


@pytest.fixture
def graph(database: Database) -> Database:
    for repo_id, ids in NODES.items():
        database.execute(
            "INSERT INTO stemma.repositories (repo_id, name, kind, location, tags, added_at, is_shallow) "
            "VALUES ($1, $1, 'git', '/' || $1, '{}', now(), false)",
            [repo_id],
        )
        add_nodes(database, repo_id, list(ids))
    for child, parent, edge_type, weight in EDGES:
        database.execute(
            "INSERT INTO stemma.lineage_edges SELECT $1 || $2 || $3, repo_id, $1, $2, $3, nullif($4::real, -1), 1, '{}'"
            " FROM stemma.lineage_nodes WHERE node_id = $1",
            [child, parent, edge_type, -1.0 if weight is None else weight],
        )
    return database


def add_events(graph: Database) -> None:
    """One event for each node, the nodes in the order of the alphabet, as commits the other way round."""
    graph.execute(
        "INSERT INTO stemma.commits (repo_id, sha, kind, parents, authored_at, committed_at, is_shallow_boundary, "
        "position, trailers) "
        "SELECT repo_id, sha, 'commit', '{}', now(), now(), false, 1000 - ascii(node_id), '{}' "
        "FROM stemma.lineage_nodes"
    )
    graph.execute(
        "INSERT INTO stemma.lineage_events (event_id, occurred_at, repo_id, node_id, event_type, sha, detail) "
        "SELECT node_id, occurred_at, repo_id, node_id, 'body_changed', sha, '{}' FROM stemma.lineage_nodes"
    )


def reached(graph: Database, query: str) -> list[tuple[object, ...]]:
    return graph.read(query).rows()


def test_ancestors_are_given_once_at_their_shortest_depth_by_the_heaviest_edge(graph: Database) -> None:
    assert reached(graph, "SELECT * FROM stemma.ancestors('e') ORDER BY depth, node_id") == [
        ("d", 1, "renamed_from", 1.0),
        ("b", 2, "modified_from", 0.25),
        ("c", 2, "modified_from", 0.75),
        ("a", 3, "moved_from", 1.0),
    ]


def test_descendants_walk_the_other_way_and_into_other_repositories(graph: Database) -> None:
    assert reached(graph, "SELECT node_id, depth FROM stemma.descendants('a') ORDER BY depth, node_id") == [
        ("b", 1),
        ("c", 1),
        ("d", 2),
        ("far", 2),
        ("e", 3),
        ("x", 4),
        ("y", 5),
    ]


def test_what_took_the_place_of_a_version_is_not_what_it_came_from(graph: Database) -> None:
    assert reached(graph, "SELECT * FROM stemma.ancestors('old')") == []
    assert reached(graph, "SELECT node_id FROM stemma.descendants('a') WHERE node_id = 'old'") == []
    assert reached(graph, "SELECT * FROM stemma.lineage_path('old', 'a')") == []


def test_depth_is_bounded(graph: Database) -> None:
    assert reached(graph, "SELECT node_id FROM stemma.ancestors('e', 1)") == [("d",)]
    assert reached(graph, "SELECT node_id FROM stemma.ancestors('e', 0)") == []


def test_the_number_of_nodes_is_bounded(graph: Database) -> None:
    for most, found in ((0, []), (1, ["b"]), (3, ["b", "c", "d"])):
        rows = reached(graph, f"SELECT node_id FROM stemma.descendants('a', 50, {most}) ORDER BY depth, node_id")
        assert [row[0] for row in rows] == found
    assert reached(graph, "SELECT count(*) FROM stemma.descendants('a', 2147483647, 2147483647)") == [(7,)]


def test_a_cycle_ends(graph: Database) -> None:
    assert reached(graph, "SELECT node_id, depth FROM stemma.descendants('x')") == [("y", 1)]
    assert reached(graph, "SELECT count(*) FROM stemma.ancestors('y', 1000)") == [(6,)]


def test_a_walk_starts_from_several_versions(graph: Database) -> None:
    walk = "SELECT node_id, depth, via FROM stemma.lineage_walk(ARRAY['e', 'c'], true, 9, 9) ORDER BY depth, node_id"
    assert reached(graph, walk) == [("a", 1, "c"), ("d", 1, "e"), ("b", 2, "d")]


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


def test_a_timeline_is_the_whole_life_of_the_element_in_the_order_of_commits_and_of_no_copy(graph: Database) -> None:
    add_events(graph)
    life = ["y", "x", "e", "d", "c", "b", "a"]
    for start in ("a", "b", "e"):  # from b, c is found through d, into which both went
        rows = reached(graph, f"SELECT node_id, event_type, sha FROM stemma.timeline('{start}')")
        assert rows == [(node, "body_changed", f"of {node}") for node in life]
    assert reached(graph, "SELECT node_id, path, qualified_name FROM stemma.timeline('far')") == [
        ("far", "p.py", "far"),
    ]
    assert reached(graph, "SELECT * FROM stemma.timeline('no such node')") == []


def test_a_life_ends_where_text_passed_between_two_elements(graph: Database) -> None:
    """As when a function is merged into another: each keeps its own past, and both are ancestors."""
    add_nodes(graph, "r", ["into", "gone", "before"])
    graph.execute(
        "INSERT INTO stemma.lineage_edges VALUES ('1', 'r', 'into', 'gone', 'merged_from', 1, 1, "
        "'{\"other_element\": true}'), ('2', 'r', 'into', 'before', 'merged_from', 1, 1, '{}')"
    )
    life = "SELECT node_id FROM stemma.lineage_life(ARRAY['{}']) ORDER BY 1"
    assert reached(graph, life.format("into")) == [("before",), ("into",)]
    assert reached(graph, life.format("gone")) == [("gone",)]
    assert reached(graph, "SELECT count(*) FROM stemma.ancestors('into')") == [(2,)]


def test_a_chain_longer_than_the_default_depth_is_walked_when_asked(graph: Database) -> None:
    add_nodes(graph, "r", [f"n{i}" for i in range(121)])
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


def test_a_braid_of_branches_and_merges_costs_its_edges_once(graph: Database) -> None:
    """Three hundred diamonds one after another: 2^300 paths, 301 depths at most for a node, 900 nodes."""
    add_nodes(graph, "r", [f"{side}{i}" for i in range(301) for side in ("m", "l", "k")])
    for child, parent in (("l", "m"), ("k", "m")):
        graph.execute(
            f"INSERT INTO stemma.lineage_edges SELECT '{child}' || i, 'r', '{child}' || i, '{parent}' || i, "
            "'modified_from', 1, 1, '{}' FROM generate_series(0, 299) i"
        )
        graph.execute(
            f"INSERT INTO stemma.lineage_edges SELECT 'm{child}' || i, 'r', 'm' || (i + 1), '{child}' || i, "
            "'modified_from', 1, 1, '{}' FROM generate_series(0, 299) i"
        )
    found = graph.read("SELECT count(*) AS n, max(depth) AS deep FROM stemma.ancestors('m300', 10000)")
    assert found.row(0) == (900, 600)
    (path,) = graph.read("SELECT count(*) AS n FROM stemma.lineage_path('m0', 'm300', 10000)")["n"]
    assert path == 601
