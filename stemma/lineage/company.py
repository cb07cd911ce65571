"""What the rest of a commit says of what is left over: callers that call another name, classes that changed alike,
members that went the same way.

What is paired by its own place, text or likeness is found in `pairing`; names that changed hands, in `swaps`.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents
from stemma.lineage.pairing import GROUP_PAIRS, Unpaired, by_score
from stemma.lineage.swaps import DOUBTED, beside, calls


def by_callers(
    contents: Contents, unpaired: Unpaired, ended: pl.DataFrame, begun: pl.DataFrame, calibration: Calibration
) -> None:
    """Pair what is gone with what is new where functions that called the one call the other instead."""
    left, right = (side.filter(~pl.col("is_type")) for side in (unpaired.left, unpaired.right))
    wanted = left.select("problem").join(right, on="problem", how="semi").unique()
    pairs = unpaired.pairs.join(wanted, on="problem", how="semi").filter(pl.len().over("problem") <= DOUBTED)
    both = beside(pairs, ended, begun).filter(pl.col("exact_hash") != pl.col("exact_hash_parent"))
    if both.is_empty() or left.is_empty() or right.is_empty():
        return
    lost, gained = (calls(contents, both, suffix) for suffix in ("_parent", ""))
    key = ["problem", "child", "called"]
    only_lost, only_gained = lost.join(gained, on=key, how="anti"), gained.join(lost, on=key, how="anti")
    only_lost = only_lost.join(left.select("problem", called="name"), on=["problem", "called"], how="semi")
    only_gained = only_gained.join(right.select("problem", called="name"), on=["problem", "called"], how="semi")
    swapped = (
        only_lost.join(only_gained, on=["problem", "child"], suffix="_new")
        .group_by("problem", "called", "called_new")
        .len("n")
    )
    n_lost, n_gained = (
        side.group_by("problem", "called").len(name)
        for side, name in ((only_lost, "n_lost"), (only_gained, "n_gained"))
    )
    swapped = swapped.join(n_lost, on=["problem", "called"]).join(
        n_gained, left_on=["problem", "called_new"], right_on=["problem", "called"]
    )
    # Most of all that call the one no more, and most of all that call the other now.
    agreed = swapped.filter(2 * pl.col("n") > pl.max_horizontal("n_lost", "n_gained"))
    n_rivals = (pl.col("n").sum().over("problem", name) for name in ("called", "called_new"))
    is_alone = 2 * pl.col("n") > pl.max_horizontal(*n_rivals)
    # Where a caller took up several names, likeness tells which of them is meant.
    for relation, chosen in (("callers", agreed.filter(is_alone)), ("callers_several", agreed)):
        candidates = _named_so(unpaired, chosen, "called", ["problem"])
        unpaired.settle(by_score(contents, unpaired, candidates, calibration, relation, matched_by="same_callers"))


def by_overrides(contents: Contents, unpaired: Unpaired, calibration: Calibration) -> None:
    """Pair what several classes of a commit have no more with what just these have instead: an interface's method was
    renamed, with all that implement it."""
    holder = ["problem", "home", "container"]
    left, right = (
        side.filter(~pl.col("is_type"), pl.col("container") != "").select(*holder, "name").unique(maintain_order=True)
        for side in (unpaired.left, unpaired.right)
    )
    sizes = left.group_by(holder).len("n").join(right.group_by(holder).len("n_new"), on=holder)
    small = sizes.filter(pl.col("n").cast(pl.Int64) * pl.col("n_new") <= GROUP_PAIRS).select(holder)
    both = left.join(small, on=holder, how="semi").join(right, on=holder, suffix="_new")
    found = both.group_by("problem", "name", "name_new", maintain_order=True).len("n")
    for side, name, count in ((left, "name", "n_old"), (right, "name_new", "n_new")):
        known = side.group_by("problem", pl.col("name").alias(name)).len(count)
        found = found.join(known, on=["problem", name], maintain_order="left")
    found = found.filter(pl.col("n") > 1, pl.col("n") == pl.col("n_old"), pl.col("n") == pl.col("n_new"))
    candidates = _named_so(unpaired, found, "name", holder)
    unpaired.settle(by_score(contents, unpaired, candidates, calibration, "overrides", matched_by="same_overrides"))


def by_company(
    contents: Contents, unpaired: Unpaired, ended: pl.DataFrame, begun: pl.DataFrame, calibration: Calibration
) -> None:
    """Pair what is left by name where others went from the one holder (file and class) to the other."""
    if unpaired.is_done:
        return
    old, new = (
        side.filter(~pl.col("is_type")).select("problem", "node", "path", "container") for side in (ended, begun)
    )
    holders = ["problem", "path", "container", "path_new", "container_new"]
    went = unpaired.pairs.join(old, left_on=["problem", "parent"], right_on=["problem", "node"]).join(
        new, left_on=["problem", "child"], right_on=["problem", "node"], suffix="_new"
    )
    is_other = (pl.col("path") != pl.col("path_new")) | (pl.col("container") != pl.col("container_new"))
    left, right = (side.filter(~pl.col("is_type")) for side in (unpaired.left, unpaired.right))
    candidates = (
        went.filter(is_other)
        .select(holders)
        .unique(maintain_order=True)
        .join(left.select(*holders[:3], "name", parent="node"), on=holders[:3])
        .join(
            right.select("problem", "name", path_new="path", container_new="container", child="node"),
            on=["problem", *holders[3:], "name"],
        )
        .select("problem", "parent", "child")
    )
    unpaired.settle(by_score(contents, unpaired, candidates, calibration, "same_company"))


def _named_so(unpaired: Unpaired, names: pl.DataFrame, name: str, key: list[str]) -> pl.DataFrame:
    """What is left over of the one name, with what is of the other, under one key."""
    left, right = (side.filter(~pl.col("is_type")) for side in (unpaired.left, unpaired.right))
    wanted = names.select("problem", old=name, new=f"{name}_new")
    old = left.select(*key, parent="node", old="name").join(wanted, on=["problem", "old"])
    found = old.join(right.select(*key, child="node", new="name"), on=[*key, "new"]).select(
        "problem", "parent", "child"
    )
    return found.filter(pl.len().over("problem") <= GROUP_PAIRS)
