"""Where the life of an element in one file goes on in another: the edges between the two, and what they lead to.

Which files are looked at lives in `asked_births`; the question itself in `asked`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from stemma.lineage.asked_contents import Key
from stemma.row_ids import row_ids


@dataclass(frozen=True)
class Place:
    """An element as a commit left it."""

    path: str
    commit: str
    key: Key


@dataclass(frozen=True)
class Joint:
    """What leads from a version that was new in its file to what it had been in others (`places`, by node).

    `removals` tell that the commit before had taken it out there.
    """

    edges: pl.DataFrame
    events: pl.DataFrame
    removals: pl.DataFrame
    places: dict[str, Place]

    def edges_to(self, node_ids: Mapping[Place, str]) -> pl.DataFrame:
        """The edges, led to the versions that stood in the other files."""
        return self._led(self.edges, "parent_id", node_ids, "edge_id", ("child_id", "parent_id", "edge_type"))

    def removals_of(self, node_ids: Mapping[Place, str]) -> pl.DataFrame:
        """The removals, told of the versions that stood in the other files."""
        return self._led(self.removals, "node_id", node_ids, "event_id", ("node_id", "event_type", "sha"))

    def _led(
        self, rows: pl.DataFrame, end: str, node_ids: Mapping[Place, str], row_id: str, key: tuple[str, ...]
    ) -> pl.DataFrame:
        stood = {node_id: node_ids[place] for node_id, place in self.places.items() if place in node_ids}
        rows = rows.filter(pl.col(end).is_in(list(stood)))
        rows = rows.with_columns(pl.col(end).replace_strict(stood, return_dtype=pl.String))
        return rows.with_columns(row_ids(rows.select(key)).alias(row_id))


def same_element(edges: pl.DataFrame) -> pl.DataFrame:
    """Without what passed between different elements."""
    return edges.filter(~pl.col("evidence").str.contains('"other_element":true', literal=True))
