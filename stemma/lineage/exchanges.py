"""What the two ends of a pair of one place are more like than each other: among what is left over, and other pairs.

Which pairs are then doubted is decided in `swaps`; how alike two definitions are, in `likeness`.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents
from stemma.lineage.likeness import SIDE, scored

TEXT = pl.mean_horizontal("like_windows", "like_words")
LIKE_ITSELF = 0.8  # a text that kept so much of itself was exchanged for no other
CROSSED = 1_600  # candidates of one file or one name: 40 against 40
CROSSED_IN_ALL = 20_000  # of one commit; one that rewrites more exchanges no names by hand
_COMPARED = tuple(name for name in SIDE if name not in ("before", "after"))
_WIDE = ("problem", "path", "node", *_COMPARED)
_FOUND = ("score", "text", "parameters", "is_left_over")


def elsewhere(
    contents: Contents, pairs: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame, calibration: Calibration
) -> pl.DataFrame:
    """The pairs (scored, with `text`), with what fits their ends best: `future_` of the parent, `past_` of the child,
    each score, text, parameters and is_left_over; null where nothing is comparable.

    Looked for in the file and under the name, where the two texts are not much the same. Neighbours are not compared:
    what moved about stands beside others.
    """
    loose = pairs.filter(pl.col("text") < LIKE_ITSELF)
    telling = loose.filter(~pl.col("is_trivial"))  # what hands on in one line is like any other that does
    newer = telling.select("problem", "path", *_COMPARED, node="child", partner="parent")
    before = {name: f"{name}_parent" for name in _COMPARED}
    older = loose.select("problem", "path", node="parent", partner="child", **before)
    gone = left.filter(~pl.col("is_trivial")).with_columns(path="home")
    new = right.filter(~pl.col("is_trivial"))
    futures = _best(contents, older, newer, new, calibration, is_future=True)
    pasts = _best(contents, newer, older, gone, calibration, is_future=False)
    for name, end, best in (("future", "parent", futures), ("past", "child", pasts)):
        known = best.rename({"node": end} | {each: f"{name}_{each}" for each in _FOUND})
        pairs = pairs.join(known, on=["problem", end], how="left", maintain_order="left")
    return pairs


def _best(
    contents: Contents,
    own: pl.DataFrame,
    others: pl.DataFrame,
    left_over: pl.DataFrame,
    calibration: Calibration,
    *,
    is_future: bool,
) -> pl.DataFrame:
    """problem, node, score, text, parameters, is_left_over of the one of the others that each is most like."""
    pool = pl.concat(
        [
            others.select(*_WIDE, is_left_over=pl.lit(False)),
            left_over.select(*_WIDE, is_left_over=pl.lit(True)),
        ]
    )
    mine, theirs = ("_parent", "") if is_future else ("", "_parent")
    crossed = pl.concat(_crossed(own, pool, key, mine, theirs) for key in ("path", "name"))
    crossed = crossed.unique(["problem", "node", "other"], keep="first", maintain_order=True)
    crossed = crossed.join(own.select("problem", "node", other="partner"), on=["problem", "node", "other"], how="anti")
    crossed = crossed.with_columns(
        pl.lit(None, pl.Int32).alias(name) for name in ("before", "after", "before_parent", "after_parent")
    )
    found = scored(contents, crossed, calibration).with_columns(text=TEXT, parameters="like_parameters")
    return (
        found.sort("problem", "node", -pl.col("score"), "other")
        .unique(["problem", "node"], keep="first", maintain_order=True)
        .select("problem", "node", *_FOUND)
    )


def _crossed(own: pl.DataFrame, pool: pl.DataFrame, key: str, mine: str, theirs: str) -> pl.DataFrame:
    """Each against all others of the pool that have the key in common with it."""
    on = ["problem", "_key"]
    one = own.select("problem", "node", _key=key, **{f"{name}{mine}": name for name in _COMPARED})
    other = pool.select(
        "problem", "is_left_over", _key=key, other="node", **{f"{name}{theirs}": name for name in _COMPARED}
    )
    sizes = one.group_by(on).len("n").join(other.group_by(on).len("n_other"), on=on)
    n_crossed = pl.col("n").cast(pl.Int64) * pl.col("n_other")
    small = sizes.filter(n_crossed <= CROSSED).filter(n_crossed.sum().over("problem") <= CROSSED_IN_ALL).select(on)
    both = one.join(small, on=on, how="semi", maintain_order="left").join(other, on=on, maintain_order="left_right")
    return both.select(
        "problem", "node", "other", "is_left_over", *(f"{name}{side}" for side in ("", "_parent") for name in _COMPARED)
    ).filter(pl.col("language") == pl.col("language_parent"))
