"""Edges and events of copies as rows: made, written, taken back. Which copies there are is found in `copies`."""

from __future__ import annotations

import polars as pl

from stemma.lineage.copy_sources import UNDECIDED
from stemma.row_ids import row_ids
from stemma.store.postgres import Transaction
from stemma.tables import lineage_edges, lineage_events

ENDS = pl.Schema(  # what is told of the version at either end
    {
        "node_id": pl.String(),
        "repo_id": pl.String(),
        "sha": pl.String(),
        "path": pl.String(),
        "qualified_name": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "category": pl.String(),
    }
)


def confidence() -> pl.Expr:
    """One over the number of versions it may have come from, halved where the direction is undecided."""
    halves = pl.when(pl.col("direction") == UNDECIDED).then(2).otherwise(1)
    return (1 / pl.col("candidates") / halves).cast(pl.Float32)


def with_ends(found: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """The pairs (child_id, parent_id) with the columns of `ENDS` of their child and, ending in `_parent`, parent."""
    told = ends.select(list(ENDS))
    of_child = found.join(told, left_on="child_id", right_on="node_id")
    return of_child.join(told, left_on="parent_id", right_on="node_id", suffix="_parent")


def evidence(*more: str) -> pl.Expr:
    """The evidence of a pair as JSON, with these columns too; unknown fields, and the category source, are left out."""
    categories = [
        pl.when(pl.col(column) != "source").then(pl.col(column)).alias(name)
        for name, column in (("child_category", "category"), ("parent_category", "category_parent"))
    ]
    whole = pl.struct("matched_by", "direction", "candidates", *more, *categories).struct.json_encode()
    return whole.str.replace_all(r',"[a-z_]+":null', "")


def edge_ids(edges: pl.DataFrame) -> pl.Series:
    return row_ids(edges.select("child_id", "parent_id", "edge_type"))


def write(transaction: Transaction, edges: pl.DataFrame) -> int:
    """Write pairs (with their ends, edge_type, weight, confidence, evidence) and the events that tell of them; returns
    the edges that are new or differ. Their months have a partition: each child has an event of its own commit."""
    if edges.is_empty():
        return 0
    edges = edges.with_columns(edge_id=edge_ids(edges))
    n_edges = transaction.insert(
        lineage_edges, edges.select(column for column in edges.columns if column in lineage_edges.columns), "update"
    )
    event_type = pl.when(pl.col("edge_type") == "forked_from").then(pl.lit("forked")).otherwise(pl.lit("copied"))
    source = {"from": "parent_id", "repo_id": "repo_id_parent", "path": "path_parent"}
    source |= {"qualified_name": "qualified_name_parent", "direction": "direction"}
    events = edges.select(
        "occurred_at",
        "repo_id",
        "sha",
        node_id="child_id",
        event_type=event_type,
        detail=pl.struct(pl.col(column).alias(name) for name, column in source.items()).struct.json_encode(),
    )
    ids = row_ids(events.select("node_id", "event_type", "sha"))
    transaction.insert(lineage_events, events.with_columns(event_id=ids), "update")
    return n_edges


def delete(transaction: Transaction, selected: str) -> int:
    """Delete the edges that a query selects (edge_id, child_id), with the events that tell of them."""
    found = transaction.read(
        f"WITH doomed AS MATERIALIZED ({selected}), gone AS ("
        "  DELETE FROM stemma.lineage_edges e USING doomed d WHERE e.edge_id = d.edge_id RETURNING 1"
        "), untold AS ("
        "  DELETE FROM stemma.lineage_events v USING doomed d JOIN stemma.lineage_nodes n ON n.node_id = d.child_id"
        "  WHERE v.node_id = n.node_id AND v.occurred_at = n.occurred_at AND v.event_type IN ('copied', 'forked')"
        ") SELECT count(*) AS n FROM gone"
    )
    return int(found["n"].item())
