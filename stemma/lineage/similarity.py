"""How alike the two texts of a pair are. Which versions make a pair is decided in `successors`.

Jaccard similarity of the 5-token windows (shingles) of the normal forms, as matching uses it: 1 for equal normal
forms, null when either text is too short to have a window.
"""

from __future__ import annotations

import polars as pl

from stemma.store.postgres import Transaction

PAIRS_PER_SLICE = 5_000  # a class may have thousands of windows: both sides of a slice stay in the tens of MB


def weigh(transaction: Transaction, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs (columns pattern_id and pattern_id_parent) with their `weight`, Float32."""
    different = (
        pairs.select("pattern_id", "pattern_id_parent")
        .filter(pl.col("pattern_id") != pl.col("pattern_id_parent"))
        .unique(maintain_order=True)
    )
    weights = [_jaccard(transaction, part) for part in different.iter_slices(PAIRS_PER_SLICE)]
    is_equal = pl.col("pattern_id") == pl.col("pattern_id_parent")
    if not weights:
        return pairs.with_columns(weight=pl.when(is_equal).then(pl.lit(1.0, pl.Float32)))
    joined = pairs.join(pl.concat(weights), on=["pattern_id", "pattern_id_parent"], how="left")
    return joined.with_columns(weight=pl.when(is_equal).then(pl.lit(1.0, pl.Float32)).otherwise("weight"))


def _jaccard(transaction: Transaction, pairs: pl.DataFrame) -> pl.DataFrame:
    wanted = pl.concat([pairs["pattern_id"], pairs["pattern_id_parent"]]).unique().to_frame("pattern_id")
    with transaction.staged("compared_patterns", wanted) as name:
        shingles = transaction.read(
            "SELECT p.pattern_id, p.shingles FROM stemma.patterns p "
            f"JOIN {name} w USING (pattern_id) WHERE cardinality(p.shingles) > 0"
        )
    both = pairs.join(shingles, on="pattern_id", how="left").join(
        shingles, left_on="pattern_id_parent", right_on="pattern_id", how="left", suffix="_parent"
    )
    n_shared = pl.col("shingles").list.set_intersection("shingles_parent").list.len()
    n_either = pl.col("shingles").list.len() + pl.col("shingles_parent").list.len() - n_shared
    return both.select("pattern_id", "pattern_id_parent", weight=(n_shared / n_either).cast(pl.Float32))
