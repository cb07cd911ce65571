"""How `stemma lineage` shows an answer to people, and as JSON. What is in it lives in `stemma.lineage.answers`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from rich import box
from rich.table import Table
from rich.text import Text

from stemma.cli import show
from stemma.lineage.answers import Answer
from stemma.lineage.graph import IS_SAME_ELEMENT, SUCCESSION
from stemma.lineage.timeline import KINDS, timeline, told_change

ID_DIGITS = 10
SHOWN_RELATIVES = 5
WIDE = 120  # columns of a terminal from which the subject has its own
_COLOURS = {
    "introduced": "green",
    "observed": "green",
    "revived": "green",
    "forked": "cyan",
    "copied": "cyan",
    "extracted": "cyan",
    "split": "cyan",
    "merged": "cyan",
    "inlined": "cyan",
    "renamed": "magenta",
    "moved_across_files": "magenta",
    "moved_within_file": "magenta",
    "file_renamed": "magenta",
    "deprecated": "yellow",
    "removed": "red",
}


def document(answer: Answer) -> dict[str, Any]:
    """The JSON form; README.md describes it."""
    told = {
        "format": 1,
        "reference": answer.reference,
        "read_from": answer.read_from,
        "elements": answer.elements,
        "is_cut": answer.graph.is_cut,
    }
    if answer.walked is None:
        related = _related(answer)
        return {**told, "timeline": timeline(answer.graph, answer.own), "related": related.to_dicts()}
    key = "path" if answer.view.kind == "path" else answer.view.kind
    return {**told, key: _places(answer).to_dicts()}


def show_answer(answer: Answer) -> None:
    """Print the answer as tables."""
    if answer.walked is None:
        _show_timeline(answer)
    elif answer.view.kind == "path":
        _show_path(answer)
    else:
        _show_relatives(answer)
    if answer.graph.is_cut:
        show.console.print("There are more versions; --limit shows more.", style="yellow")
    if answer.remark:
        show.console.print(show.plain(answer.remark), style="dim", markup=False, highlight=False)


def _show_timeline(answer: Answer) -> None:
    rows = timeline(answer.graph, answer.own)
    for element in answer.elements[:SHOWN_RELATIVES]:
        title = f"  {element['kind']}, {element['language']}; {show.plain(answer.state_of(element))}"
        place = f"{element['repository']} {element['path']}:{element['qualified_name']}"
        show.console.print(Text.assemble((show.plain(place), "bold"), (title, "dim")), soft_wrap=True)
    if len(answer.elements) > SHOWN_RELATIVES:
        show.console.print(f"and {len(answer.elements) - SHOWN_RELATIVES:,} more elements", style="dim")
    has = {
        "where": len(answer.elements) > 1,
        "written by": any(row["origin"] for row in rows),
        "subject": show.console.width >= WIDE,
    }
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("date", "commit"):
        table.add_column(name, no_wrap=True)
    shares = {"what happened": 5, "where": 3, "written by": 2, "author": 2, "subject": 5}
    for name, share in shares.items():
        if has.get(name, True):
            table.add_column(name, ratio=share, overflow="fold")
    for row in rows:
        cells = {
            "date": f"{row['occurred_at']:%Y-%m-%d}",
            "commit": row["sha"][:ID_DIGITS],
            "what happened": _happened(row, with_subject=not has["subject"]),
            "where": Text(show.plain(f"{row['repository']} {row['path']}:{row['qualified_name']}")),
            "written by": Text(_origin(row)),
            "author": Text(show.cell(row["author_name"])),
            "subject": Text(show.cell(row["subject"])),
        }
        table.add_row(*(cell for name, cell in cells.items() if has.get(name, True)))
    show.console.print(table)
    _show_related(answer)


def _happened(row: dict[str, Any], *, with_subject: bool) -> Text:
    """The kinds of one commit, and below them from what to what; the commit's subject where it has no column."""
    text = Text()
    for place, kind in enumerate(row["kinds"]):
        text.append(", " if place else "").append(KINDS.get(kind, kind), _COLOURS.get(kind, ""))
    if row["similarity"] is not None and row["similarity"] < 1:
        text.append(f" ({row['similarity']:.0%} alike)", "dim")
    for change in row["changes"]:
        if told := told_change(change):
            text.append(f"\n{show.plain(told)}", "dim")
    if with_subject and row["subject"]:
        text.append(f"\n{show.cell(row['subject'])}", "dim italic")
    return text


def _origin(row: dict[str, Any]) -> str:
    if row["origin"] is None:
        return "–"
    agent = f" {row['agent']}" if row["agent"] else ""
    session = f" {row['session_id'][:ID_DIGITS]}" if row["session_id"] else ""
    return show.plain(f"{row['origin']}{agent}{session}")


def _related(answer: Answer) -> pl.DataFrame:
    """Other elements one step away: what these came from, what was made out of them, what took their place."""
    own, edges = answer.own.implode(), answer.graph.edges
    named = answer.graph.nodes.select(
        "node_id", "repository", "path", "qualified_name", "sha", "occurred_at", "is_live", "pattern_id"
    )
    sides = []
    for direction, mine, other in (("came from", "child_id", "parent_id"), ("went into", "parent_id", "child_id")):
        side = edges.filter(pl.col(mine).is_in(own), ~pl.col(other).is_in(own))
        is_successor = pl.col("edge_type").is_in(SUCCESSION)
        if direction == "went into":  # a version of the same element that is not its own: a branch that led nowhere
            side = side.filter(~is_successor, ~IS_SAME_ELEMENT)
        told = pl.when(is_successor).then(pl.lit("replaced by")).otherwise(pl.lit(direction))
        sides.append(side.select(told.alias("relation"), "edge_type", "weight", pl.col(other).alias("node_id")))
    found = pl.concat(sides).join(named, on="node_id").sort("relation", "occurred_at", "repository", "path")
    # An element that goes on elsewhere in the family is one, however many of its versions are joined to these.
    return found.unique(["relation", "repository", "path", "qualified_name"], keep="first", maintain_order=True)


def _show_related(answer: Answer) -> None:
    related = _related(answer)
    for (relation,), rows in related.partition_by("relation", as_dict=True, maintain_order=True).items():
        for row in rows.head(SHOWN_RELATIVES).iter_rows(named=True):
            place = f"{row['repository']} {row['path']}:{row['qualified_name']}"
            alike = "" if row["weight"] is None else f", {row['weight']:.0%} alike"
            told = f"{relation} {place}  ({row['edge_type']}{alike}, {row['occurred_at']:%Y-%m-%d})"
            show.console.print(show.plain(told), markup=False, highlight=False, soft_wrap=True)
        if rows.height > SHOWN_RELATIVES:
            more = "--descendants" if relation == "went into" else "--ancestors"
            show.console.print(f"and {rows.height - SHOWN_RELATIVES:,} more; {more} shows them all", style="dim")


_PLACE = ("node_id", "repository", "path", "qualified_name", "kind", "sha", "occurred_at", "author_name", "subject",
          "pattern_id", "is_live", "origin")  # fmt: skip


def _places(answer: Answer) -> pl.DataFrame:
    """The versions that were walked with the facts of each; `edge_types` are all that join it to the one before."""
    assert answer.walked is not None
    before = pl.col("via") if "via" in answer.walked.columns else pl.col("node_id").shift(1)
    pairs = answer.graph.derivations.select("edge_type", node_id="child_id", before="parent_id")
    either = pl.concat([pairs, pairs.rename({"node_id": "before", "before": "node_id"}).select(pairs.columns)])
    types = either.group_by("node_id", "before").agg(pl.col("edge_type").sort().alias("edge_types"))
    found = answer.walked.with_columns(before=before).join(
        types, on=["node_id", "before"], how="left", maintain_order="left"
    )
    return found.drop("before").join(answer.graph.nodes.select(_PLACE), on="node_id", how="left", maintain_order="left")


def _shown(rows: pl.DataFrame, first: Iterable[pl.Expr]) -> pl.DataFrame:
    return rows.select(
        *first,
        pl.col("weight").alias("similarity"),
        pl.format("{} {}:{}", "repository", "path", "qualified_name").alias("where"),
        pl.col("sha").str.head(ID_DIGITS).alias("commit"),
        pl.col("occurred_at").dt.strftime("%Y-%m-%d").alias("date"),
    )


def _show_relatives(answer: Answer) -> None:
    rows = _places(answer).sort("depth", "repository", "path", "occurred_at", "qualified_name")
    is_upward = answer.view.kind == "ancestors"
    shown = _shown(rows, [pl.col("depth").alias("steps"), pl.col("edge_types").alias("by")])
    what = "What it came from" if is_upward else "What came from it"
    empty = "It came from nothing that is known: this is its first version." if is_upward else "Nothing came from it."
    show.frame(shown, as_json=False, title=f"{what}: {show.plain(answer.reference)}", empty=empty)


def _show_path(answer: Answer) -> None:
    arrow = pl.when("is_upward").then(pl.lit("↑ ")).otherwise(pl.lit("↓ "))
    by = pl.when(pl.col("step") > 0).then(pl.concat_str(arrow, pl.col("edge_types").list.join(", ")))
    shown = _shown(_places(answer), [pl.col("step"), by.alias("by")])
    title = f"From {show.plain(answer.reference)} to {show.plain(str(answer.view.to))}"
    show.frame(shown, as_json=False, title=title)
    show.console.print("↑ to what it came from, ↓ to what came from it.", style="dim")
