"""Which of the versions with one pattern each new element was copied from: at most one source, never a clique.

When code first appeared is told in `first_seen`; what is read and written, in `copies`; copies with edits, in
`near_copies`. Frames of versions have the columns of `VERSIONS`; the children of edges are births: versions that
continue no other of their repository.

Between repositories an edge leads from the later to the earlier by the order (is_lent, seen_at, repo_id), and inside
one from a commit to one before it, so that derivation has no cycle. What is lent (a vendored path, or what came of one
in its repository) ranks after all else: a vendored file is a copy of its upstream whatever the dates say, and nobody's
upstream but another vendored file's. Where neither dates nor that tell the direction, the one edge is `undecided`: it
has half the confidence, and whoever reads it must hold the opposite as possible.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage.first_seen import NEVER, SKEW

VERSIONS = pl.Schema(
    {
        "node_id": pl.String(),
        "repo_id": pl.String(),
        "pattern_id": pl.String(),
        "exact_hash": pl.String(),
        "token_hash": pl.String(),
        "index": pl.Int32(),  # first_parent_index; null where it never stood on the chain
        "until": pl.Int32(),  # valid_to of its occurrence; null while it stands
        "position": pl.Int32(),
        "seen_at": pl.Int64(),
        "earliest_at": pl.Int64(),
        "latest_at": pl.Int64(),
        "is_birth": pl.Boolean(),
        "is_shared": pl.Boolean(),  # its commit is also in another repository, which holds it for both
        "is_lent": pl.Boolean(),
        "category": pl.String(),
    }
)
FOUND = ("child_id", "parent_id", "matched_by", "direction", "candidates")
DATES, VENDORED, UNDECIDED, POSITION = "dates", "vendored", "undecided", "position"

# From the closest to the least close: equal text, equal but for layout and comments, equal but for names and literals.
LEVELS = (("text", "exact_hash"), ("tokens", "token_hash"), ("pattern", "pattern_id"))
REPOSITORIES_HELD = 32  # the earliest of each text, against which a birth is held; more are not counted

_STANDS = 2**31 - 1
_SKEW = int(SKEW.total_seconds()) * 1_000_000


def inside(versions: pl.DataFrame) -> pl.DataFrame:
    """Births that equal a version standing elsewhere in their repository when they came, with the one that had come
    there first: columns `FOUND`. Told on HEAD's chain, where it is known what stood when."""
    spells = versions.filter(pl.col("index").is_not_null()).with_columns(pl.col("until").fill_null(_STANDS))
    births = spells.filter("is_birth", ~pl.col("is_shared"))
    found = []
    for level, column in LEVELS:
        key = ["repo_id", *_key(column)]
        these = births.filter(pl.col(column).is_not_null())
        pairs = (
            these.join(_records(spells, key), on=key, suffix="_source")
            .filter(
                pl.col("index_source") < pl.col("index"),
                pl.col("until_source") >= pl.col("index"),
                pl.col("position_source") < pl.col("position"),
                pl.col("seen_at_source") <= pl.col("seen_at"),
            )
            .sort("node_id", "index_source", "position_source", "node_id_source")
            .unique("node_id", keep="first", maintain_order=True)
        )
        counted = _n_standing(pairs, spells, key)
        found.append(_found(counted, level, pl.lit(POSITION)))
        births = births.join(pairs, on="node_id", how="anti")
    return pl.concat(found)


def _key(column: str) -> list[str]:
    """A text may be one of two languages, and its pattern is then another in each."""
    return list(dict.fromkeys(["pattern_id", column]))


def _records(spells: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Per key the spells, in the order they began, that outlast all before them: the first to have begun of those that
    stand at a time is always one of these."""
    ordered = spells.sort("index", "position", "node_id")
    before = pl.col("until").cum_max().shift(1).over(key)
    return ordered.filter(pl.col("until") > before.fill_null(-1))


def _n_standing(pairs: pl.DataFrame, spells: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The pairs with `candidates`: how many spells of their key stood just before the child's commit."""
    counted = pairs.sort("index")
    for name, bound in (("n_begun", "index"), ("n_over", "until")):
        ends = (
            spells.select(*key, at=pl.col(bound))
            .sort("at")
            .with_columns(pl.int_range(1, pl.len() + 1).over(key).alias(name))
        )
        counted = counted.join_asof(
            ends, left_on="index", right_on="at", by=key, allow_exact_matches=False, check_sortedness=False
        ).drop("at")
    return counted.with_columns(candidates=pl.col("n_begun").fill_null(0) - pl.col("n_over").fill_null(0))


def between(versions: pl.DataFrame, taken: pl.Series) -> pl.DataFrame:
    """Births that equal a version of another repository which comes before them, with the first such: columns `FOUND`.

    `taken` are births that have their source already.
    """
    own = versions.filter(~pl.col("is_shared"))
    births = own.filter("is_birth", ~pl.col("node_id").is_in(taken.implode()))
    found = []
    for level, column in LEVELS:
        key = _key(column)
        first = (
            own.filter(pl.col(column).is_not_null())
            .sort("is_lent", "seen_at", "repo_id", "position", "node_id")
            .unique([*key, "repo_id"], keep="first", maintain_order=True)
            .filter(pl.int_range(pl.len()).over(key) < REPOSITORIES_HELD)
        )
        pairs = births.join(first, on=key, suffix="_source").filter(
            pl.col("repo_id") != pl.col("repo_id_source"), _comes_before()
        )
        best = (
            pairs.with_columns(candidates=pl.len().over("node_id"))
            .sort("node_id", "is_lent_source", "seen_at_source", "repo_id_source")
            .unique("node_id", keep="first", maintain_order=True)
        )
        found.append(_found(best, level, direction()))
        births = births.join(best, on="node_id", how="anti")
    return pl.concat(found)


def _comes_before() -> pl.Expr:
    """Whether the source precedes the child in the order that keeps derivation free of cycles."""
    lent, seen, repo = (pl.col(name) for name in ("is_lent", "seen_at", "repo_id"))
    lent_source, seen_source, repo_source = (pl.col(f"{name}_source") for name in ("is_lent", "seen_at", "repo_id"))
    is_earlier = (seen_source < seen) | ((seen_source == seen) & (repo_source < repo))
    return (lent_source < lent) | ((lent_source == lent) & is_earlier)


def direction() -> pl.Expr:
    is_told = (pl.col("earliest_at") != NEVER) & (pl.col("latest_at_source") + _SKEW <= pl.col("earliest_at"))
    is_lent = pl.col("is_lent") & ~pl.col("is_lent_source")
    return pl.when(is_told).then(pl.lit(DATES)).when(is_lent).then(pl.lit(VENDORED)).otherwise(pl.lit(UNDECIDED))


def _found(pairs: pl.DataFrame, level: str, direction: pl.Expr) -> pl.DataFrame:
    return pairs.select(
        child_id="node_id",
        parent_id="node_id_source",
        matched_by=pl.lit(level),
        direction=direction,
        candidates=pl.col("candidates").cast(pl.Int64),
    )
