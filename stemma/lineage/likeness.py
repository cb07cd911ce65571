"""How alike two definitions are: features of a pair and the score made of them. Frames in, frames out.

Which pairs are asked about, and which score is enough, is decided in `pairing`; the weights are in `calibration`.

Every feature is 0-1, or null where it says nothing:
    windows: Jaccard similarity of the 5-token windows of the normal forms; 1 for equal normal forms.
    words: Jaccard similarity of what the two call, bind and take: names of calls, variables and parameters.
    name: similarity of their own names by edits (1 - Indel distance / both lengths).
    parameters: the same of the parameter lists as written, 1 for equal ones.
    return_type: whether what they return is written the same.
    neighbours: whether what stands before and after them in the file has the same name.
The score is the mean of the features that are there, by weight.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from rapidfuzz import fuzz
from rapidfuzz.process import cpdist

from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents

SIDE = ("name", "exact_hash", "language", "pattern_id", "before", "after")
PAIRS_PER_SLICE = 5_000  # a class may have thousands of windows: both sides of a slice stay in the tens of MB
FEATURES = ("windows", "words", "name", "parameters", "return_type", "neighbours")


def scored(contents: Contents, pairs: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    """The pairs with `score` and the features, each as `like_` and its name.

    Args:
        pairs: of each side (the older one's columns end in `_parent`) name, exact_hash, language, pattern_id, before,
            after (names of the neighbours in the file).
    """
    if pairs.is_empty():
        return pairs.with_columns(
            *(pl.lit(None, pl.Float32).alias(name) for name in (*(f"like_{one}" for one in FEATURES), "score"))
        )
    return pl.concat([_scored(contents, part, calibration) for part in pairs.iter_slices(PAIRS_PER_SLICE)])


def _scored(contents: Contents, pairs: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    found = compared(contents, pairs).rename({"jaccard": "like_windows"}).drop("n_shared", "n_own", "n_parent")
    said = _said(contents, pairs)
    for side in ("", "_parent"):
        renamed = said.rename({name: f"_{name}{side}" for name in ("words", "parameter_list", "return_type")})
        key = [f"exact_hash{side}", f"language{side}"]
        found = found.join(renamed, left_on=key, right_on=["exact_hash", "language"], how="left", maintain_order="left")
    has_list = pl.col("_parameter_list").is_not_null() & pl.col("_parameter_list_parent").is_not_null()
    names, lists = (_edits(found[one], found[f"{one}_parent"]) for one in ("name", "_parameter_list"))
    found = found.with_columns(
        like_name=names,
        like_words=jaccard("_words", "_words_parent"),
        like_parameters=pl.when(has_list).then(lists),
        like_return_type=_same("_return_type"),
        like_neighbours=pl.mean_horizontal(_same("before"), _same("after")),
    )
    value = {name: pl.col(f"like_{name}") for name in FEATURES}
    weight = pl.sum_horizontal(
        pl.when(value[name].is_not_null()).then(calibration.weights[name]).otherwise(0.0) for name in FEATURES
    )
    total = pl.sum_horizontal(value[name] * calibration.weights[name] for name in FEATURES)
    columns = [column for column in found.columns if column.startswith("_")]
    return found.with_columns(score=(total / weight).cast(pl.Float32)).drop(columns)


def _same(column: str) -> pl.Expr:
    """1 where both sides say the same, 0 where not; null where neither says anything."""
    one, other = pl.col(column), pl.col(f"{column}_parent")
    return pl.when(one.is_not_null() | other.is_not_null()).then(one.eq_missing(other).cast(pl.Float32))


def compared(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs (pattern_id, pattern_id_parent) with their windows: jaccard, n_shared, n_own, n_parent."""
    ids = pl.concat([pairs["pattern_id"], pairs["pattern_id_parent"]]).unique(maintain_order=True)
    windows = contents.windows(ids).filter(pl.col("shingles").list.len() > 0)
    distinct = pairs.select("pattern_id", "pattern_id_parent").unique(maintain_order=True)
    both = distinct.join(windows, on="pattern_id", how="left", maintain_order="left").join(
        windows.rename({"pattern_id": "pattern_id_parent", "shingles": "_old"}), on="pattern_id_parent", how="left",
        maintain_order="left",
    )  # fmt: skip
    n_shared = pl.col("shingles").list.set_intersection("_old").list.len().cast(pl.Int32)
    n_own, n_parent = (pl.col(name).list.len().cast(pl.Int32) for name in ("shingles", "_old"))
    is_equal = pl.col("pattern_id") == pl.col("pattern_id_parent")
    counted = both.select(
        "pattern_id",
        "pattern_id_parent",
        n_shared=n_shared,
        n_own=n_own,
        n_parent=n_parent,
        jaccard=pl.when(is_equal).then(1.0).otherwise(n_shared / (n_own + n_parent - n_shared)).cast(pl.Float32),
    )
    return pairs.join(counted, on=["pattern_id", "pattern_id_parent"], how="left", maintain_order="left")


def weighed(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs with `weight`, how alike their windows are; slices keep both sides in bounds."""
    if pairs.is_empty():
        return pairs.with_columns(weight=pl.lit(None, pl.Float32))
    parts = [compared(contents, part) for part in pairs.iter_slices(PAIRS_PER_SLICE)]
    return pl.concat(parts).rename({"jaccard": "weight"}).drop("n_shared", "n_own", "n_parent")


def _said(contents: Contents, pairs: pl.DataFrame) -> pl.DataFrame:
    sides = [pairs.select(exact_hash=f"exact_hash{side}", language=f"language{side}") for side in ("", "_parent")]
    found = contents.texts(pl.concat(sides).unique(maintain_order=True))
    words = pl.concat_list("calls", "defines", "parameters").list.unique()
    return found.select("exact_hash", "language", "parameter_list", "return_type", words=words)


def jaccard(one: str, other: str) -> pl.Expr:
    """Of two columns of lists without repetition; null where both are empty."""
    n_shared = pl.col(one).list.set_intersection(other).list.len()
    n_either = pl.col(one).list.len() + pl.col(other).list.len() - n_shared
    return pl.when(n_either > 0).then(n_shared / n_either).cast(pl.Float32)


def _edits(one: pl.Series, other: pl.Series) -> pl.Series:
    alike = cpdist(one.fill_null("").to_list(), other.fill_null("").to_list(), scorer=fuzz.ratio, dtype=np.float32)
    return pl.Series(alike / 100, dtype=pl.Float32)
