"""Which live patterns make a family: clusters of matches, what tells of each, and how near its medoid the members are.

How clusters are made is said in `linkage`; what becomes of them in the tables, in `families`; their ids, in
`family_ids`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.match.linkage import Edges, Flags, Keys, Rows, average_linkage

LEAST = 0.4
"""Least mean score of all pairs of a family, a pair that is no match counting 0.

By `python -m bench.cohesion --without-vectors` on 162,024 patterns of installed packages and of pallets/flask,
gin-gonic/gin, google/gson and redis/redis, of which 311,340 pairs match with .6 or more; other pairs scored for it:

| method | families | members | largest | mean of pairs | lowest family | members below .6 to their medoid |
|---|---:|---:|---:|---:|---:|---:|
| connected components | 12,500 | 91,796 | 46,923 | .468 | .291 | 70.9 % |
| the same, of scores from .7 | 15,299 | 60,211 | 5,790 | .690 | .378 | 27.5 % |
| the same, of scores from .8 | 12,570 | 35,796 | 153 | .841 | .630 | 0.68 % |
| average linkage, .3 | 26,421 | 86,350 | 73 | .709 | .521 | 0.58 % |
| **average linkage, .4** | 28,200 | 82,323 | 43 | .730 | .600 | 0.05 % |
| average linkage, .5 | 29,217 | 81,343 | 40 | .739 | .600 | 0.00 % |

From .35 on no family's mean is below what a match is; .4 splits fewer than .5, and takes 1.5 s of a busy machine.
"""
TYPE_3 = "type-3"


def group(live: pl.DataFrame, matched: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Families of live patterns, a family being two or more that match, or one with two or more live places.

    Args:
        live: pattern_id, language, name, n_live; the row number is the pattern's. Row r has pattern_id at r.
        matched: a, b (row numbers), score and clone_type of each match.

    Returns:
        Members (component, pattern_id, similarity with the medoid), and one row for each component: language,
        medoid_pattern_id, name, n_patterns, n_occurrences, mean_score, cohesion.
    """
    a, b = (matched[name].cast(pl.Int64).to_numpy() for name in ("a", "b"))
    edges = Edges(a, b, matched["score"].cast(pl.Float64).to_numpy())
    is_type_3 = (matched["clone_type"] == TYPE_3).to_numpy()
    root = clusters(edges, is_type_3, keys_of(live["pattern_id"]), is_copied=(live["n_live"] > 1).to_numpy())
    return _tell(live, root, edges.where(root[edges.a] == root[edges.b]))


def clusters(edges: Edges, is_type_3: Flags, keys: Keys, *, is_copied: Flags) -> Rows:
    """For each pattern the smallest row of its cluster: first by Type-3 matches, then, of what these leave alone, by
    semantic ones. So what is alike in meaning only never joins two families of copies, nor anything to one: whoever
    mends a bug in one member must find the same text in the others.

    Args:
        is_copied: which patterns have several live places, and so are a family of copies by themselves.
    """
    root = average_linkage(edges.where(is_type_3), keys, least=LEAST)
    is_alone = (np.bincount(root, minlength=len(root))[root] == 1) & ~is_copied
    is_open = ~is_type_3 & is_alone[edges.a] & is_alone[edges.b]
    return np.where(is_alone, average_linkage(edges.where(is_open), keys, least=LEAST), root)


def keys_of(ids: pl.Series) -> Keys:
    """The first 16 of the 32 hex digits of each id as a number: ids are hashes of the patterns' contents."""
    high, low = (ids.str.slice(at, 8).str.to_integer(base=16, dtype=pl.UInt64).to_numpy() for at in (0, 8))
    keys: Keys = high << np.uint64(32) | low
    return keys


def _tell(live: pl.DataFrame, root: Rows, edges: Edges) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Members and facts of the clusters, by the edges inside them."""
    n, a, b, score = len(live), edges.a, edges.b, edges.score
    total, n_edges = np.bincount(root[a], score, n), np.bincount(root[a], minlength=n)
    n_pairs = (size := np.bincount(root, minlength=n)) * (size - 1) // 2
    nodes = live.with_columns(
        component=pl.Series(root),
        closeness=pl.Series(np.bincount(a, score, n) + np.bincount(b, score, n)),
        mean_score=_mean(total, n_edges)[root],
        cohesion=_mean(total, n_pairs)[root],
    ).with_row_index("row")
    nodes = nodes.filter((pl.len().over("component") > 1) | (pl.col("n_live") > 1)).sort(
        "component", "closeness", "n_live", "pattern_id", descending=[False, True, True, False]
    )
    facts = nodes.group_by("component", maintain_order=True).agg(
        pl.col("language", "name", "mean_score", "cohesion").first(),
        medoid=pl.col("row").first(),
        medoid_pattern_id=pl.col("pattern_id").first(),
        n_patterns=pl.len(),
        n_occurrences=pl.col("n_live").sum(),
    )
    medoid = np.full(n, -1, np.int64)
    medoid[facts["component"].to_numpy()] = facts["medoid"].to_numpy()
    similarity = np.full(n, np.nan, np.float32)
    for one, other in ((a, b), (b, a)):
        is_to_medoid = medoid[root[one]] == other
        similarity[one[is_to_medoid]] = score[is_to_medoid]
    members = nodes.select("component", "pattern_id", "row")
    members = members.with_columns(similarity=pl.Series(similarity[members["row"].to_numpy()]).fill_nan(None))
    return members.drop("row"), facts.drop("medoid")


def _mean(total: NDArray[Any], n: NDArray[Any]) -> pl.Series:
    return pl.Series(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)).fill_nan(None)
