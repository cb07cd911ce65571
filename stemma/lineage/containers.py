"""Files, classes and modules that a commit renamed or moved as a whole, found by what they hold.

What they hold is then paired in `pairing`, as if it had not moved: `home` and `place` say where it would stand now.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents
from stemma.lineage.pairing import GROUP_PAIRS, Unpaired, by_score, stem

COMMON = (
    20  # a text that so many leftovers of one commit have (an empty constructor) is no vote for any pair of holders
)
CHANCE = {"_shingles": 20, "_words": 5}  # what two small files of one project share (`self`, a loop) tells little
FILES_PER_SLICE = 500


def renamed_files(
    contents: Contents, unpaired: Unpaired, files: pl.DataFrame, calibration: Calibration
) -> pl.DataFrame:
    """Files that a commit removed, each with the added file that it became: problem, old_path, new_path, share.

    The share is that of the tokens whose normal form both have, of the larger file, or the likeness of their windows
    and words. One to one; equal shares go to the same file name, then by path.

    Args:
        files: problem, path, is_added, of every file that a commit added or removed.
    """
    gone, new = (files.filter(flag).select("problem", "path") for flag in (~pl.col("is_added"), pl.col("is_added")))
    left = unpaired.left.join(gone, on=["problem", "path"], how="semi")
    right = unpaired.right.join(new, on=["problem", "path"], how="semi")
    if left.is_empty() or right.is_empty():
        return pl.DataFrame(schema=_RENAMED)
    shares = _shares(left, right)
    alike = _alike(contents, left, right, shares)
    found = pl.concat(
        [shares.with_columns(threshold=pl.lit("file")), alike.with_columns(threshold=pl.lit("file_alike"))]
    )
    found = found.with_columns(is_same_name=stem("old") == stem("new"))
    same_name = pl.lit(calibration.thresholds["file_same_name"])
    enough = (
        pl.when("is_same_name")
        .then(same_name)
        .otherwise(pl.col("threshold").replace_strict(calibration.thresholds, return_dtype=pl.Float64))
    )
    ordered = found.filter(pl.col("share") >= enough).sort(
        ["problem", "share", "is_same_name", "old", "new"], descending=[False, True, True, False, False]
    )
    over = _taken_over(contents, unpaired, gone, new, calibration)
    for end in ("old", "new"):
        ordered = ordered.join(over, on=["problem", end], how="anti", maintain_order="left")
    chosen = pl.concat([each.select("problem", "old", "new", "share") for each in (over, _one_to_one(ordered))])
    chosen = chosen.rename({"old": "old_path", "new": "new_path"})
    return chosen.select(_RENAMED.names()).cast(dict(_RENAMED))  # type: ignore[arg-type]


def renamed_by_members(
    pairs: pl.DataFrame,
    versions: tuple[pl.DataFrame, pl.DataFrame],
    files: pl.DataFrame,
    renamed: pl.DataFrame,
    calibration: Calibration,
) -> pl.DataFrame:
    """Further removed files, as `renamed_files`, most of which was followed into one added file, each for itself.

    Args:
        pairs: as `pairing.PAIRS`. versions: all that ended, and that began. renamed: files that are known to be.
    """
    sides = []
    for side, flag, known, names in (
        (versions[0], ~pl.col("is_added"), "old_path", {"node": "parent", "path": "old", "n_tokens": "n"}),
        (versions[1], pl.col("is_added"), "new_path", {"node": "child", "path": "new", "n_tokens": "n_new"}),
    ):
        open_ = files.filter(flag).join(renamed, left_on=["problem", "path"], right_on=["problem", known], how="anti")
        held = side.filter(pl.col("container") == "").join(open_, on=["problem", "path"], how="semi")
        held = held.with_columns(n_whole=pl.col("n_tokens").sum().over("problem", "path"))
        sides.append(held.select("problem", "n_whole", *names).rename(names))
    found = (
        pairs.select("problem", "parent", "child")
        .join(sides[0], on=["problem", "parent"])
        .join(sides[1], on=["problem", "child"], suffix="_new")
        .group_by("problem", "old", "new")
        .agg(
            share=pl.min_horizontal(pl.col("n").sum(), pl.col("n_new").sum())
            / pl.max_horizontal(pl.col("n_whole").first(), pl.col("n_whole_new").first())
        )
        .filter(pl.col("share") >= calibration.thresholds["file"])
        .sort(["problem", "share", "old", "new"], descending=[False, True, False, False])
    )
    chosen = _one_to_one(found).rename({"old": "old_path", "new": "new_path"})
    return chosen.select(_RENAMED.names()).cast(dict(_RENAMED))  # type: ignore[arg-type]


_RENAMED = pl.Schema({"problem": pl.Int64(), "old_path": pl.String(), "new_path": pl.String(), "share": pl.Float64()})


def _shares(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Of files with a normal form in common the share of the larger one's tokens: problem, old, new, share."""
    old, new = (
        side.filter(~pl.col("is_type")).group_by("problem", path="path").agg(n=pl.col("n_tokens").sum())
        for side in (left, right)
    )
    return (
        _votes(left, right, "path")
        .join(old, left_on=["problem", "old"], right_on=["problem", "path"])
        .join(new, left_on=["problem", "new"], right_on=["problem", "path"], suffix="_new")
        .select("problem", "old", "new", share=pl.col("n_shared") / pl.max_horizontal("n", "n_new"))
    )


def _taken_over(
    contents: Contents, unpaired: Unpaired, gone: pl.DataFrame, new: pl.DataFrame, calibration: Calibration
) -> pl.DataFrame:
    """Files that stand on while their text went to an added file and that of a removed one came in its place: problem,
    old, new, share of both renames. Only where the file is less like itself, by a margin, than either is like it.
    """
    standing = unpaired.left.select("problem", "path").join(unpaired.right, on=["problem", "path"], how="semi").unique()
    for files in (gone, new):
        standing = standing.join(files, on="problem", how="semi")
    left, right = (
        side.join(pl.concat([files, standing]), on=["problem", "path"], how="semi")
        for side, files in ((unpaired.left, gone), (unpaired.right, new))
    )
    links = _shares(left, right).filter(pl.col("share") >= calibration.thresholds["file"])
    into = links.join(gone, left_on=["problem", "old"], right_on=["problem", "path"], how="semi")
    away = links.join(new, left_on=["problem", "new"], right_on=["problem", "path"], how="semi")
    key = ["problem", "over"]
    chains = into.rename({"new": "over"}).join(away.rename({"old": "over"}), on=key, suffix="_away")
    chains = chains.join(standing.rename({"path": "over"}), on=key, how="semi")
    if chains.is_empty():
        return links.clear()
    ends = {"into": ("old", "over"), "away": ("over", "new"), "own": ("over", "over")}
    for name, (old, new_) in ends.items():
        pairs = chains.select("problem", old=old, new=new_).unique(maintain_order=True)
        known = _dice(contents, left, right, pairs).rename({"old": old, "share": f"_{name}"})
        known = known.drop("new") if old == new_ else known.rename({"new": new_})
        chains = chains.join(known, on=list(dict.fromkeys(["problem", old, new_])), how="inner", maintain_order="left")
    margin = pl.min_horizontal("_into", "_away") - pl.col("_own")
    chains = chains.filter(margin >= calibration.thresholds["taken_over"]).sort(
        "problem", -(pl.col("_into") + pl.col("_away")), "over", "old", "new"
    )
    for end in ("over", "old", "new"):
        chains = chains.unique(["problem", end], keep="first", maintain_order=True)
    return pl.concat(
        [
            chains.select("problem", "old", "share", new="over"),
            chains.select("problem", "new", share="share_away", old="over"),
        ],
        how="diagonal",
    ).select(links.columns)


def _votes(left: pl.DataFrame, right: pl.DataFrame, holder: str) -> pl.DataFrame:
    """Tokens of definitions with equal normal form that stand in both holders: problem, old, new, n_shared.

    Each definition of one holder votes for as many of the other as have its form there; the smaller count is taken.
    """
    key = ["problem", "pattern_id"]
    sides = [
        side.filter(~pl.col("is_type"), pl.len().over(key) <= COMMON)
        .group_by(*key, holder=holder)
        .agg(n=pl.len(), n_tokens=pl.col("n_tokens").first())
        for side in (left, right)
    ]
    both = sides[0].join(sides[1], on=key, suffix="_new")
    n_shared = pl.min_horizontal("n", "n_new") * pl.col("n_tokens")
    return both.group_by("problem", old="holder", new="holder_new").agg(n_shared=n_shared.sum())


def _alike(contents: Contents, left: pl.DataFrame, right: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Likeness of files of one name, of few files, or with some votes: the mean Dice of the windows and of the words of
    what stands at top level."""
    old, new = (side.select("problem", "path", "stem").unique(maintain_order=True) for side in (left, right))
    few = old.group_by("problem").len("n").join(new.group_by("problem").len("n_new"), on="problem")
    few = few.filter(pl.col("n").cast(pl.Int64) * pl.col("n_new") <= GROUP_PAIRS // 25).select("problem")
    crossed = old.join(few, on="problem", how="semi").join(new, on="problem", suffix="_new")
    named = old.join(new, on=["problem", "stem"], suffix="_new")
    pairs = pl.concat(
        [each.select("problem", old="path", new="path_new") for each in (crossed, named)]
        + [shares.filter(pl.col("share") > 0.1).select("problem", "old", "new")]
    ).unique(maintain_order=True)
    parts = [_dice(contents, left, right, part) for part in pairs.iter_slices(FILES_PER_SLICE)]
    return pl.concat([shares.clear(), *parts])


def _dice(contents: Contents, left: pl.DataFrame, right: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    both = pairs
    for side, name in ((left, "old"), (right, "new")):
        top = side.filter(pl.col("container") == "").join(
            pairs, left_on=["problem", "path"], right_on=["problem", name], how="semi"
        )
        windows = contents.windows(top["pattern_id"].unique(maintain_order=True))
        words = contents.texts(top.select("exact_hash", "language").unique(maintain_order=True))
        words = words.select("exact_hash", "language", words=pl.concat_list("calls", "defines", "parameters"))
        held = top.join(windows, on="pattern_id").join(words, on=["exact_hash", "language"])
        held = held.group_by("problem", pl.col("path").alias(name)).agg(
            pl.col(column).explode().drop_nulls().unique().alias(f"_{column}_{name}")
            for column in ("shingles", "words")
        )
        both = both.join(held, on=["problem", name])
    alike = pl.mean_horizontal(_dice_of("_shingles"), _dice_of("_words"))
    return both.select("problem", "old", "new", share=alike.cast(pl.Float64))


def _dice_of(column: str) -> pl.Expr:
    old, new = pl.col(f"{column}_old"), pl.col(f"{column}_new")
    return 2 * old.list.set_intersection(new).list.len() / (old.list.len() + new.list.len() + CHANCE[column])


def _one_to_one(candidates: pl.DataFrame) -> pl.DataFrame:
    """Greedy assignment in the order of the rows: each round takes every row that is the first for both its ends."""
    chosen = candidates.clear()
    ends = (["problem", "old"], ["problem", "new"])
    while not candidates.is_empty():
        best = candidates.filter(*(pl.int_range(pl.len()).over(end) == 0 for end in ends))
        chosen = pl.concat([chosen, best])
        for end in ends:
            candidates = candidates.join(best, on=end, how="anti", maintain_order="left")
    return chosen


def at_home(unpaired: Unpaired, renamed: pl.DataFrame) -> None:
    """What stood in a renamed file is compared as standing in the new one."""
    homes = renamed.select("problem", path="old_path", _new="new_path")
    left = unpaired.left.join(homes, on=["problem", "path"], how="left", maintain_order="left")
    unpaired.left = left.with_columns(home=pl.coalesce("_new", "home")).drop("_new")


def by_votes(contents: Contents, unpaired: Unpaired, calibration: Calibration) -> None:
    """Pair the classes and modules that are left by what they hold, then by their own likeness."""
    if not unpaired.left["is_type"].any() or not unpaired.right["is_type"].any():
        return
    votes = _container_votes(unpaired, calibration.thresholds["container"])
    unpaired.settle(votes)
    left, right = (side.filter("is_type") for side in (unpaired.left, unpaired.right))
    for relation, key in (("same_file", ["problem", "home"]), ("other_file", ["problem", "name"])):
        old, new = left.select(*key, parent="node"), right.select(*key, child="node")
        candidates = old.join(new, on=key).filter(pl.len().over(key) <= GROUP_PAIRS)
        unpaired.settle(by_score(contents, unpaired, candidates, calibration, relation))
        left, right = (side.filter("is_type") for side in (unpaired.left, unpaired.right))


def _container_votes(unpaired: Unpaired, threshold: float) -> pl.DataFrame:
    """Left-over types whose members have the same normal forms, best share of the larger one's tokens first."""
    holder = pl.concat_str("path", pl.lit("\0"), "container")
    sides = [side.with_columns(_holder=holder) for side in (unpaired.left, unpaired.right)]
    voted = _votes(sides[0], sides[1], "_holder")
    own = pl.concat_str("path", pl.lit("\0"), "qualified_name")
    left, right = (
        side.filter("is_type").select("problem", "node", "n_tokens", "kind", "name", _own=own)
        for side in (unpaired.left, unpaired.right)
    )
    pairs = (
        voted.join(left, left_on=["problem", "old"], right_on=["problem", "_own"])
        .join(right, left_on=["problem", "new"], right_on=["problem", "_own"], suffix="_new")
        .with_columns(
            share=pl.col("n_shared") / pl.max_horizontal("n_tokens", "n_tokens_new"),
            is_same_name=pl.col("name") == pl.col("name_new"),
        )
        .filter(pl.col("share") >= threshold)
        .sort(["problem", "share", "is_same_name", "node", "node_new"], descending=[False, True, True, False, False])
    )
    n = pl.max_horizontal(pl.len().over("problem", "node"), pl.len().over("problem", "node_new"))
    chosen = _one_to_one(
        pairs.with_columns(n_candidates=n).drop("old", "new").rename({"node": "old", "node_new": "new"})
    )
    return chosen.select(
        "problem",
        parent="old",
        child="new",
        matched_by=pl.lit("same_members"),
        n_candidates="n_candidates",
        confidence=pl.max_horizontal("share", 1 / pl.col("n_candidates")),
    )


def moved_members(unpaired: Unpaired, ended: pl.DataFrame, begun: pl.DataFrame) -> bool:
    """Let the members of paired types be compared where those stand now; whether any is.

    Args:
        ended, begun: all versions of the problems, paired or not.
    """
    types = [
        side.filter("is_type").select("problem", "node", "path", "qualified_name", "name") for side in (ended, begun)
    ]
    moved = (
        unpaired.pairs.select("problem", "parent", "child")
        .join(types[0], left_on=["problem", "parent"], right_on=["problem", "node"])
        .join(types[1], left_on=["problem", "child"], right_on=["problem", "node"], suffix="_new")
        .filter((pl.col("path") != pl.col("path_new")) | (pl.col("qualified_name") != pl.col("qualified_name_new")))
        .select(
            "problem", "path", container="qualified_name", _home="path_new", _place="qualified_name_new",
            _old="name", _new="name_new",
        )
        .unique(["problem", "path", "container"], keep="first", maintain_order=True)
    )  # fmt: skip
    left = unpaired.left.join(moved, on=["problem", "path", "container"], how="left", maintain_order="left")
    # A constructor bears the name of its class, in the languages that name it.
    own = pl.when(pl.col("name") == pl.col("_old")).then("_new").otherwise("name")
    place = pl.concat_str("_place", pl.lit("."), own)
    found = left.with_columns(_to=pl.when(pl.col("_home").is_not_null()).then(place))
    is_new = pl.col("_to").is_not_null() & ((pl.col("_to") != pl.col("place")) | (pl.col("_home") != pl.col("home")))
    is_any = bool(found.select(is_new.any()).item())
    unpaired.left = found.with_columns(place=pl.coalesce("_to", "place"), home=pl.coalesce("_home", "home")).drop(
        "_home", "_place", "_old", "_new", "_to"
    )
    return is_any
