"""The SQL functions that walk lineage: stemma.ancestors, stemma.descendants, stemma.lineage_path.

Breadth first with the set of nodes already reached, so a node has its shortest depth, a cycle ends, and a diamond
costs its edges once; a recursive CTE would walk every path of it. Bounded by depth and by number of nodes.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# `via` is the neighbour one step nearer to the start, and edge_type and weight are those of the edge to it; of several
# edges between the two, the heaviest. `target` ends the walk as soon as it is reached.
WALK = """
CREATE FUNCTION stemma.lineage_walk(
    start_id text, is_upward boolean, max_depth integer, max_nodes integer, target_id text DEFAULT NULL
) RETURNS TABLE (node_id text, depth integer, via text, edge_type text, weight real)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    seen text[] := ARRAY[start_id];
    frontier text[] := ARRAY[start_id];
    vias text[];
    types text[];
    weights real[];
    level integer := 0;
BEGIN
    WHILE level < max_depth AND cardinality(frontier) > 0 AND cardinality(seen) <= max_nodes LOOP
        level := level + 1;
        IF is_upward THEN
            SELECT array_agg(r.found), array_agg(r.via), array_agg(r.edge_type), array_agg(r.weight)
            INTO frontier, vias, types, weights
            FROM (
                SELECT DISTINCT ON (e.parent_id) e.parent_id AS found, e.child_id AS via, e.edge_type, e.weight
                FROM stemma.lineage_edges e
                WHERE e.child_id = ANY (frontier) AND e.parent_id NOT IN (SELECT unnest(seen))
                ORDER BY e.parent_id, e.weight DESC NULLS LAST, e.child_id, e.edge_type
                LIMIT greatest(max_nodes + 1 - cardinality(seen), 0)
            ) AS r;
        ELSE
            SELECT array_agg(r.found), array_agg(r.via), array_agg(r.edge_type), array_agg(r.weight)
            INTO frontier, vias, types, weights
            FROM (
                SELECT DISTINCT ON (e.child_id) e.child_id AS found, e.parent_id AS via, e.edge_type, e.weight
                FROM stemma.lineage_edges e
                WHERE e.parent_id = ANY (frontier) AND e.child_id NOT IN (SELECT unnest(seen))
                ORDER BY e.child_id, e.weight DESC NULLS LAST, e.parent_id, e.edge_type
                LIMIT greatest(max_nodes + 1 - cardinality(seen), 0)
            ) AS r;
        END IF;
        EXIT WHEN frontier IS NULL;
        RETURN QUERY SELECT f.id, level, f.via, f.edge_type, f.weight
            FROM unnest(frontier, vias, types, weights) AS f (id, via, edge_type, weight);
        EXIT WHEN target_id = ANY (frontier);
        seen := seen || frontier;
    END LOOP;
END $$
"""

_NEIGHBOURS = """
CREATE FUNCTION stemma.{name}(node text, max_depth integer DEFAULT 50, max_nodes integer DEFAULT 10000)
RETURNS TABLE (node_id text, depth integer, edge_type text, weight real)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT w.node_id, w.depth, w.edge_type, w.weight FROM stemma.lineage_walk(node, {is_upward}, max_depth, max_nodes) w
$$
"""

# First the derivations of from_node are searched for to_node, then its origins. Step 0 is from_node itself.
PATH = """
CREATE FUNCTION stemma.lineage_path(
    from_node text, to_node text, max_depth integer DEFAULT 50, max_nodes integer DEFAULT 10000
) RETURNS TABLE (step integer, node_id text, edge_type text, weight real)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 AS $$
#variable_conflict use_column
DECLARE
    is_upward boolean;
BEGIN
    IF from_node = to_node THEN
        RETURN QUERY SELECT 0, n.node_id, NULL::text, NULL::real
            FROM stemma.lineage_nodes n WHERE n.node_id = from_node;
        RETURN;
    END IF;
    FOREACH is_upward IN ARRAY ARRAY[false, true] LOOP
        RETURN QUERY
            WITH RECURSIVE walk AS MATERIALIZED (
                SELECT * FROM stemma.lineage_walk(from_node, is_upward, max_depth, max_nodes, to_node)
            ), back AS (
                SELECT w.depth, w.node_id, w.via, w.edge_type, w.weight FROM walk w WHERE w.node_id = to_node
                UNION ALL
                SELECT w.depth, w.node_id, w.via, w.edge_type, w.weight
                FROM back b JOIN walk w ON w.node_id = b.via AND w.depth = b.depth - 1
            )
            SELECT b.depth, b.node_id, b.edge_type, b.weight FROM back b
            UNION ALL
            SELECT 0, from_node, NULL::text, NULL::real WHERE EXISTS (SELECT FROM back)
            ORDER BY 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
END $$
"""

COMMENTS = {
    "lineage_walk(text, boolean, integer, integer, text)": (
        "Nodes reached from one node against (upward) or along derivation, each at its shortest depth."
    ),
    "ancestors(text, integer, integer)": "What a version came from, each at its shortest depth.",
    "descendants(text, integer, integer)": "What came from a version, each at its shortest depth.",
    "lineage_path(text, text, integer, integer)": (
        "The shortest derivation between two versions, from the first named to the second; no rows when there is none."
    ),
}


def upgrade() -> None:
    op.execute(WALK)
    op.execute(_NEIGHBOURS.format(name="ancestors", is_upward="true"))
    op.execute(_NEIGHBOURS.format(name="descendants", is_upward="false"))
    op.execute(PATH)
    for function, comment in COMMENTS.items():
        op.execute(f"COMMENT ON FUNCTION stemma.{function} IS '{comment}'")


def downgrade() -> None:
    for function in reversed(COMMENTS):
        op.execute(f"DROP FUNCTION stemma.{function}")
