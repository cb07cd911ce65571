"""What a version and what happened to it are called wherever a graph is drawn. How it is quoted, each module knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from stemma.lineage.graph import Graph
from stemma.lineage.timeline import KINDS
from stemma.readable import readable


def kinds_of(graph: Graph) -> dict[str, list[str]]:
    """By version, the kinds of what happened at its own commit and at its removal, the weightiest first."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    kinds: dict[str, list[str]] = {}
    for node, kind in graph.events.select("node_id", "event_type").unique().iter_rows():
        kinds.setdefault(node, []).append(kind)
    return {node: sorted(found, key=lambda kind: order.get(kind, len(order))) for node, found in kinds.items()}


def told(kinds: list[str]) -> str:
    return ", ".join(KINDS.get(kind, kind) for kind in kinds)


def lines_of(node: Mapping[str, Any], kinds: list[str]) -> list[str]:
    """The lines of a version's label: its name, where it stands, what happened at its commit, and when."""
    when = node["occurred_at"].strftime("%Y-%m-%d")
    return [
        readable(node["qualified_name"]),
        readable(f"{node['repository']} {node['path']}"),
        readable(f"{when} {node['sha'][:10]} {told(kinds)}".rstrip()),
    ]


def edge_types(graph: Graph) -> dict[tuple[str, str], list[str]]:
    """By child and parent, the types of the edges between the two."""
    grouped = graph.edges.group_by("child_id", "parent_id", maintain_order=True).agg(
        pl.col("edge_type").unique().sort()
    )
    return {(child, parent): types for child, parent, types in grouped.iter_rows()}
