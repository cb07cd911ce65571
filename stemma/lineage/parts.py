"""What passed between different elements in one commit: extracted, split, inlined, merged. Frames in, frames out.

Versions of one element are paired in `assignment`; what happened between the two of a pair is named in `kinds`.

A function that nothing of the commit explains was extracted from one whose older version holds a share of its windows,
or of its calls, and whose newer one has lost them and calls it, or still has its name; else the older one was split, as
one is that nothing follows and of which several such functions hold parts. One that is followed by nothing was inlined
into a function that has gained windows or calls of it and called it before; where it was not called, the two were
merged. Edges between different elements say so in their evidence (`other_element`), for a history of one element ends
at them.
"""

from __future__ import annotations

import polars as pl

from stemma.lineage.calibration import Calibration
from stemma.lineage.contents import Contents
from stemma.lineage.file_versions import NO_NODE
from stemma.lineage.kinds import event
from stemma.lineage.pairing import GROUP_PAIRS, SHARED_NAME

LEAST_WINDOWS = 5  # of 5 tokens: more than one line
MOST_CALLS = 0.5  # more than this share of its calls tells of one whose text is too short to be known by its windows
SOURCES = 10  # a text that stood in several functions is extracted from all of them
TRIPLES_PER_SLICE = 2_000
_SIDE = ("node", "name", "qualified_name", "path", "pattern_id", "language")


def between(
    contents: Contents, born: pl.DataFrame, gone: pl.DataFrame, pairs: pl.DataFrame, calibration: Calibration
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Edges (as `kinds.edges`) and events (`kinds.EVENT`) between different elements.

    Args:
        born, gone: versions of functions that have no parent, or no child, in their commit: commit and all columns.
        pairs: compared pairs whose text changed, as `kinds.compared`.
    """
    changed = pairs.filter("is_first", "is_body")
    numbers = calibration.thresholds
    enough = pl.col("share") >= pl.when("is_called").then(numbers["extracted"]).otherwise(numbers["split"])
    later = pl.concat([_with_calls(contents, changed, "later"), _dissolved(gone)], how="diagonal_relaxed")
    taken = _shared(contents, later, born, "lost").filter(enough)
    # One part of what is gone tells nothing: with most of its text it would be a rename.
    is_piece = (pl.col("child") != NO_NODE) | (pl.len().over("commit", "parent") > 1)
    taken = taken.filter(is_piece)
    given = _shared(contents, _with_calls(contents, changed, "earlier"), gone, "gained").filter(enough)
    given = given.with_columns(is_same=pl.col("is_called"))
    edges = [
        _edges(taken, "node", "parent", ("extracted_from", "derived_from")),
        _edges(given, "child", "node", ("derived_from", "merged_from")),
    ]
    source = pl.struct(pl.col("qualified_name_parent").alias("from"), "share", path="path_parent")
    into = pl.struct(pl.col("qualified_name_later").alias("into"), "share", path="path_later")
    other = pl.struct(pl.col("qualified_name").alias("with"), "share", path="path")
    first = taken.unique("node", keep="first", maintain_order=True)
    events = [
        event(first.filter("is_same"), "extracted", source),
        event(first.filter(~pl.col("is_same")), "split", source),
        event(given.filter("is_called").unique("node", keep="first", maintain_order=True), "inlined", into),
        event(given.filter(~pl.col("is_called")).drop("node").rename({"child": "node"}), "merged", other),
    ]
    return pl.concat(edges), pl.concat(events)


def _with_calls(contents: Contents, changed: pl.DataFrame, side: str) -> pl.DataFrame:
    """The changed functions with the names they call, later or earlier, and with those they call on that side no more
    or not yet (`passed`)."""
    for name, suffix in (("_later", ""), ("_earlier", "_parent")):
        keys = [f"exact_hash{suffix}", f"language{suffix}"]
        calls = _named(contents, changed.select(exact_hash=keys[0], language=keys[1])).rename({"calls": name})
        changed = changed.join(calls, left_on=keys, right_on=["exact_hash", "language"], how="left")
    own, other = ("_later", "_earlier") if side == "later" else ("_earlier", "_later")
    return changed.select(
        "commit", "child", "parent", "path", "path_parent", "qualified_name_parent", "language",
        qualified_name_later="qualified_name", path_later="path", later="pattern_id", earlier="pattern_id_parent",
        is_same_name=pl.col("name") == pl.col("name_parent"), calls=own,
        passed=pl.col(other).list.set_difference(own),
    )  # fmt: skip


def _named(contents: Contents, texts: pl.DataFrame) -> pl.DataFrame:
    """The own names of what texts (exact_hash, language) call."""
    return contents.texts(texts.unique(maintain_order=True)).select(
        "exact_hash", "language", calls=pl.col("calls").list.eval(pl.element().str.extract(r"(\w+)\W*$")).list.unique()
    )


def _dissolved(gone: pl.DataFrame) -> pl.DataFrame:
    """Functions that nothing follows, as if they had become empty."""
    return gone.filter(~pl.col("is_trivial")).select(
        "commit", "path", "language", child=pl.lit(NO_NODE, pl.Int32), parent="node", path_parent="path",
        calls=pl.lit(None, pl.List(pl.String)), passed=pl.lit(None, pl.List(pl.String)),
        qualified_name_parent="qualified_name", later=pl.lit(""), earlier="pattern_id",
    )  # fmt: skip


def _shared(contents: Contents, changed: pl.DataFrame, others: pl.DataFrame, what: str) -> pl.DataFrame:
    """Each of the other functions beside the changed ones that lost (gained) windows or calls of it, the best first.

    Only functions of the same file, and those that call it, are looked at; trivial ones, by those that call them.
    """
    own = _named(contents, others.select("exact_hash", "language")).rename({"calls": "own_calls"})
    wanted = others.join(own, on=["exact_hash", "language"], how="left", maintain_order="left")
    wanted = wanted.select("commit", *_SIDE, "own_calls", "is_trivial")
    beside = wanted.filter(~pl.col("is_trivial")).join(
        changed, on=["commit", "path", "language"], how="inner", suffix="_changed"
    )
    beside = beside.filter(pl.len().over("commit", "path") <= GROUP_PAIRS)
    calling = changed.explode("calls").join(
        wanted.filter(pl.len().over("commit", "name") <= SHARED_NAME),
        left_on=["commit", "calls", "language"],
        right_on=["commit", "name", "language"],
        suffix="_other",
    )
    triples = pl.concat([
        beside.select("commit", "node", "child", "parent"), calling.select("commit", "node", "child", "parent"),
    ]).unique(maintain_order=True)  # fmt: skip
    told = triples.join(wanted, on=["commit", "node"], maintain_order="left").join(
        changed.drop("path"), on=["commit", "child", "parent", "language"], maintain_order="left"
    )
    parts = [_counted(contents, part, what) for part in told.iter_slices(TRIPLES_PER_SLICE)]
    found = pl.concat(parts) if parts else _counted(contents, told, what)
    n_passed = pl.col("own_calls").list.set_intersection("passed").list.len().cast(pl.Int32)
    # What the other calls on both sides, a decorator or `len`, tells nothing.
    n_own = pl.col("own_calls").list.set_difference(pl.coalesce("calls", pl.lit([], pl.List(pl.String)))).list.len()
    by_calls = pl.when(n_own > 0).then(n_passed / n_own)
    is_enough = pl.col("n_shared") >= LEAST_WINDOWS
    return (
        found.with_columns(is_called=pl.col("calls").list.contains(pl.col("name")).fill_null(False))
        .with_columns(
            is_same=pl.col("is_called") | pl.col("is_same_name").fill_null(False),
            n_calls=n_passed.fill_null(0),
            share=pl.max_horizontal(
                pl.when(is_enough).then("share"), pl.when("is_called", by_calls > MOST_CALLS).then(by_calls)
            ).cast(pl.Float32),
        )
        .filter(pl.col("share") > 0)
        .sort("commit", "node", -pl.col("share"), "child", "parent")
        .filter(pl.int_range(pl.len()).over("commit", "node") < SOURCES)
    )


def _counted(contents: Contents, triples: pl.DataFrame, what: str) -> pl.DataFrame:
    ids = pl.concat([triples["pattern_id"], triples["later"], triples["earlier"]]).unique(maintain_order=True)
    windows = contents.windows(ids).filter(pl.col("shingles").list.len() > 0)
    for column in ("pattern_id", "later", "earlier"):
        known = windows.rename({"pattern_id": column, "shingles": f"_{column}"})
        triples = triples.join(known, on=column, how="left", maintain_order="left")
    one, other = ("_earlier", "_later") if what == "lost" else ("_later", "_earlier")
    passed = pl.col(one).list.set_difference(pl.coalesce(other, pl.lit([], pl.List(pl.Int32))))
    n_shared = pl.col("_pattern_id").list.set_intersection(passed).list.len().cast(pl.Int32)
    return triples.with_columns(
        n_shared=n_shared, share=(n_shared / pl.col("_pattern_id").list.len()).cast(pl.Float32)
    ).drop("_pattern_id", "_later", "_earlier")


def _edges(found: pl.DataFrame, child: str, parent: str, names: tuple[str, str]) -> pl.DataFrame:
    """`names`: of edges where the function was cut out of (put into) one that goes on, and where it was not."""
    evidence = pl.struct(
        matched_by=pl.lit("shared_text"), windows="n_shared", calls="n_calls", other_element=pl.lit(True)
    )
    share = pl.col("share")
    return found.select(
        child=child,
        parent=parent,
        weight=share.cast(pl.Float32),
        confidence=(share * share / share.sum().over("commit", "node")).cast(pl.Float32),
        edge_type=pl.when("is_same").then(pl.lit(names[0])).otherwise(pl.lit(names[1])),
        evidence=evidence.struct.json_encode(),
    )
