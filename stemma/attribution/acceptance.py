"""Which pairs of edit and version count, and which edit each token of a version is then credited to.

The equal runs they are judged by are found in `matching`; what outside sources say is weighed in `labels`.

`covered` are the tokens an edit brought that stand, open, in its runs in the version; coverage is their share. The file
is the same when the version, or one it follows, stands where the edit was made; the name, when the qualified names are
equal or one ends in the other (a piece cut out of a class does not say which). A pair counts where

| the edit is             | in the same file                                    | elsewhere              |
|-------------------------|-----------------------------------------------------|------------------------|
| a definition, same name | coverage 0.25 of 12 tokens; most of a small one     | coverage 0.5 of 12     |
| another name            | coverage 0.8 of 12                                  | coverage 0.8 of 30     |
| a piece                 | coverage 0.5 of 12, or among 12 equal tokens; whole | coverage 0.8 of 30     |

or both are whole definitions of equal exact text, equal tokens or equal normal form, and the definition is not trivial
or stands in that file. The numbers keep two things apart that look alike: an edit that was changed again before its
commit, and a person's code that repeats a few lines of an agent's. For the same reason a definition that was found
under its own name is not looked for under others, but in what is around it, and a piece only where the longest run is:
agents name as many lines around a change as make its place unique. Where several definitions qualify for a piece, or
for a definition that was cut out of what is around it, `_in_one_place` says which is meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from stemma.attribution.matching import Ints, Pieces, Runs
from stemma.attribution.tokens import WITHHELD
from stemma.extract.names import CLOSURE_NAME

EXACT, TOKENS, PATTERN, SIMILARITY = "exact", "tokens", "pattern", "similarity"
CONFIDENCE = {EXACT: 1.0, TOKENS: 0.98, PATTERN: 0.9, SIMILARITY: 0.8}

FEWEST, FEW, MANY = 6, 12, 30
LONG_RUN = 12
KEPT, HALF, MOST = 0.25, 0.5, 0.8
_RELIABLE_RUN, _LONG = 8, 24
_MOST_WITHHELD = 40


@dataclass(frozen=True)
class Credit:
    """For each token of the versions, the edit it is credited to (-1: none), and how each pair of the two matched."""

    edit: Ints
    matched_by: pl.DataFrame
    """version, edit, matched_by"""


def credit(
    versions: Pieces,
    edits: Pieces,
    runs: Runs,
    *,
    about_versions: pl.DataFrame,
    about: pl.DataFrame,
) -> Credit:
    """Judge the pairs, and credit each open token once.

    Args:
        about_versions: a row for each version: exact_hash, token_hash, pattern_id, is_trivial, sha, path,
            qualified_name, paths (its own and those of the versions it follows).
        about: a row for each edit: exact_hash, token_hash, pattern_id, qualified_name, path, called_at, n_added, and
            whether it is known already where it stands (is_placed): a definition, under its own name.
    """
    cells = _cells(versions, edits, runs)
    pairs = _pairs(cells, edits, about).join(_settled(versions, edits, runs), on=["version", "edit"], how="left")
    pairs = _judged(pairs.with_columns(pl.col("settled").fill_null(0)), about_versions, about)
    chosen = cells.join(pairs.select("version", "edit"), on=["version", "edit"])
    # Of several edits that brought a token, the one with the longer run around it; among equals the first, because
    # who writes a file anew repeats what others wrote before.
    called = about.select(edit=pl.int_range(pl.len(), dtype=pl.Int64), called_at="called_at")
    strength = (pl.col("length") >= _LONG).cast(pl.Int8) + (pl.col("length") >= _RELIABLE_RUN).cast(pl.Int8)
    best = (
        _tiled(chosen)
        .join(called, on="edit", maintain_order="left")
        .sort(strength, "called_at", "edit", descending=[True, False, False], maintain_order=True)
        .unique("at_version", keep="first", maintain_order=True)
    )
    edit_of = np.full(len(versions.tokens), -1, np.int64)
    edit_of[best["at_version"].to_numpy()] = best["edit"].to_numpy()
    return Credit(edit_of, pairs.select("version", "edit", "matched_by"))


def _tiled(cells: pl.DataFrame) -> pl.DataFrame:
    """What an edit brought once stands once in a version: where code repeats itself, the longest runs take both sides.

    Greedy string tiling (Wise 1993), over the runs of each pair.
    """
    several = cells.filter(pl.col("run").n_unique().over("version", "edit") > 1)
    several = several.sort("length", "run", "at_version", descending=[True, False, False])
    taken: set[tuple[int, int, int]] = set()
    is_free = []
    for version, edit, at_version, at_edit in several.select("version", "edit", "at_version", "at_edit").iter_rows():
        one, other = (edit, 0, at_version), (version, 1, at_edit)
        is_free.append(one not in taken and other not in taken)
        if is_free[-1]:
            taken.update((one, other))
    single = cells.filter(pl.col("run").n_unique().over("version", "edit") == 1)
    return pl.concat([single, several.filter(pl.Series(is_free, dtype=pl.Boolean))])


def _steps(runs: Runs) -> tuple[Ints, Ints, Ints]:
    """Of each token of each run: the run, and its places in version and edit."""
    run = np.repeat(np.arange(len(runs.length)), runs.length)
    step = np.arange(len(run)) - np.repeat(np.cumsum(runs.length) - runs.length, runs.length)
    return run, runs.at_version[run] + step, runs.at_edit[run] + step


def _cells(versions: Pieces, edits: Pieces, runs: Runs) -> pl.DataFrame:
    """A row for each open token that an edit brought, in each run it stands in."""
    run, at_version, at_edit = _steps(runs)
    kept = versions.marked[at_version] & edits.marked[at_edit]
    columns = (runs.version[run], runs.edit[run], at_version, at_edit, runs.length[run], run)
    names = ("version", "edit", "at_version", "at_edit", "length", "run")
    found = pl.DataFrame({name: column[kept] for name, column in zip(names, columns, strict=True)})
    return pl.concat([found, _withheld(versions, edits, runs).select(found.columns)])


def _settled(versions: Pieces, edits: Pieces, runs: Runs) -> pl.DataFrame:
    """Of each pair, the tokens around what the edit brought that stood in the version before: they tell where it is."""
    run, at_version, at_edit = _steps(runs)
    kept = ~versions.marked[at_version] & ~edits.marked[at_edit]
    found = pl.DataFrame({"version": runs.version[run][kept], "edit": runs.edit[run][kept], "at": at_edit[kept]})
    return found.group_by("version", "edit").agg(settled=pl.col("at").n_unique())


def _withheld(versions: Pieces, edits: Pieces, runs: Runs) -> pl.DataFrame:
    """Cells for tokens between two runs of a pair that only a secret parts, which was taken out of the event."""
    pair = ["version", "edit"]
    found = pl.DataFrame({**vars(runs), "run": np.arange(len(runs.length))}).sort(*pair, "at_edit", "at_version")
    end, end_edit = pl.col("at_version") + pl.col("length"), pl.col("at_edit") + pl.col("length")
    gaps = found.with_columns(
        begin=end,
        secret=end_edit,
        stop=pl.col("at_version").shift(-1).over(pair),
        after=pl.col("at_edit").shift(-1).over(pair),
    ).filter(pl.col("after") == pl.col("secret") + 1, (pl.col("stop") - pl.col("begin")).is_between(1, _MOST_WITHHELD))
    is_secret = (edits.tokens[gaps["secret"].to_numpy()] == WITHHELD) & edits.marked[gaps["secret"].to_numpy()]
    gaps = gaps.filter(pl.Series(is_secret, dtype=pl.Boolean))
    cells = gaps.with_columns(at_version=pl.int_ranges("begin", "stop")).explode("at_version").drop_nulls("at_version")
    is_open = versions.marked[cells["at_version"].to_numpy()]
    return cells.filter(pl.Series(is_open, dtype=pl.Boolean)).with_columns(at_edit=-1 - pl.col("at_version"))


def _pairs(cells: pl.DataFrame, edits: Pieces, about: pl.DataFrame) -> pl.DataFrame:
    sizes = pl.DataFrame(
        {"edit": np.arange(about.height), "n_text": np.diff(edits.starts), "n_added": about["n_added"]},
        schema_overrides={"edit": pl.Int64},
    )
    covered = cells.group_by("version", "edit").agg(
        covered=pl.col("at_edit").n_unique(), longest=pl.col("length").max()
    )
    return covered.join(sizes, on="edit").with_columns(
        coverage=pl.col("covered") / pl.col("n_added"), is_whole=pl.col("longest") >= pl.col("n_text")
    )


def _judged(pairs: pl.DataFrame, about_versions: pl.DataFrame, about: pl.DataFrame) -> pl.DataFrame:
    """The pairs that count, with `matched_by`."""
    of_version = about_versions.with_columns(version=pl.int_range(pl.len(), dtype=pl.Int64))
    of_edit = about.drop("n_added").with_columns(edit=pl.int_range(pl.len(), dtype=pl.Int64))
    joined = pairs.join(of_version, on="version").join(of_edit, on="edit", suffix="_edit")
    matched_by = (
        pl.when(_equal("exact_hash")).then(pl.lit(EXACT))
        .when(_equal("token_hash")).then(pl.lit(TOKENS))
        .when(_equal("pattern_id")).then(pl.lit(PATTERN))
        .otherwise(pl.lit(SIMILARITY))
    )  # fmt: skip
    joined = joined.with_columns(
        matched_by=matched_by,
        is_near=pl.col("paths").list.contains(pl.col("path_edit")) | _ends_alike(),
        is_named=pl.col("qualified_name_edit").is_not_null(),
        is_own=_is_own_name(),
    )
    judged = joined.with_columns(counts=_counts() | _is_equal_definition())
    own = judged.filter("counts", pl.col("is_own") | ~pl.col("is_named")).filter(~_is_namesake())
    most = own.group_by("edit").agg(most=pl.col("covered").max(), most_in_a_row=pl.col("longest").max())
    is_best = (
        pl.when("is_named")
        .then((pl.col("covered") >= MOST * pl.col("most")) | _is_equal_definition())
        .otherwise(pl.col("is_whole") | ((pl.col("longest") == pl.col("most_in_a_row")) & ~pl.col("is_placed")))
    )
    counted = own
    own = own.join(most, on="edit").filter(is_best).drop("most", "most_in_a_row")
    own = pl.concat([own, _inside(own, counted)]).unique(["version", "edit"], maintain_order=True)
    own = _in_one_place(own, judged)
    placed = pl.col("edit").is_in(own["edit"].implode()) | pl.col("is_placed")
    around = judged.join(_around(own), on=["edit", "sha", "path", "qualified_name"], how="semi").filter(
        ~pl.col("is_own")
    )
    others = judged.filter(~pl.col("is_own"), "is_named", "counts", ~placed)
    columns = ["version", "edit", "matched_by"]
    return pl.concat([own.select(columns), around.select(columns), others.select(columns)]).unique(
        ["version", "edit"], maintain_order=True
    )


def _in_one_place(own: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Of several definitions that a piece, or a definition cut out of what is around it, may stand in: the likeliest.

    That is where most of it stands; then where most of what else the same call brought does, as far as it is in what is
    around; then where the lines around it stood before. Where nothing tells them apart, all, and what is around or
    inside the likeliest.
    """
    is_sure = (pl.col("qualified_name") == pl.col("qualified_name_edit")).fill_null(False)
    n_names = pl.col("qualified_name").n_unique().over("edit")
    doubted = own.filter(n_names > 1, ~is_sure)
    if doubted.is_empty():
        return own
    name = pl.col("qualified_name") + "."
    call = judged.join(doubted.select("event_id").unique(), on="event_id", how="semi")
    call = call.select("event_id", "sha", "path", other="edit", around=name, beside="longest")
    beside = doubted.join(call, on=["event_id", "sha", "path"]).filter(
        pl.col("other") != pl.col("edit"), name.str.starts_with(pl.col("around"))
    )
    beside = beside.group_by("version", "edit").agg(pl.col("beside").max())
    doubted = doubted.join(beside, on=["version", "edit"], how="left").with_columns(pl.col("beside").fill_null(0))
    inside = doubted.select("edit", "sha", "path", inside=name)
    outer = doubted.join(inside, on=["edit", "sha", "path"]).filter(
        pl.col("inside").str.starts_with(name), pl.col("inside") != name
    )
    inner = doubted.join(outer, on=["version", "edit"], how="anti")
    rank = pl.struct("covered", "longest", "beside", "settled").rank("dense", descending=True).over("edit")
    likeliest = inner.filter(rank == 1).select("edit", likeliest=name).unique()
    kept = (
        doubted.join(likeliest, on="edit")
        .filter(name.str.starts_with(pl.col("likeliest")) | pl.col("likeliest").str.starts_with(name))
        .select("version", "edit")
        .unique()
    )
    dropped = doubted.join(kept, on=["version", "edit"], how="anti")
    return own.join(dropped, on=["version", "edit"], how="anti", maintain_order="left")


def _inside(best: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Of pieces found best in a class, because a line around them stands there, the definition in it that has them."""
    around = best.filter(~pl.col("is_named")).select("edit", "sha", "path", around=pl.col("qualified_name") + ".")
    inside = counted.join(around, on=["edit", "sha", "path"]).filter(
        pl.col("qualified_name").str.starts_with(pl.col("around"))
    )
    is_longest = pl.col("longest") == pl.col("longest").max().over("edit", "sha", "path")
    return inside.filter(is_longest).select(counted.columns)


def _counts() -> pl.Expr:
    """The table of the module's docstring."""
    coverage, covered, longest = pl.col("coverage"), pl.col("covered"), pl.col("longest")
    is_same_name = (pl.col("qualified_name") == pl.col("qualified_name_edit")).fill_null(False)
    is_known_by_name = (is_same_name | (covered >= FEWEST)) & ~pl.col("qualified_name").str.ends_with(CLOSURE_NAME)
    is_small_but_whole = (coverage >= MOST) & (is_known_by_name | (longest >= _RELIABLE_RUN) | pl.col("is_whole"))
    return (
        pl.when(pl.col("is_own") & pl.col("is_near"))
        .then(((coverage >= KEPT) & (covered >= FEW)) | is_small_but_whole)
        .when(pl.col("is_own"))
        .then((coverage >= HALF) & (covered >= FEW))
        .when(pl.col("is_named") & pl.col("is_near"))
        .then((coverage >= MOST) & (covered >= FEW))
        .when(~pl.col("is_named") & pl.col("is_near"))
        .then(((coverage >= HALF) & ((covered >= FEW) | (longest >= LONG_RUN))) | pl.col("is_whole"))
        .otherwise((coverage >= MOST) & (covered >= MANY))
    )


def _is_namesake() -> pl.Expr:
    """A definition of its name elsewhere that is only similar, where one of that name stands in the edit's file."""
    is_at_home = (pl.col("is_near") & pl.col("is_named")).any().over("edit") | pl.col("is_placed")
    return pl.col("is_named") & ~pl.col("is_near") & is_at_home & ~_is_equal_definition()


def _is_equal_definition() -> pl.Expr:
    return (pl.col("matched_by") != SIMILARITY) & (~pl.col("is_trivial") | pl.col("is_near"))


def _is_own_name() -> pl.Expr:
    one, other = pl.col("qualified_name"), pl.col("qualified_name_edit")
    dot = pl.lit(".")
    is_end = one.str.ends_with(pl.concat_str(dot, other)) | other.str.ends_with(pl.concat_str(dot, one))
    return ((one == other) | is_end).fill_null(False)


def _around(own: pl.DataFrame) -> pl.DataFrame:
    """The definitions around those that were found, in the same file of the same commit: they hold the same tokens."""
    names = own.select("edit", "sha", "path", parts=pl.col("qualified_name").str.split("."))
    sizes = names.with_columns(size=pl.int_ranges(1, pl.col("parts").list.len())).explode("size").drop_nulls("size")
    return sizes.select("edit", "sha", "path", qualified_name=pl.col("parts").list.head(pl.col("size")).list.join("."))


def _equal(name: str) -> pl.Expr:
    return (pl.col(name) == pl.col(f"{name}_edit")).fill_null(False)


def _ends_alike() -> pl.Expr:
    """An edit whose repository is not known names its file by a path of another folder that ends in the version's."""
    ends = pl.concat_str(pl.lit("/"), pl.col("paths").list.first())
    return (pl.col("path_edit").str.starts_with("/") & pl.col("path_edit").str.ends_with(ends)).fill_null(False)
