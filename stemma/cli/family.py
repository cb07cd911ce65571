"""`stemma diff-family`: what members of a family share and where they differ. How that is found lives in `match`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import polars as pl
import typer
from rich.text import Text

from stemma.cli import show
from stemma.config import load_settings
from stemma.errors import ConfigError
from stemma.match.explain import SAME, Explanation, Part, explain_pair
from stemma.match.queries import Family, family
from stemma.match.skeleton import MAX_MEMBERS, Skeleton, skeleton
from stemma.store import open_database

MAX_PLACES = 1_000
SHOWN_PLACES = 3  # of each member
SHOWN_FILLS = 8  # of each hole
FILL_CHARS = 60


def diff_family(
    reference: Annotated[str, typer.Argument(metavar="FAMILY", help="Family id, or its first 6 digits or more.")],
    member: Annotated[
        int | None, typer.Option("--member", min=2, help="Show this member beside the medoid, line by line.")
    ] = None,
    as_json: show.Json = False,
) -> None:
    """What the members of a family share, and where they differ: its skeleton, with what fills each hole."""
    with open_database(load_settings()) as database:
        found = family(database, reference, max_members=MAX_MEMBERS, max_places=MAX_PLACES)
    codes, language = found.members["code"].to_list(), found.facts["language"]
    if member is not None and member > len(codes):
        raise ConfigError(f"The family has members 1 to {len(codes)} to show, not {member}.", "1 is the medoid.")
    differences = [explain_pair(codes[0], code, language) for code in codes[1:]]
    common = skeleton(codes[0], codes[1:], language)
    if as_json:
        show.value(_document(found, common, differences))
        return
    _print_head(found)
    _print_members(found, differences)
    if member is not None:
        _print_beside(differences[member - 2], member)
        return
    _print_skeleton(found, common)


def _document(found: Family, common: Skeleton, differences: list[Explanation]) -> dict[str, Any]:
    places = found.places.partition_by("pattern_id", as_dict=True, include_key=False)
    members = [
        {
            **row,
            "places": places[row["pattern_id"],].to_dicts() if (row["pattern_id"],) in places else [],
            "difference": None if not number else _told(differences[number - 1]),
        }
        for number, row in enumerate(found.members.drop("code").iter_rows(named=True))
    ]
    pieces = [{"text" if isinstance(piece, str) else "hole": piece} for piece in common.pieces]
    holes = [{"number": hole.number, "fills": list(hole.fills)} for hole in common.holes]
    return {
        **found.facts,
        "members": members,
        "n_members_left_out": found.facts["n_patterns"] - len(members),
        "skeleton": {
            "pieces": pieces,
            "holes": holes,
            "share_common": common.share_common,
            "is_cut": common.is_cut,
        },
    }


def _told(difference: Explanation) -> dict[str, Any]:
    return {
        "text": difference.text,
        "n_lines": difference.n_lines,
        "n_alike": difference.n_alike,
        "renamed": [{"medoid": it.a, "member": it.b, "times": it.times} for it in difference.renamed],
        "literals": [{"medoid": it.a, "member": it.b, "times": it.times} for it in difference.literals],
        "calls_shared": difference.calls_shared,
        "calls_only_in_medoid": difference.calls_only_a,
        "calls_only_in_member": difference.calls_only_b,
    }


def _print_head(found: Family) -> None:
    facts = found.facts
    cohesion = f", cohesion {show.cell(facts['cohesion'])}" if facts["cohesion"] is not None else ""
    show.console.print(
        Text.assemble(
            (show.plain(facts["name"]), "bold"),
            f"  {facts['language']}, {_count(facts['n_patterns'], 'pattern')} in "
            f"{_count(facts['n_occurrences'], 'place')} of {_count(facts['n_repositories'], 'repository')}{cohesion}\n",
            (f"family {facts['family_id']}\n", "dim"),
        ),
        highlight=False,
    )


def _print_members(found: Family, differences: list[Explanation]) -> None:
    where = pl.format("{} {}", "repository", "path") + pl.format(":{}", "start_line").fill_null("")
    places = found.places.group_by("pattern_id", maintain_order=True).agg(where.alias("place"))
    listed = dict(places.iter_rows())
    wide = len(str(len(found.members)))
    for number, row in enumerate(found.members.iter_rows(named=True), start=1):
        stands = listed.get(row["pattern_id"], [])[:SHOWN_PLACES]
        more = f" and {row['n_live'] - len(stands):,} more" if row["n_live"] > len(stands) else ""
        near = "the medoid" if number == 1 else f"similarity {show.cell(row['similarity'])}"
        told = "" if number == 1 else f"\n{' ' * wide}  {show.plain(differences[number - 2].text)}"
        line = Text.assemble(
            (f"{number:>{wide}}  ", "bold"),
            (show.plain(row["name"]), "bold"),
            f"  {near}, {_count(row['n_lines'], 'line')}: {show.plain(', '.join(stands))}{more}",
            (told, "dim"),
        )
        show.console.print(line, soft_wrap=True)
    if (n_more := found.facts["n_patterns"] - len(found.members)) > 0:
        show.console.print(f"{n_more:,} more members are not compared.", style="dim")


def _print_skeleton(found: Family, common: Skeleton) -> None:
    if common.n_compared == 1:
        n_texts = found.places["exact_hash"].n_unique()
        show.console.print(
            f"\nAll its places hold one pattern, in {_count(n_texts, 'text')}: equal up to layout, names, literals.\n"
        )
    elif common.share_common is not None:
        show.console.print(f"\nCommon to all: {common.share_common:.0%} of the medoid's tokens.\n", highlight=False)
    text = Text()
    for piece in common.pieces:
        text.append(f"⟨{piece}⟩", "bold yellow") if isinstance(piece, int) else text.append(show.plain(piece))
    show.console.print(text)
    if common.holes:
        show.console.print("\nVariation points", style="italic")
    for hole in common.holes:
        show.console.print(Text.assemble((f"⟨{hole.number}⟩ ", "bold yellow"), *_fills(hole.fills)))
    if common.is_cut:
        show.console.print("Only the beginning of the longest members was compared.", style="dim")


def _fills(fills: tuple[str, ...]) -> Iterator[str | tuple[str, str]]:
    """What fills a hole, each filling once, and the members that have it."""
    members: dict[str, list[str]] = {}
    for number, fill in enumerate(fills, start=1):
        members.setdefault(fill, []).append(str(number))
    for position, (fill, numbers) in enumerate(list(members.items())[:SHOWN_FILLS]):
        shown = show.plain(fill if len(fill) <= FILL_CHARS else f"{fill[: FILL_CHARS - 1]}…")
        yield "  " if position else ""
        yield (shown, "cyan") if shown else ("nothing", "dim")
        yield (f" ({', '.join(numbers)})", "dim")
    if len(members) > SHOWN_FILLS:
        yield f"  and {len(members) - SHOWN_FILLS} others"


def _print_beside(difference: Explanation, member: int) -> None:
    show.console.print(Text.assemble("\n", ("- medoid", "red"), "  ", (f"+ member {member}", "green")))
    for line in difference.lines:
        if line.kind == SAME and line.b is not None:
            show.console.print(_row("  ", line.b, ""), soft_wrap=True)
            continue
        for mark, parts, colour in (("- ", line.a, "red"), ("+ ", line.b, "green")):
            if parts is not None:
                show.console.print(_row(mark, parts, colour), soft_wrap=True)


def _row(mark: str, parts: tuple[Part, ...], colour: str) -> Text:
    return Text.assemble(
        (mark, colour), *((show.plain(part.text), f"bold {colour}" if part.is_different else "") for part in parts)
    )


def _count(n: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{n:,} {what if n == 1 else plural}"
