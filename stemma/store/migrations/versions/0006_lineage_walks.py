"""Walks over lineage that leave out successors and start anywhere; the life of an element and stemma.timeline.

`replaced_by` and `deprecated_by` point from a version to what took its place: that is no derivation, and walked as one
it would make the graph cyclic. The indexes hold all that a walk reads, which spares it a page of the table for every
edge; `bench/lineage_graph.py` measures both.
"""

from __future__ import annotations

from importlib import import_module

from alembic import op

revision = "0006"
down_revision = "0005"

SCHEMA = "stemma"

# Level by level with the set of nodes already reached: every node has its shortest depth, a cycle ends, and a braid of
# branches and merges costs each edge once. A recursive CTE walks a braid again for every depth at which it reaches it:
# 30 s for one of 5,000 versions, where this takes 1. `via` is the neighbour one step nearer to the start, and edge_type
# and weight are those of the edge to it; of several edges between the two, the heaviest. `target_id` ends the walk as
# soon as it is reached.
_WALK = """
CREATE FUNCTION stemma.{name}(
    start_ids text[], is_upward boolean, max_depth integer, max_nodes integer, target_id text DEFAULT NULL
) RETURNS TABLE (node_id text, depth integer, via text, edge_type text, weight real)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    seen text[] := start_ids;
    frontier text[] := start_ids;
    n_most integer := least(max_nodes, 2147483646 - cardinality(start_ids)) + cardinality(start_ids);
    vias text[];
    types text[];
    weights real[];
    level integer := 0;
BEGIN
    WHILE level < max_depth AND cardinality(frontier) > 0 AND cardinality(seen) < n_most LOOP
        level := level + 1;
        IF is_upward THEN
{upward}
        ELSE
{downward}
        END IF;
        EXIT WHEN frontier IS NULL;
        RETURN QUERY SELECT f.id, level, f.via, f.edge_type, f.weight
            FROM unnest(frontier, vias, types, weights) AS f (id, via, edge_type, weight);
        EXIT WHEN target_id = ANY (frontier);
        seen := seen || frontier;
    END LOOP;
END $$
"""

_LEVEL = """
            SELECT array_agg(r.found), array_agg(r.via), array_agg(r.edge_type), array_agg(r.weight)
            INTO frontier, vias, types, weights
            FROM (
                SELECT DISTINCT ON (e.{far}) e.{far} AS found, e.{near} AS via, e.edge_type, e.weight
                FROM stemma.lineage_edges e
                WHERE e.{near} = ANY (frontier) AND e.{far} NOT IN (SELECT unnest(seen))
                  AND {condition}
                ORDER BY e.{far}, e.weight DESC NULLS LAST, e.{near}, e.edge_type
                LIMIT n_most - cardinality(seen)
            ) AS r;"""

_RELATIVES = """
CREATE FUNCTION stemma.{name}(node text, max_depth integer DEFAULT 50, max_nodes integer DEFAULT 10000)
RETURNS TABLE (node_id text, depth integer, edge_type text, weight real)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT w.node_id, w.depth, w.edge_type, w.weight
    FROM stemma.lineage_walk(ARRAY[node], {is_upward}, max_depth, max_nodes) w
$$
"""

# First the derivations of from_node are searched for to_node, then its origins (is_upward). Step 0 is from_node.
_PATH = """
CREATE FUNCTION stemma.lineage_path(
    from_node text, to_node text, max_depth integer DEFAULT 50, max_nodes integer DEFAULT 10000
) RETURNS TABLE (step integer, node_id text, edge_type text, weight real, is_upward boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 AS $$
#variable_conflict use_column
DECLARE
    goes_up boolean;
BEGIN
    IF from_node = to_node THEN
        RETURN QUERY SELECT 0, n.node_id, NULL::text, NULL::real, NULL::boolean
            FROM stemma.lineage_nodes n WHERE n.node_id = from_node;
        RETURN;
    END IF;
    FOREACH goes_up IN ARRAY ARRAY[false, true] LOOP
        RETURN QUERY
            WITH RECURSIVE walk AS MATERIALIZED (
                SELECT * FROM stemma.lineage_walk(ARRAY[from_node], goes_up, max_depth, max_nodes, to_node)
            ), back AS (
                SELECT w.depth, w.node_id, w.via, w.edge_type, w.weight FROM walk w WHERE w.node_id = to_node
                UNION ALL
                SELECT w.depth, w.node_id, w.via, w.edge_type, w.weight
                FROM back b JOIN walk w ON w.node_id = b.via AND w.depth = b.depth - 1
            )
            SELECT b.depth, b.node_id, b.edge_type, b.weight, goes_up FROM back b
            UNION ALL
            SELECT 0, from_node, NULL::text, NULL::real, NULL::boolean WHERE EXISTS (SELECT FROM back)
            ORDER BY 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
END $$
"""

# First what became of the versions, then what all of that came from: so a version that stood on a branch beside one of
# them, and was merged later, is told as well.
_LIFE = """
CREATE FUNCTION stemma.lineage_life(nodes text[], max_nodes integer DEFAULT 10000)
RETURNS TABLE (node_id text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    WITH later AS MATERIALIZED (
        SELECT s.node_id FROM unnest(nodes) AS s (node_id)
        UNION
        SELECT w.node_id FROM stemma.lineage_walk_of_one(nodes, false, 2147483647, max_nodes) w
    )
    SELECT l.node_id FROM later l
    UNION
    SELECT w.node_id FROM stemma.lineage_walk_of_one(
        (SELECT array_agg(l.node_id ORDER BY l.node_id) FROM later l), true, 2147483647, max_nodes
    ) w
$$
"""

_TIMELINE = """
CREATE FUNCTION stemma.timeline(node text, max_nodes integer DEFAULT 10000)
RETURNS TABLE (
    occurred_at timestamptz, event_type text, repo_id text, sha text, path text, qualified_name text, detail jsonb,
    node_id text
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT e.occurred_at, e.event_type, e.repo_id, e.sha, n.path, n.qualified_name, e.detail, e.node_id
    FROM stemma.lineage_life(ARRAY[node], max_nodes) l
    JOIN stemma.lineage_events e ON e.node_id = l.node_id
    JOIN stemma.lineage_nodes n ON n.node_id = l.node_id
    LEFT JOIN stemma.commits c ON c.repo_id = e.repo_id AND c.sha = e.sha
    ORDER BY c.position, e.occurred_at, n.path, n.qualified_name, e.event_type
$$
"""

# Along any edge but to a successor; and along those by which an element goes on. Along the others (extracted, copied,
# forked, or passed between two elements) another one begins or ends, which has a life of its own.
_WALKS = {
    "lineage_walk": "e.edge_type NOT IN ('replaced_by', 'deprecated_by')",
    "lineage_walk_of_one": (
        "e.edge_type IN ('modified_from', 'renamed_from', 'moved_from', 'merged_from', 'derived_from') "
        "AND NOT coalesce((e.evidence ->> 'other_element')::boolean, false)"
    ),
}
_WALK_TYPES = "(text[], boolean, integer, integer, text)"

COMMENTS = {
    f"lineage_walk{_WALK_TYPES}": "Nodes reached against (upward) or along derivation, each at its shortest depth.",
    f"lineage_walk_of_one{_WALK_TYPES}": "The same, of the versions of one element alone.",
    "ancestors(text, integer, integer)": "What a version came from, each at its shortest depth.",
    "descendants(text, integer, integer)": "What came from a version, each at its shortest depth.",
    "lineage_path(text, text, integer, integer)": (
        "The shortest derivation between two versions, from the first named to the second; no rows when there is none."
    ),
    "lineage_life(text[], integer)": "Every version of the element that some versions are of, wherever it stood.",
    "timeline(text, integer)": "Everything that happened to the element that a version is of, in the order of commits.",
}
REPLACED = (
    "lineage_path(text, text, integer, integer)",
    "descendants(text, integer, integer)",
    "ancestors(text, integer, integer)",
    "lineage_walk(text, boolean, integer, integer, text)",
)
BY_NAME = "lineage_nodes_qualified_name_idx"  # a person asks by name, and in every repository
INDEXES = {"child_id": "parent_id", "parent_id": "child_id"}


def upgrade() -> None:
    _drop(REPLACED)
    for name, condition in _WALKS.items():
        up, down = (_LEVEL.format(near=near, far=far, condition=condition).strip("\n") for near, far in INDEXES.items())
        op.execute(_WALK.format(name=name, upward=up, downward=down))
    op.execute(_RELATIVES.format(name="ancestors", is_upward="true"))
    op.execute(_RELATIVES.format(name="descendants", is_upward="false"))
    op.execute(_PATH)
    op.execute(_LIFE)
    op.execute(_TIMELINE)
    for function, comment in COMMENTS.items():
        op.execute(f"COMMENT ON FUNCTION {SCHEMA}.{function} IS '{comment}'")
    _index(covering=True)
    op.create_index(BY_NAME, "lineage_nodes", ["qualified_name"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_index(BY_NAME, "lineage_nodes", schema=SCHEMA)
    _drop(tuple(reversed(COMMENTS)))
    import_module("stemma.store.migrations.versions.0002_lineage_functions").upgrade()
    _index(covering=False)


def _drop(functions: tuple[str, ...]) -> None:
    for function in functions:
        op.execute(f"DROP FUNCTION {SCHEMA}.{function}")


def _index(*, covering: bool) -> None:
    for near, far in INDEXES.items():
        name = f"lineage_edges_{near}_idx"
        op.drop_index(name, "lineage_edges", schema=SCHEMA)
        included = [far, "edge_type", "weight"] if covering else []
        op.create_index(name, "lineage_edges", [near], schema=SCHEMA, postgresql_include=included)
