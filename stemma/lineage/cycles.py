"""Whether derivation has a cycle: the edges that lie on one, of the whole graph at once.

Inside a repository positions of commits forbid a cycle and a query finds the edge that breaks them; between
repositories nothing but the whole graph tells. How a walk goes on in spite of one is told by the SQL functions.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from stemma.lineage.graph import IS_DERIVATION
from stemma.store.postgres import Database

SCHEMA = pl.Schema({"edge_id": pl.String(), "child_id": pl.String(), "parent_id": pl.String()})

# 64 bits are enough to tell a million versions apart, and a graph of numbers fits where one of texts does not. Two ids
# of one number could only make a cycle that is none, once in ten million such graphs.
_NUMBER = "hashtextextended({0}, 0)"
_ENDS = (
    f"SELECT {_NUMBER.format('child_id')} AS child, {_NUMBER.format('parent_id')} AS parent "
    f"FROM stemma.lineage_edges WHERE {IS_DERIVATION}"
)


def cyclic_edges(db: Database) -> pl.DataFrame:
    """The edges of derivation whose ends derive from each other: edge_id, child_id, parent_id.

    Strongly connected components (Pearce 2005, as SciPy has them): time and memory are linear in the edges.
    """
    ends = db.read(_ENDS)
    if ends.is_empty():
        return SCHEMA.to_frame()
    ids, places = np.unique(np.concatenate([ends["child"].to_numpy(), ends["parent"].to_numpy()]), return_inverse=True)
    child, parent = places[: len(ends)], places[len(ends) :]
    graph = coo_array((np.ones(len(child), np.int8), (child, parent)), shape=(len(ids), len(ids)))
    n_components, component = connected_components(graph.tocsr(), directed=True, connection="strong")
    if n_components == len(ids):
        return SCHEMA.to_frame()
    on_cycle = ends.filter(pl.Series(component[child] == component[parent]))
    with db.transaction() as transaction, transaction.staged("on_cycle", on_cycle.unique()) as name:
        return transaction.read(
            f"SELECT e.edge_id, e.child_id, e.parent_id FROM stemma.lineage_edges e JOIN {name} c "
            f"ON c.child = {_NUMBER.format('e.child_id')} AND c.parent = {_NUMBER.format('e.parent_id')} "
            f"WHERE e.{IS_DERIVATION} ORDER BY 1"
        )
