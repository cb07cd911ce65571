"""Which version followed which: those that commits ended, paired with those that they began. Frames in, frames out.

What a pair is then called, and what stands behind it, is told in `kinds`; files and containers that were renamed as a
whole are found in `containers`, likeness in `likeness`.

Inside a commit the strongest evidence goes first, and who is paired leaves the field: the same place (path, kind,
qualified name; overloads by parameters, text and likeness, never by their order alone), the same place in a file,
class or module that was renamed or moved as a whole, the same text, the same normal form, and at last likeness of
body, declaration and neighbours. Candidates of equal key are paired in source order, with a confidence of one over the
larger side: five equal getters that move together are right as a group and a guess one by one. Among scored
candidates the best pair of all goes first (greedy assignment), and its confidence is its score over the sum of it and
the best score that either end had elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from stemma.languages import FAMILIES
from stemma.lineage import overloads
from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import TYPES, Contents
from stemma.lineage.likeness import SIDE, scored

# Paths and names are compared as `home` and `place`: where an element stood, or, when what held it was renamed or moved
# as a whole, where it would stand now.
PLACE = ("home", "kind", "place")
GROUP_PAIRS = 2_500  # candidates of one file or one name: 50 against 50
SHARED_NAME = 20  # a name that so many leftovers of one commit carry (`main`) says nothing about which became which
RARE_WINDOW = 5
PAIRS = pl.Schema(
    {
        "problem": pl.Int64(),
        "parent": pl.Int32(),
        "child": pl.Int32(),
        "matched_by": pl.String(),
        "n_candidates": pl.UInt32(),
        "confidence": pl.Float64(),
    }
)


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
    Stage("same_text", ("exact_hash", "place", "stem")),
    Stage("same_text", ("exact_hash", "place")),
    Stage("same_text", ("exact_hash", "name", "home")),
    Stage("same_text", ("exact_hash", "name", "stem"), takes_trivial=False),
    Stage("same_text", ("exact_hash", "name"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "name", "home"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "container", "home"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "home"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "home"), is_sure=True),
    Stage("same_normal_form", ("pattern_id", "place", "stem"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "place"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "name"), takes_trivial=False),
    Stage("same_normal_form", ("pattern_id", "stem"), takes_trivial=False, is_sure=True),
    Stage("same_normal_form", ("pattern_id",), takes_trivial=False, is_sure=True),
)


@dataclass
class Unpaired:
    """What is still to be paired: `left` ended, `right` began; `found` is what was, `doubted` what was and is not."""

    left: pl.DataFrame
    right: pl.DataFrame
    found: list[pl.DataFrame] = field(default_factory=list)
    doubted: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PAIRS))

    def settle(self, pairs: pl.DataFrame) -> None:
        if pairs.is_empty():
            return
        self.found.append(pairs.select(PAIRS.names()).cast(dict(PAIRS)))  # type: ignore[arg-type]
        self.left = self.left.join(pairs, left_on=["problem", "node"], right_on=["problem", "parent"], how="anti")
        self.right = self.right.join(pairs, left_on=["problem", "node"], right_on=["problem", "child"], how="anti")

    @property
    def pairs(self) -> pl.DataFrame:
        return pl.concat([pl.DataFrame(schema=PAIRS), *self.found])

    @property
    def is_done(self) -> bool:
        return self.left.is_empty() or self.right.is_empty()


def prepared(versions: pl.DataFrame) -> pl.DataFrame:
    """With what pairing compares, in source order.

    Args:
        versions: problem, node, path, ordinal, kind, name, qualified_name, duplicate_index, exact_hash, language,
            pattern_id, is_trivial, n_tokens, before, after.
    """
    return versions.with_columns(
        home="path",
        place="qualified_name",
        container=container(),
        stem=stem("path"),
        is_type=pl.col("kind").is_in(TYPES),
        family=pl.col("language").replace(FAMILIES),
    ).sort("problem", "path", "ordinal", "node")


def container() -> pl.Expr:
    """Qualified name of what holds it; empty at top level."""
    n_chars = pl.col("qualified_name").str.len_chars().cast(pl.Int64) - pl.col("name").str.len_chars() - 1
    return pl.col("qualified_name").str.head(n_chars.clip(0))


def stem(column: str) -> pl.Expr:
    """The file's own name, without folders and suffix."""
    return pl.col(column).str.extract(r"([^/]*?)(?:\.[^/.]*)?$")


def matched(stage: Stage, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Pairs of candidates that agree in the stage's key, in source order."""
    key = ["problem", *stage.key]
    parents, children = (
        (side if stage.takes_trivial else side.filter(~pl.col("is_trivial"))).select(
            *key, name_, n=pl.len().over(key), nth=pl.int_range(pl.len()).over(key)
        )
        for side, name_ in (
            (left, pl.col("node").alias("parent")),
            (right, pl.col("node").alias("child")),
        )
    )
    pairs = parents.join(children, on=[*key, "nth"]).with_columns(n=pl.max_horizontal("n", "n_right"))
    if stage.is_sure:
        pairs = pairs.filter(pl.col("n") == 1)
    return pairs.select(
        "problem", "parent", "child", matched_by=pl.lit(stage.name), n_candidates="n", confidence=1 / pl.col("n")
    )


def same_place(contents: Contents, unpaired: Unpaired, calibration: Calibration) -> None:
    """Pair what stands where the other stood; overloads by the types of their parameters, whatever their bodies do,
    and those whose types are gone with those whose types are new, by text, then by likeness."""
    if unpaired.is_done:
        return
    key = ["problem", *PLACE]
    sizes = unpaired.left.group_by(key).len("n_left").join(unpaired.right.group_by(key).len("n_right"), on=key)
    if sizes.is_empty():
        return
    single = sizes.filter((pl.col("n_left") == 1) & (pl.col("n_right") == 1)).select(key)
    several = sizes.join(single, on=key, how="anti")
    ends = (unpaired.left.join(single, on=key, how="semi"), unpaired.right.join(single, on=key, how="semi"))
    unpaired.settle(matched(Stage("same_place", PLACE), *ends))
    if several.is_empty():
        return
    ends = (unpaired.left.join(several, on=key, how="semi"), unpaired.right.join(several, on=key, how="semi"))
    for stage in (Stage("same_text", (*PLACE, "types", "exact_hash")), Stage("same_place", (*PLACE, "types"))):
        typed = [overloads.with_types(contents, end).filter(pl.col("types").is_not_null()) for end in ends]
        unpaired.settle(matched(stage, typed[0], typed[1]))
        ends = (unpaired.left.join(several, on=key, how="semi"), unpaired.right.join(several, on=key, how="semi"))
    for text in ("exact_hash", "pattern_id"):
        unpaired.settle(matched(Stage("same_text", (*PLACE, text)), *ends))
        ends = (unpaired.left.join(several, on=key, how="semi"), unpaired.right.join(several, on=key, how="semi"))
    small = several.filter(pl.col("n_left") * pl.col("n_right") <= GROUP_PAIRS).select(key)
    ends = (unpaired.left.join(small, on=key, how="semi"), unpaired.right.join(small, on=key, how="semi"))
    candidates = ends[0].select(*key, parent="node").join(ends[1].select(*key, child="node"), on=key)
    unpaired.settle(by_score(contents, unpaired, candidates, calibration, "overload", matched_by="same_place"))
    large = several.join(small, on=key, how="anti")
    ends = (unpaired.left.join(large, on=key, how="semi"), unpaired.right.join(large, on=key, how="semi"))
    unpaired.settle(matched(Stage("same_place", (*PLACE, "duplicate_index")), *ends))


def same_name_other_kind(unpaired: Unpaired) -> None:
    """A function that became a class, an interface that became a record."""
    unpaired.settle(matched(Stage("same_place", ("home", "place")), unpaired.left, unpaired.right))


def by_text(unpaired: Unpaired) -> None:
    """Pair what has the same text or normal form somewhere else."""
    for stage in STAGES:
        if unpaired.is_done:
            return
        unpaired.settle(matched(stage, unpaired.left, unpaired.right))


def by_likeness(contents: Contents, unpaired: Unpaired, calibration: Calibration) -> None:
    """Pair what is left by score: in the same container, then in the same file."""
    for relation, key in (("same_container", ("home", "container", "is_type")), ("same_file", ("home", "is_type"))):
        candidates = _within(unpaired, ["problem", *key])
        unpaired.settle(by_score(contents, unpaired, candidates, calibration, relation))


def by_likeness_anywhere(contents: Contents, unpaired: Unpaired, calibration: Calibration) -> None:
    """Pair what is left by score, whatever files it stands in."""
    candidates = pl.concat([_of_one_name(unpaired), _with_rare_windows(contents, unpaired)]).unique(maintain_order=True)
    unpaired.settle(by_score(contents, unpaired, candidates, calibration, "other_file"))


def _within(unpaired: Unpaired, key: list[str]) -> pl.DataFrame:
    sizes = unpaired.left.group_by(key).len("n_left").join(unpaired.right.group_by(key).len("n_right"), on=key)
    small = sizes.filter(pl.col("n_left").cast(pl.Int64) * pl.col("n_right") <= GROUP_PAIRS).select(key)
    left = unpaired.left.join(small, on=key, how="semi").select(*key, parent="node")
    right = unpaired.right.join(small, on=key, how="semi").select(*key, child="node")
    return left.join(right, on=key).select("problem", "parent", "child")


def _of_one_name(unpaired: Unpaired) -> pl.DataFrame:
    key = ["problem", "name", "is_type", "family"]
    left, right = (
        side.filter(~pl.col("is_trivial"), pl.len().over(key) <= SHARED_NAME).select(*key, node)
        for side, node in (
            (unpaired.left, pl.col("node").alias("parent")),
            (unpaired.right, pl.col("node").alias("child")),
        )
    )
    return left.join(right, on=key).select("problem", "parent", "child")


def _with_rare_windows(contents: Contents, unpaired: Unpaired) -> pl.DataFrame:
    """Candidates anywhere in the commit that share windows which hardly any other leftover has."""
    left, right = (side.filter(~pl.col("is_trivial")) for side in (unpaired.left, unpaired.right))
    left = left.join(right, on="problem", how="semi")
    right = right.join(left, on="problem", how="semi")
    if left.is_empty() or right.is_empty():
        return pl.DataFrame(schema={name: PAIRS[name] for name in ("problem", "parent", "child")})
    ids = pl.concat([left["pattern_id"], right["pattern_id"]]).unique(maintain_order=True)
    windows = contents.windows(ids).filter(pl.col("shingles").list.len() > 0)
    key = ["problem", "is_type", "family", "shingles"]
    parents, children = (
        side.join(windows, on="pattern_id")
        .select("problem", "is_type", "family", "shingles", pl.col("node").alias(name))
        .explode("shingles")
        .filter(pl.len().over(key) <= RARE_WINDOW)
        for side, name in ((left, "parent"), (right, "child"))
    )
    shared = parents.join(children, on=key).group_by("problem", "parent", "child", maintain_order=True).len("n")
    best = [(pl.col("n") == pl.col("n").max().over("problem", end)) for end in ("parent", "child")]
    return shared.filter(pl.any_horizontal(best)).select("problem", "parent", "child")


def with_text(contents: Contents, versions: pl.DataFrame, column: str) -> pl.DataFrame:
    """The versions (exact_hash, language) with a column of what is said of their texts."""
    key = ["exact_hash", "language"]
    said = contents.texts(versions.select(key).unique(maintain_order=True)).select(*key, column)
    return versions.join(said, on=key, how="left", maintain_order="left")


def by_score(
    contents: Contents,
    unpaired: Unpaired,
    candidates: pl.DataFrame,
    calibration: Calibration,
    relation: str,
    *,
    matched_by: str = "alike",
) -> pl.DataFrame:
    """The assignment of candidates (problem, parent, child) whose score reaches the threshold of the relation."""
    if candidates.is_empty():
        return pl.DataFrame(schema=PAIRS)
    known = pl.concat([pl.DataFrame(schema=PAIRS), *unpaired.found]).select("problem", "parent", "child")
    left = unpaired.left.select("problem", pl.col("node").alias("parent"), *SIDE)
    for column in ("before", "after"):  # a neighbour that was paired is where its successor stands
        now = known.rename({"parent": column, "child": "_now"})
        left = left.join(now, on=["problem", column], how="left", maintain_order="left")
        left = left.with_columns(pl.coalesce("_now", column).alias(column)).drop("_now")
    right = unpaired.right.select("problem", pl.col("node").alias("child"), *SIDE)
    both = (
        candidates.select("problem", "parent", "child")
        .join(right, on=["problem", "child"])
        .join(left, on=["problem", "parent"], suffix="_parent")
    )
    is_doubted = pl.any_horizontal(pl.col(end).is_in(unpaired.doubted[end].implode()) for end in ("parent", "child"))
    text = pl.mean_horizontal("like_windows", "like_words")
    enough = scored(contents, both, calibration).filter(
        pl.col("score") >= calibration.thresholds[relation], ~is_doubted | (text >= calibration.thresholds["swapped"])
    )
    ordered = enough.sort("problem", -pl.col("score"), "child", "parent")
    best = _assigned(ordered)
    return best.select(
        "problem", "parent", "child", "n_candidates", matched_by=pl.lit(matched_by), confidence="confidence"
    )


def _assigned(candidates: pl.DataFrame) -> pl.DataFrame:
    """Greedy assignment in the order of the rows: each round takes every row that is the first for both its ends."""
    ends = (["problem", "parent"], ["problem", "child"])
    candidates = candidates.with_columns(
        _rival=pl.max_horizontal(_best_other(end) for end in ends),
        n_candidates=pl.max_horizontal(pl.len().over(end) for end in ends),
    )
    chosen = candidates.clear()
    while not candidates.is_empty():
        is_first = [pl.int_range(pl.len()).over(end) == 0 for end in ends]
        best = candidates.filter(pl.all_horizontal(is_first))
        chosen = pl.concat([chosen, best])
        for end in ends:
            candidates = candidates.join(best, on=end, how="anti", maintain_order="left")
    score = pl.col("score").cast(pl.Float64)
    return chosen.with_columns(confidence=score / (score + pl.col("_rival").fill_null(0.0)))


def _best_other(end: list[str]) -> pl.Expr:
    """The highest score that an end has in another row than this one."""
    score = pl.col("score").cast(pl.Float64)
    first, second = score.max().over(end), score.top_k(2).min().over(end)
    is_alone = pl.len().over(end) == 1
    return pl.when(is_alone).then(0.0).when(score == first).then(second).otherwise(first)
