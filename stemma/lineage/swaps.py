"""Names that changed hands: a place that kept its name while its text went elsewhere.

The place counts most in `pairing`; here it is doubted where the texts say otherwise. What either text is more like is
found in `exchanges`; thresholds are in `calibration`.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage import exchanges
from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents
from stemma.lineage.likeness import SIDE, scored
from stemma.lineage.pairing import Unpaired, with_text

DOUBTED = 5_000  # pairs of one commit; a commit that rewrites more of them swaps no names by hand
_LAST_NAME = r"(\w+)\W*$"


def doubtful(
    contents: Contents, unpaired: Unpaired, ended: pl.DataFrame, begun: pl.DataFrame, calibration: Calibration
) -> pl.DataFrame:
    """Pairs of functions that have their place in common and hardly any text, taken back to be paired again.

    Only where something else is left over that may be meant. Not where the new text calls what is left over, or the old
    one did: then text was moved out of the function, or into it, and it is still the same. And not where another of the
    same name is left over: a method that was pushed down leaves its place to what stands there. But in spite of both
    where the parameters went with the text. Two texts that both stand elsewhere, word for word, are doubted however
    alike they are, and so are two that are both more like others: names were shifted, or exchanged.
    """
    pairs = unpaired.pairs.filter((pl.col("matched_by") == "same_place") & (pl.len().over("problem") <= DOUBTED))
    both = beside(pairs, ended, begun).filter(
        ~pl.col("is_type"), pl.col("pattern_id") != pl.col("pattern_id_parent"), pl.col("name") == pl.col("name_parent")
    )
    left, right = (side.filter(~pl.col("is_type")) for side in (unpaired.left, unpaired.right))
    is_near = pl.col("problem").is_in(pl.concat([left["problem"], right["problem"]]).implode())
    # A pair alone in its file, of a commit with nothing left over, has nothing to be exchanged with.
    both = both.with_columns(is_near=is_near).filter(pl.col("is_near") | (pl.len().over("problem", "path") > 1))
    if both.is_empty():
        return pairs.clear()
    told = scored(contents, both, calibration).with_columns(text=exchanges.TEXT)
    told = exchanges.elsewhere(contents, told, left, right, calibration)
    weak = told.filter("is_near", pl.col("text") < calibration.thresholds["weak_place"])
    plain = weak.join(_namesakes(left, right), on=["problem", "name"], how="anti", maintain_order="left")
    plain = plain.join(_handing_on(contents, plain, left, right), on=["problem", "child"], how="anti")
    key = ["problem", "parent", "child"]
    found = (plain, _declared_elsewhere(weak, calibration), _exchanged(told, calibration), _shifted(both, left, right))
    doubted = pl.concat(each.select(key) for each in found).unique(maintain_order=True)
    back = pairs.join(doubted, on=key, how="semi", maintain_order="left")
    unpaired.found = [group.join(doubted, on=key, how="anti", maintain_order="left") for group in unpaired.found]
    unpaired.left = _put_back(unpaired.left, ended, back.select("problem", node="parent"))
    unpaired.right = _put_back(unpaired.right, begun, back.select("problem", node="child"))
    return back


def _handing_on(contents: Contents, both: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Pairs of which the new text calls what is new, or the old one called what is gone."""
    return pl.concat(
        calls(contents, both, suffix)
        .join(other.select("problem", called="name"), on=["problem", "called"], how="semi")
        .select("problem", "child")
        for suffix, other in (("", right), ("_parent", left))
    )


def _declared_elsewhere(weak: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    """Pairs of which either text stands with its parameters under a name that is left over."""
    numbers = calibration.thresholds
    return weak.filter(
        pl.any_horizontal(
            pl.col(f"{end}_is_left_over")
            & (pl.col(f"{end}_text") >= numbers["swapped"])
            & (pl.col(f"{end}_parameters") - pl.col("like_parameters") >= numbers["declared"])
            for end in ("future", "past")
        )
    )


def _exchanged(told: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    """Pairs of which the old one is more like another new one, and the new one more like another old one."""
    worse = pl.min_horizontal("future_score", "past_score") - pl.col("score")
    known = pl.col("future_score").is_not_null() & pl.col("past_score").is_not_null()
    return told.filter(known & (worse >= calibration.thresholds["exchanged"]))


def _namesakes(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(side.select("problem", "name") for side in (left, right)).unique()


def beside(pairs: pl.DataFrame, ended: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
    older = ended.select("problem", pl.col("node").alias("parent"), *SIDE, "path")
    newer = begun.select("problem", pl.col("node").alias("child"), *SIDE, "path", "is_type", "is_trivial")
    return pairs.select("problem", "parent", "child").join(
        newer, on=["problem", "child"], maintain_order="left"
    ).join(older, on=["problem", "parent"], suffix="_parent", maintain_order="left")  # fmt: skip


def _shifted(both: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Pairs of which either text stands, left over or in another pair of the file, on the other side."""
    telling = both.filter(~pl.col("is_trivial"))
    place = ("problem", "path")
    new = pl.concat([telling.select(*place, "pattern_id"), right.select(*place, "pattern_id")])
    old = pl.concat(
        [telling.select(*place, text="pattern_id_parent"), left.select("problem", path="home", text="pattern_id")]
    )
    forward = telling.join(
        new.rename({"pattern_id": "pattern_id_parent"}), on=[*place, "pattern_id_parent"], how="semi",
        maintain_order="left",
    )  # fmt: skip
    return forward.join(
        old.rename({"text": "pattern_id"}), on=[*place, "pattern_id"], how="semi", maintain_order="left"
    )


def _put_back(unpaired: pl.DataFrame, versions: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    again = versions.join(nodes, on=["problem", "node"], how="semi", maintain_order="left")
    order = ["problem", "path", "ordinal", "node"]
    return pl.concat([unpaired, again.select(unpaired.columns)]).sort(order)


def settle_again(unpaired: Unpaired, doubted: pl.DataFrame) -> None:
    """What found no better partner goes back to its place, where the other end is free still."""
    free = doubted.join(unpaired.left, left_on=["problem", "parent"], right_on=["problem", "node"], how="semi")
    free = free.join(unpaired.right, left_on=["problem", "child"], right_on=["problem", "node"], how="semi")
    unpaired.settle(free)


def calls(contents: Contents, both: pl.DataFrame, suffix: str) -> pl.DataFrame:
    side = both.select("problem", "child", exact_hash=f"exact_hash{suffix}", language=f"language{suffix}")
    named = with_text(contents, side, "calls").explode("calls").drop_nulls("calls")
    return named.select("problem", "child", called=pl.col("calls").str.extract(_LAST_NAME)).drop_nulls().unique()
