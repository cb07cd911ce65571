"""Which version followed which: those that a commit ended, paired with those that it began. Frames in, frames out.

What a pair is then called (modified, renamed, moved), and where the rows go, lives in `history`.

Pairs are sought in stages, from the strongest evidence to the weakest; who is paired leaves the field. Inside a stage
the candidates of equal key are paired in source order, and the confidence of each such pair is one over the larger
side: five equal getters that move together are right as a group and a guess one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

# Paths are compared as `home`: the path, or for a file that was renamed as a whole, its new path.
PLACE = ("home", "kind", "qualified_name")
RENAMED_FILE_SHARE = 0.5  # git's own threshold for a rename
COMMON_NAME_FILES = 20  # a name that so many files of one commit carry (`main`) says nothing about which became which


@dataclass(frozen=True)
class Stage:
    """Candidates agree in `key`, within one commit. `is_sure` stages take only a single candidate on either side."""

    name: str
    key: tuple[str, ...]
    takes_trivial: bool = True
    is_sure: bool = False


# A trivial pattern (a getter, an empty constructor) is the same everywhere: outside its own file it is followed only
# by its exact text under the same full name. Without any name in common, only what is unambiguous is believed.
STAGES = (
    Stage("same_text", (*PLACE, "exact_hash")),
    Stage("same_normal_form", (*PLACE, "pattern_id")),
    Stage("same_place", (*PLACE, "duplicate_index")),
    Stage("same_place", PLACE),
    Stage("same_place", ("home", "qualified_name")),
    Stage("same_text", ("exact_hash", "qualified_name", "stem")),
    Stage("same_text", ("exact_hash", "qualified_name")),
    Stage("same_text", ("exact_hash", "name", "home")),
    Stage("same_text", ("exact_hash", "name", "stem"), takes_trivial=False),
    Stage("same_text", ("exact_hash", "name"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "name", "home"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "home"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "home"), is_sure=True),
    Stage("same_normal_form", ("pattern_id", "qualified_name", "stem"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "qualified_name"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "name"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "stem"), takes_trivial=False, is_sure=True),
    Stage("same_normal_form", ("pattern_id",), takes_trivial=False, is_sure=True),
)


def pair(ended: pl.DataFrame, begun: pl.DataFrame, renamed: pl.DataFrame) -> pl.DataFrame:
    """One row per version begun that follows one ended: child, parent, matched_by, n_candidates, confidence.

    Args:
        ended, begun: node_id, index (of the commit), path, kind, qualified_name, name, duplicate_index, ordinal,
            exact_hash, pattern_id, is_trivial.
        renamed: index, old_path, new_path of files renamed as a whole (`renamed_files`).
    """
    homes = renamed.select("index", path="old_path", home="new_path")
    left = _prepare(ended.join(homes, on=["index", "path"], how="left").with_columns(pl.coalesce("home", "path")))
    right = _prepare(begun.with_columns(home="path"))
    found = []
    for stage in STAGES:
        pairs = _match(stage, left, right)
        left = left.join(pairs, left_on="node_id", right_on="parent", how="anti")
        right = right.join(pairs, left_on="node_id", right_on="child", how="anti")
        found.append(pairs)
    return pl.concat(found)


def _prepare(versions: pl.DataFrame) -> pl.DataFrame:
    return versions.with_columns(stem=_stem("path")).sort("index", "path", "ordinal", "node_id")


def _stem(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r"([^/]*?)(?:\.[^/.]*)?$")


def _match(stage: Stage, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    key = ["index", *stage.key]
    parents, children = (
        (side if stage.takes_trivial else side.filter(~pl.col("is_trivial"))).select(
            *key, name_, n=pl.len().over(key), nth=pl.int_range(pl.len()).over(key)
        )
        for side, name_ in (
            (left, pl.col("node_id").alias("parent")),
            (right, pl.col("node_id").alias("child")),
        )
    )
    pairs = parents.join(children, on=[*key, "nth"]).with_columns(n=pl.max_horizontal("n", "n_right"))
    if stage.is_sure:
        pairs = pairs.filter(pl.col("n") == 1)
    return pairs.select("child", "parent", matched_by=pl.lit(stage.name), n_candidates="n", confidence=1 / pl.col("n"))


def renamed_files(
    ended: pl.DataFrame, begun: pl.DataFrame, vanished: pl.DataFrame, appeared: pl.DataFrame
) -> pl.DataFrame:
    """Files that a commit removed, each with the file it added that holds most of the same definitions.

    Args:
        ended, begun: as `pair`.
        vanished, appeared: index, path of the files that the commits removed and added.

    Returns:
        index, old_path, new_path; one to one. Equal shares go to the same file name, then by path.
    """
    old = ended.join(vanished, on=["index", "path"], how="semi").with_columns(n=pl.len().over("index", "path"))
    new = begun.join(appeared, on=["index", "path"], how="semi").with_columns(n=pl.len().over("index", "path"))
    key = ["index", "kind", "qualified_name", "duplicate_index"]
    rare = pl.len().over(key) <= COMMON_NAME_FILES
    shared = (
        old.filter(rare)
        .join(new.filter(rare), on=key)
        .filter(
            (pl.col("pattern_id") == pl.col("pattern_id_right")) | (pl.col("exact_hash") == pl.col("exact_hash_right"))
        )
        .group_by("index", old_path="path", new_path="path_right")
        .agg(
            share=pl.len() / pl.max_horizontal(pl.col("n").first(), pl.col("n_right").first()),
            is_telling=(~pl.col("is_trivial")).any(),
        )
        .with_columns(is_same_name=_stem("old_path") == _stem("new_path"))
        .filter((pl.col("share") >= RENAMED_FILE_SHARE) & (pl.col("is_telling") | pl.col("is_same_name")))
        .sort(["index", "share", "is_same_name", "old_path", "new_path"], descending=[False, True, True, False, False])
    )
    return _one_to_one(shared).select("index", "old_path", "new_path")


def _one_to_one(candidates: pl.DataFrame) -> pl.DataFrame:
    """Greedy assignment in the order of the rows: each round takes every row that is the first for both its ends."""
    chosen = candidates.clear()
    while not candidates.is_empty():
        first_of_both = (pl.int_range(pl.len()).over("index", "old_path") == 0) & (
            pl.int_range(pl.len()).over("index", "new_path") == 0
        )
        best = candidates.filter(first_of_both)
        chosen = pl.concat([chosen, best])
        candidates = candidates.join(best, on=["index", "old_path"], how="anti").join(
            best, on=["index", "new_path"], how="anti"
        )
    return chosen
