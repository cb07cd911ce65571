"""Clone classes of a checkout, found in memory: which there are, which are new, and how much of each file they are.

Which files are read is said in `stemma.git.worktree`, how in `stemma.extract.checkout`; how pairs match and cluster, in
`pairs` and `grouping`; how classes are told, in `sarif` and `stemma.cli.copies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemma.embed.base import Embedder
from stemma.embed.texts import pattern_texts
from stemma.extract.checkout import Checkout
from stemma.ids import content_id
from stemma.match.calibration import calibration
from stemma.match.candidates import NOBODY, Found
from stemma.match.grouping import group
from stemma.match.kinds import scopes_of
from stemma.match.neighbours import near_in
from stemma.match.pairs import find_matches
from stemma.match.scores import Matrix
from stemma.match.wording import worded_alike
from stemma.progress import phase

TYPES = TYPE_1, TYPE_2, TYPE_3, SEMANTIC = "type-1", "type-2", "type-3", "semantic"
MIN_COSINE = 0.5

# Where tests stand, by folder or by file name, in the languages Stemma reads.
_TEST_PATHS = re.compile(
    r"(^|/)(tests?|__tests__|specs?|testdata)/"
    r"|(^|/)(test_[^/]*|conftest)\.pyi?$"
    r"|_(test|tests|spec)\.[a-z]+$"
    r"|\.(test|spec)\.[cm]?[jt]sx?$"
    r"|(Test|Tests|Spec)\.(java|kt|cs|swift|php|scala)$"
)
_PATTERN = ["pattern_id", "language", "kind", "n_tokens", "shingles", "sub_tokens", "structure"]


@dataclass(frozen=True)
class Wanted:
    """Which clones are looked for."""

    types: frozenset[str] = frozenset(TYPES[:3])
    min_tokens: int = 50
    """Definitions of fewer tokens are left out, besides those that are too small or too common to mean anything. 50 is
    what jscpd takes as well: below it most of what is alike is a few lines that could hardly be written otherwise."""
    with_tests: bool = False
    with_trivial: bool = False
    threshold: float | None = None
    """Least score of Type-3 and semantic matches; None: the calibrated one."""
    weights: Mapping[str, float] | None = None
    """Of the components of a match; None: the calibrated ones."""


@dataclass(frozen=True)
class Clones:
    """What was found.

    classes: class_id (stays while the code of its members does), clone_type, language, name, similarity (mean score of
    its matching pairs; null where all are one pattern), n_members, n_tokens and n_lines (of the largest member),
    n_duplicated_lines (all members' but the largest one's), is_new; largest first.
    members: class_id, path, qualified_name, kind, start_line, end_line, n_tokens, pattern_id, token_hash, is_new.
    files: path, language, n_lines, n_duplicated_lines (that stand in a member of a class), most first.
    problems: path, reason of each file that was not read whole.
    """

    classes: pl.DataFrame
    members: pl.DataFrame
    files: pl.DataFrame
    problems: pl.DataFrame
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def n_new(self) -> int:
        return int(self.classes["is_new"].sum())


def find_clones(
    checkout: Checkout, wanted: Wanted, *, new_lines: pl.DataFrame | None = None, embedder: Embedder | None = None
) -> Clones:
    """The clone classes of a checkout that are wanted, those inside a larger class left out.

    Type-1 is the same tokens, Type-2 the same normal form, Type-3 patterns that match; a class is of the widest type
    among its members. The members of one class never lie inside each other.

    Args:
        new_lines: only classes with a member in these lines (path, start_line, end_line), as
            `stemma.git.worktree.lines_since` tells them; None: all, and all are new.
        embedder: by which semantic clones are found.
    """
    definitions, left_out = _chosen(checkout, wanted)
    members = _outermost(_grouped(definitions, checkout.patterns, wanted, embedder))
    members = members.with_columns(is_new=_are_new(members, new_lines))
    classes = _classes(members).filter(pl.col("clone_type").is_in(wanted.types))
    classes = _without_inner(classes, members).filter(pl.col("is_new"))
    members = members.join(classes.select("component", "class_id"), on="component", how="inner", maintain_order="left")
    members = members.sort("class_id", "path", "start_line")
    files = _files(checkout.files, members)
    problems = checkout.files.filter(pl.col("status") != "parsed").select("path", "reason")
    counts = {
        "files": files.height,
        "lines": int(files["n_lines"].sum()),
        "definitions": checkout.definitions.height,
        "compared": definitions.height,
        **left_out,
        "duplicated_lines": int(files["n_duplicated_lines"].sum()),
    }
    return Clones(classes.drop("component"), members.select(MEMBER), files, problems, counts)


MEMBER = [
    "class_id", "path", "qualified_name", "kind", "start_line", "end_line", "n_tokens", "pattern_id", "token_hash",
    "is_new",
]  # fmt: skip


def _chosen(checkout: Checkout, wanted: Wanted) -> tuple[pl.DataFrame, dict[str, int]]:
    """The definitions to compare, and how many were left out for what."""
    facts = checkout.patterns.select("pattern_id", "language", "is_trivial")
    every = checkout.definitions.join(facts, on="pattern_id", how="left", maintain_order="left")
    every = every.with_row_index("definition").join(_tests(checkout), on="path", how="left", maintain_order="left")
    is_test = (pl.col("is_test") | pl.col("is_test_path")) & (not wanted.with_tests)
    is_trivial = pl.col("is_trivial") & (not wanted.with_trivial) & ~is_test
    is_small = (pl.col("n_tokens") < wanted.min_tokens) & ~is_test & ~is_trivial
    left_out = every.select(tests=is_test.sum(), trivial=is_trivial.sum(), small=is_small.sum()).row(0, named=True)
    kept = every.filter(~is_test, ~is_trivial, ~is_small)
    return kept, {f"left_out_{name}": int(n) for name, n in left_out.items()}


def is_test_path(path: str) -> bool:
    """Whether a file is one of tests, by its folders and name."""
    return _TEST_PATHS.search(path) is not None


def _tests(checkout: Checkout) -> pl.DataFrame:
    paths = checkout.files["path"]
    return pl.DataFrame(
        {"path": paths, "is_test_path": [is_test_path(path) for path in paths]},
        schema={"path": pl.String, "is_test_path": pl.Boolean},
    ).unique("path")


def _grouped(
    definitions: pl.DataFrame, patterns: pl.DataFrame, wanted: Wanted, embedder: Embedder | None
) -> pl.DataFrame:
    """The definitions that have a clone, with the number of their class (`component`), its type and similarity."""
    if wanted.types == {TYPE_1}:  # what has the same tokens is one class, whatever else is like it
        numbers = definitions.select(pl.struct("language", "token_hash").rank("dense").alias("component"))
        found = definitions.hstack(numbers).with_columns(similarity=pl.lit(None, pl.Float64), widest=pl.lit(TYPE_1))
    else:
        live = definitions.group_by("pattern_id").agg(n_live=pl.len())
        live = live.join(patterns, on="pattern_id", how="left").sort("pattern_id")
        matched = _matched(live, wanted, embedder)
        members, facts = group(live.select("pattern_id", "language", "name", "n_live"), matched)
        facts = facts.select("component", similarity="mean_score").join(_widest(live, members, matched), on="component")
        members = members.drop("similarity").join(facts, on="component", how="left")
        found = definitions.join(members, on="pattern_id", how="inner", maintain_order="left")
    return found.filter(pl.len().over("component") > 1)


def _matched(live: pl.DataFrame, wanted: Wanted, embedder: Embedder | None) -> pl.DataFrame:
    """The pairs of different patterns that match (a, b, score, clone_type), rows of `live`."""
    if wanted.types.isdisjoint((TYPE_3, SEMANTIC)):
        return pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "score": pl.Float64, "clone_type": pl.String})
    matrix = near = name = None
    with phase("match", total=len(live), unit="patterns") as progress:
        if SEMANTIC in wanted.types and embedder is not None:
            name, matrix = embedder.name, embedder.embed(pattern_texts(live))
            near = _near(live, matrix, wanted, name)
        found = find_matches(
            live.select(_PATTERN),
            threshold=wanted.threshold,
            weights=wanted.weights,
            matrix=matrix,
            embedder=name,
            near=near,
        )
        progress.advance(len(live))
    row = live.select("pattern_id").with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    return (
        found.filter(pl.col("clone_type").is_in(wanted.types))
        .join(row.rename({"row": "a"}), left_on="pattern_a", right_on="pattern_id", maintain_order="left")
        .join(row.rename({"row": "b"}), left_on="pattern_b", right_on="pattern_id", maintain_order="left")
        .select("a", "b", "score", "clone_type")
    )


def _near(live: pl.DataFrame, matrix: Matrix, wanted: Wanted, embedder: str) -> Found:
    """Pairs that may do the same: of two languages by the calibrated rule, under weights of one's own of one."""
    if wanted.weights is not None:
        return near_in(matrix, scopes_of(live["language"], live["kind"]), min_cosine=MIN_COSINE)
    rule = calibration().rule_for(embedder)
    return NOBODY if rule is None else worded_alike(live, rule.least_lexical(rule.threshold))


def _widest(live: pl.DataFrame, members: pl.DataFrame, matched: pl.DataFrame) -> pl.DataFrame:
    """The widest type of each component, as far as its patterns tell: type-2 where it is one pattern."""
    row = live.select("pattern_id").with_row_index("a").with_columns(pl.col("a").cast(pl.Int64))
    component = members.select("pattern_id", "component").join(row, on="pattern_id")
    inside = (
        matched.join(component.select("a", "component"), on="a")
        .join(component.select("component", b="a"), on=["b", "component"])
        .group_by("component")
        .agg(widest=pl.when((pl.col("clone_type") == TYPE_3).any()).then(pl.lit(TYPE_3)).otherwise(pl.lit(SEMANTIC)))
    )
    every = component.select("component").unique().join(inside, on="component", how="left")
    return every.with_columns(pl.col("widest").fill_null(TYPE_2))


def _outermost(members: pl.DataFrame) -> pl.DataFrame:
    """Without members that lie inside another one of their class: a function is no copy of what it holds."""
    ordered = members.sort("component", "path", "start_line", "end_line", descending=[False, False, False, True])
    reached = pl.col("end_line").cum_max().shift(1).over("component", "path", order_by=pl.int_range(pl.len()))
    outer = ordered.filter(reached.is_null() | (pl.col("end_line") > reached))
    return outer.filter(pl.len().over("component") > 1)


def _are_new(members: pl.DataFrame, new_lines: pl.DataFrame | None) -> pl.Series:
    """Which members have a new line in them; all where nothing is said of lines."""
    if new_lines is None:
        return pl.Series(np.ones(len(members), np.bool_))
    paths = members.select("path").unique().with_row_index("file")
    spans = new_lines.join(paths, on="path").sort("file", "start_line")
    starts, ends = (_keys(spans, name) for name in ("start_line", "end_line"))
    placed = members.join(paths, on="path", how="left", maintain_order="left")
    first, last = (_keys(placed, name) for name in ("start_line", "end_line"))
    at = np.searchsorted(ends, first)  # the first span that ends at or behind the member's first line
    is_new = np.zeros(len(members), np.bool_)
    is_known = at < len(starts)
    is_new[is_known] = starts[at[is_known]] <= last[is_known]
    return pl.Series(is_new)


def _keys(frame: pl.DataFrame, line: str) -> NDArray[np.int64]:
    """Places as single integers in the order of files and lines."""
    file, number = (frame[name].cast(pl.Int64).to_numpy() for name in ("file", line))
    keys: NDArray[np.int64] = file << 32 | number
    return keys


def _classes(members: pl.DataFrame) -> pl.DataFrame:
    one_text, one_pattern = pl.col("token_hash").n_unique() == 1, pl.col("pattern_id").n_unique() == 1
    clone_type = pl.when(one_text).then(pl.lit(TYPE_1)).when(one_pattern).then(pl.lit(TYPE_2))
    largest = pl.col("qualified_name").sort_by("n_tokens", "path", descending=[True, False]).first()
    return (
        members.with_columns(n_lines=pl.col("end_line") - pl.col("start_line") + 1)
        .group_by("component")
        .agg(
            clone_type=clone_type.otherwise(pl.col("widest").first()),
            language=pl.col("language").unique().sort().str.join(", "),
            name=largest,
            similarity=pl.col("similarity").first(),
            n_members=pl.len(),
            n_tokens=pl.col("n_tokens").max(),
            n_lines=pl.col("n_lines").max(),
            n_duplicated_lines=pl.col("n_lines").sum() - pl.col("n_lines").max(),
            is_new=pl.col("is_new").any(),
            class_id=pl.col("pattern_id").unique().sort().str.join(" "),
        )
        .with_columns(
            pl.col("class_id").map_elements(lambda ids: content_id("clone class", ids), return_dtype=pl.String),
            pl.when(pl.col("clone_type").is_in([TYPE_3, SEMANTIC])).then("similarity").alias("similarity"),
        )
        .sort("n_duplicated_lines", "n_tokens", "class_id", descending=[True, True, False])
    )


def _without_inner(classes: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Without classes whose members each lie in another member of one larger class: the copy is told once, whole."""
    place = ["path", "ordinal"]
    told = members.join(classes.select("component"), on="component", how="semi").select(*place, outer="component")
    inner = members.join(classes.select("component"), on="component", how="semi").join(
        told, left_on=["path", "parent_ordinal"], right_on=place, how="left"
    )
    is_inside = (
        pl.col("outer").is_not_null().all()
        & (pl.col("outer").n_unique() == 1)
        & (pl.struct("path", "parent_ordinal").n_unique() == pl.len())
    )
    inside = inner.group_by("component").agg(is_inside=is_inside).filter("is_inside")
    return classes.join(inside, on="component", how="anti")


def _files(files: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Each file with the number of its lines that stand in some member, each counted once."""
    spans = members.select("path", "start_line", "end_line").sort("path", "start_line")
    reached = pl.col("end_line").cum_max().shift(1, fill_value=0).over("path", order_by=pl.int_range(pl.len()))
    fresh = pl.col("end_line") - pl.max_horizontal(pl.col("start_line") - 1, reached)
    covered = spans.with_columns(n=fresh.clip(0)).group_by("path").agg(n_duplicated_lines=pl.col("n").sum())
    return (
        files.select("path", "language", "n_lines")
        .join(covered, on="path", how="left", maintain_order="left")
        .with_columns(pl.col("n_duplicated_lines").fill_null(0))
        .sort("n_duplicated_lines", "path", descending=[True, False])
    )
