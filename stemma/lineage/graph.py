"""A part of the lineage graph, ready to be told, drawn or exported: versions, derivations and events as frames.

How it is read from the database lives in `queries`, straight from a checkout in `asked`; what is made of it, in
`timeline`, `page` and `export`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

_TIME: pl.DataType = pl.Datetime("us", "UTC")
_TEXT: pl.DataType = pl.String()
_WHOLE: pl.DataType = pl.Int32()
_SHARE: pl.DataType = pl.Float32()

NODES = pl.Schema(
    {
        "node_id": _TEXT,
        "repo_id": _TEXT,
        "repository": _TEXT,
        "location": _TEXT,  # of the repository, credentials removed
        "path": _TEXT,
        "kind": _TEXT,
        "qualified_name": _TEXT,
        "duplicate_index": _WHOLE,
        "language": _TEXT,
        "exact_hash": _TEXT,
        "pattern_id": _TEXT,
        "start_line": _WHOLE,  # at its commit; null where it is not known
        "sha": _TEXT,
        "position": _WHOLE,  # of its commit, parents lower; comparable within a repository
        "occurred_at": _TIME,
        "authored_at": _TIME,
        "author_name": _TEXT,
        "subject": _TEXT,
        "is_live": pl.Boolean(),  # it stands at the head
        "origin": _TEXT,  # human, agent, mixed or unknown; null where nobody has looked
        "agent": _TEXT,
        "session_id": _TEXT,
    }
)
EDGES = pl.Schema(
    {
        "child_id": _TEXT,
        "parent_id": _TEXT,
        "edge_type": _TEXT,
        "weight": _SHARE,
        "confidence": _SHARE,
        "is_other_element": pl.Boolean(),  # it joins two elements, whatever its type: each has a life of its own
    }
)
EVENTS = pl.Schema(
    {
        "node_id": _TEXT,
        "event_type": _TEXT,
        "sha": _TEXT,  # that of its node, but of a removal
        "position": _WHOLE,
        "occurred_at": _TIME,
        "authored_at": _TIME,
        "author_name": _TEXT,
        "subject": _TEXT,
        "detail": _TEXT,  # JSON
    }
)

WALKED = pl.Schema({"node_id": _TEXT, "depth": _WHOLE, "via": _TEXT, "edge_type": _TEXT, "weight": _SHARE})

SUCCESSION = ("replaced_by", "deprecated_by")
"""Types of edge that name what took the place of a version, not what it came from."""
IS_DERIVATION = "edge_type <> ALL (ARRAY['replaced_by', 'deprecated_by'])"
"""The same for SQL; the walks of the migrations say it in their own words, for those never change."""
SAME_ELEMENT = ("modified_from", "renamed_from", "moved_from", "merged_from", "derived_from")
"""Types of edge along which an element goes on, where they join no two; along the others another one begins."""
IS_SAME_ELEMENT = pl.col("edge_type").is_in(SAME_ELEMENT) & ~pl.col("is_other_element")


def is_same_element(edge: Mapping[str, Any]) -> bool:
    """Whether both ends of an edge are versions of one element."""
    return edge["edge_type"] in SAME_ELEMENT and not edge["is_other_element"]


@dataclass(frozen=True)
class Graph:
    """Versions with what joins them and what happened to them; every end of an edge is among the nodes.

    `focus` are the versions that were asked for; `is_cut`, that a bound left out versions that belong to the answer.
    """

    nodes: pl.DataFrame
    edges: pl.DataFrame
    events: pl.DataFrame
    focus: tuple[str, ...]
    is_cut: bool = False

    def only(self, node_ids: pl.Series) -> Graph:
        """The part of the graph on some of its nodes."""
        kept = self.nodes.filter(pl.col("node_id").is_in(node_ids.implode()))
        ids = kept["node_id"].implode()
        return Graph(
            kept,
            self.edges.filter(pl.col("child_id").is_in(ids), pl.col("parent_id").is_in(ids)),
            self.events.filter(pl.col("node_id").is_in(ids)),
            tuple(node for node in self.focus if node in set(kept["node_id"])),
            self.is_cut or kept.height < self.nodes.height,
        )

    def walk(self, starts: Iterable[str], *, is_upward: bool, is_of_one: bool = False) -> pl.DataFrame:
        """Versions reached from some along derivation, as `queries.relatives` tells them.

        Args:
            is_of_one: keep to the versions of the same elements.
        """
        near, far = ("child_id", "parent_id") if is_upward else ("parent_id", "child_id")
        edges = self.derivations.filter(IS_SAME_ELEMENT if is_of_one else pl.lit(value=True)).sort(
            "weight", near, "edge_type", descending=[True, False, False], nulls_last=True
        )
        frontier = pl.DataFrame({near: list(dict.fromkeys(starts))}, schema={near: pl.String})
        seen, levels = frontier[near], [pl.DataFrame(schema=WALKED)]
        while not frontier.is_empty():
            reached = edges.join(frontier, on=near).filter(~pl.col(far).is_in(seen.implode()))
            reached = reached.unique(far, keep="first", maintain_order=True).sort(far)
            frontier, seen = reached.select(pl.col(far).alias(near)), pl.concat([seen, reached[far]])
            level = reached.select(
                pl.col(far).alias("node_id"),
                pl.lit(len(levels), pl.Int32).alias("depth"),
                pl.col(near).alias("via"),
                "edge_type",
                "weight",
            )
            levels.append(level)
        return pl.concat(levels)

    @property
    def derivations(self) -> pl.DataFrame:
        """The edges that say where a version came from."""
        return self.edges.filter(~pl.col("edge_type").is_in(SUCCESSION))
