"""Names that changed hands: a place that kept its name while its text went elsewhere, and callers that follow a rename.

The place counts most in `pairing`; here it is doubted where the texts say otherwise. Thresholds are in `calibration`.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents
from stemma.lineage.likeness import SIDE, scored
from stemma.lineage.pairing import GROUP_PAIRS, Unpaired, by_score, with_text

DOUBTED = 5_000  # pairs of one commit; a commit that rewrites more of them swaps no names by hand
_LAST_NAME = r"(\w+)\W*$"


def doubtful(
    contents: Contents, unpaired: Unpaired, ended: pl.DataFrame, begun: pl.DataFrame, calibration: Calibration
) -> pl.DataFrame:
    """Pairs of functions that have their place in common and hardly any text, taken back to be paired again.

    Only where something else is left over that may be meant. Not where the new text calls what is left over, or the old
    one did: then text was moved out of the function, or into it, and it is still the same. And not where another of the
    same name is left over: a method that was pushed down leaves its place to what stands there. Two texts that both
    stand elsewhere, word for word, are doubted however alike they are: names were shifted.
    """
    pairs = unpaired.pairs.filter((pl.col("matched_by") == "same_place") & (pl.len().over("problem") <= DOUBTED))
    both = _beside(pairs, ended, begun).filter(
        ~pl.col("is_type"), pl.col("pattern_id") != pl.col("pattern_id_parent"), pl.col("name") == pl.col("name_parent")
    )
    left, right = (side.filter(~pl.col("is_type")) for side in (unpaired.left, unpaired.right))
    both = both.filter(
        pl.col("problem").is_in(pl.concat([left["problem"], right["problem"], _shifted(both)["problem"]]).implode())
    )
    if both.is_empty():
        return pairs.clear()
    both = both.join(_namesakes(left, right), on=["problem", "name"], how="anti", maintain_order="left")
    handing_on = pl.concat(
        _calls(contents, both, suffix)
        .join(other.select("problem", called="name"), on=["problem", "called"], how="semi")
        .select("problem", "child")
        for suffix, other in (("", right), ("_parent", left))
    )
    told = scored(contents, both, calibration)
    text = pl.mean_horizontal("like_windows", "like_words")
    weak = told.filter(text < calibration.thresholds["weak_place"]).join(
        handing_on, on=["problem", "child"], how="anti"
    )
    key = ["problem", "parent", "child"]
    doubted = pl.concat([weak.select(key), _shifted(both).select(key)]).unique(maintain_order=True)
    back = pairs.join(doubted, on=key, how="semi", maintain_order="left")
    unpaired.found = [group.join(doubted, on=key, how="anti", maintain_order="left") for group in unpaired.found]
    unpaired.left = _put_back(unpaired.left, ended, back.select("problem", node="parent"))
    unpaired.right = _put_back(unpaired.right, begun, back.select("problem", node="child"))
    return back


def _namesakes(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(side.select("problem", "name") for side in (left, right)).unique()


def _beside(pairs: pl.DataFrame, ended: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
    older = ended.select("problem", pl.col("node").alias("parent"), *SIDE, "path")
    newer = begun.select("problem", pl.col("node").alias("child"), *SIDE, "path", "is_type", "is_trivial")
    return pairs.select("problem", "parent", "child").join(
        newer, on=["problem", "child"], maintain_order="left"
    ).join(older, on=["problem", "parent"], suffix="_parent", maintain_order="left")  # fmt: skip


def _shifted(both: pl.DataFrame) -> pl.DataFrame:
    """Pairs of which either text stands, in another pair of the file, on the other side."""
    telling = both.filter(~pl.col("is_trivial"))
    forward = telling.join(
        telling.select("problem", "path", pattern_id_parent="pattern_id"),
        on=["problem", "path", "pattern_id_parent"], how="semi", maintain_order="left",
    )  # fmt: skip
    return forward.join(
        telling.select("problem", "path", pattern_id="pattern_id_parent"),
        on=["problem", "path", "pattern_id"], how="semi", maintain_order="left",
    )  # fmt: skip


def _put_back(unpaired: pl.DataFrame, versions: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    again = versions.join(nodes, on=["problem", "node"], how="semi", maintain_order="left")
    order = ["problem", "path", "ordinal", "node"]
    return pl.concat([unpaired, again.select(unpaired.columns)]).sort(order)


def settle_again(unpaired: Unpaired, doubted: pl.DataFrame) -> None:
    """What found no better partner goes back to its place, where the other end is free still."""
    free = doubted.join(unpaired.left, left_on=["problem", "parent"], right_on=["problem", "node"], how="semi")
    free = free.join(unpaired.right, left_on=["problem", "child"], right_on=["problem", "node"], how="semi")
    unpaired.settle(free)


def by_callers(
    contents: Contents, unpaired: Unpaired, ended: pl.DataFrame, begun: pl.DataFrame, calibration: Calibration
) -> None:
    """Pair what is gone with what is new where functions that called the one call the other instead."""
    left, right = (side.filter(~pl.col("is_type")) for side in (unpaired.left, unpaired.right))
    wanted = left.select("problem").join(right, on="problem", how="semi").unique()
    pairs = unpaired.pairs.join(wanted, on="problem", how="semi").filter(pl.len().over("problem") <= DOUBTED)
    both = _beside(pairs, ended, begun).filter(pl.col("exact_hash") != pl.col("exact_hash_parent"))
    if both.is_empty() or left.is_empty() or right.is_empty():
        return
    lost, gained = (_calls(contents, both, suffix) for suffix in ("_parent", ""))
    key = ["problem", "child", "called"]
    only_lost, only_gained = lost.join(gained, on=key, how="anti"), gained.join(lost, on=key, how="anti")
    only_lost = only_lost.join(left.select("problem", called="name"), on=["problem", "called"], how="semi")
    only_gained = only_gained.join(right.select("problem", called="name"), on=["problem", "called"], how="semi")
    swapped = (
        only_lost.join(only_gained, on=["problem", "child"], suffix="_new")
        .group_by("problem", "called", "called_new")
        .len("n")
    )
    n_either = pl.max_horizontal(
        pl.col("n").sum().over("problem", "called"), pl.col("n").sum().over("problem", "called_new")
    )
    agreed = swapped.filter(2 * pl.col("n") > n_either)
    candidates = (
        agreed.join(
            left.select("problem", "name", parent="node"), left_on=["problem", "called"], right_on=["problem", "name"]
        )
        .join(
            right.select("problem", "name", child="node"),
            left_on=["problem", "called_new"],
            right_on=["problem", "name"],
        )
        .select("problem", "parent", "child")
        .filter(pl.len().over("problem") <= GROUP_PAIRS)
    )
    unpaired.settle(by_score(contents, unpaired, candidates, calibration, "callers", matched_by="same_callers"))


def _calls(contents: Contents, both: pl.DataFrame, suffix: str) -> pl.DataFrame:
    side = both.select("problem", "child", exact_hash=f"exact_hash{suffix}", language=f"language{suffix}")
    named = with_text(contents, side, "calls").explode("calls").drop_nulls("calls")
    return named.select("problem", "child", called=pl.col("calls").str.extract(_LAST_NAME)).drop_nulls().unique()
