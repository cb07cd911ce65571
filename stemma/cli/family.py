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
from stemma.match.texts import texts_of
from stemma.store import open_database

MAX_PLACES = 1_000
SHOWN_PLACES = 3  # of each member
SHOWN_FILLS = 8  # of each hole
FILL_CHARS = 60


def diff_family(
    reference: Annotated[
        str, typer.Argument(metavar="FAMILY", help="Family id, its first 6 digits or more, or its name.")
    ],
    member: Annotated[
        int | None, typer.Option("--member", min=2, help="Show this member beside the first, line by line.")
    ] = None,
    as_json: show.Json = False,
) -> None:
    """What the members of a family share, and where they differ: its skeleton, with what fills each hole."""
    settings = load_settings()
    with open_database(settings) as database:
        found = family(database, reference, max_members=MAX_MEMBERS, max_places=MAX_PLACES)
        if found.has_one_pattern:
            texts = texts_of(database, settings, found.facts["medoid_pattern_id"], most=MAX_MEMBERS)
            found = found if texts.is_empty() else found.by_text(texts)
    codes, language = found.members["code"].to_list(), found.facts["language"]
    if member is not None and member > len(codes):
        raise ConfigError(f"There are members 1 to {len(codes)} to show, not {member}.", "1 is the medoid.")
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
    places = found.places.partition_by("member", as_dict=True, include_key=False)
    members = [
        {
            **row,
            "places": places[row["member"],].to_dicts() if (row["member"],) in places else [],
            "difference": None if not number else _told(differences[number - 1]),
        }
        for number, row in enumerate(found.members.drop("code").iter_rows(named=True))
    ]
    pieces = [{"text" if isinstance(piece, str) else "hole": piece} for piece in common.pieces]
    holes = [{"number": hole.number, "fills": list(hole.fills)} for hole in common.holes]
    return {
        **found.facts,
        "members": members,
        "members_are": "texts" if found.has_one_pattern else "patterns",
        "n_members_left_out": _n_left_out(found),
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
    places = found.places.group_by("member", maintain_order=True).agg(where.alias("place"))
    listed = dict(places.iter_rows())
    wide = len(str(len(found.members)))
    for number, row in enumerate(found.members.iter_rows(named=True), start=1):
        stands = listed.get(row["member"], [])[:SHOWN_PLACES]
        more = f" and {row['n_places'] - len(stands):,} more" if row["n_places"] > len(stands) else ""
        near = _nearness(number, row["similarity"], has_one_pattern=found.has_one_pattern)
        told = "" if number == 1 else f"\n{' ' * wide}  {show.plain(differences[number - 2].text)}"
        line = Text.assemble(
            (f"{number:>{wide}}  ", "bold"),
            (show.plain(row["name"]), "bold"),
            f"  {near}, {_count(row['n_lines'], 'line')}: {show.plain(', '.join(stands))}{more}",
            (told, "dim"),
        )
        show.console.print(line, soft_wrap=True)
    if n_more := _n_left_out(found):
        show.console.print(f"{n_more:,} more members are not compared.", style="dim")


def _nearness(number: int, similarity: float | None, *, has_one_pattern: bool) -> str:
    if has_one_pattern:
        return "one pattern"
    return "the medoid" if number == 1 else f"similarity {show.cell(similarity)}"


def _n_left_out(found: Family) -> int:
    every = found.places["exact_hash"].n_unique() if found.has_one_pattern else int(found.facts["n_patterns"])
    return max(every - len(found.members), 0)


def _print_skeleton(found: Family, common: Skeleton) -> None:
    if found.has_one_pattern:
        n_texts = _count(found.places["exact_hash"].n_unique(), "text")
        show.console.print(f"\nAll its places hold one pattern, in {n_texts}: equal up to layout, names, literals.")
    if common.share_common is not None:
        told = f"\nCommon to all: {common.share_common:.0%} of the tokens of the first.\n"
        show.console.print(told, highlight=False)
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
    show.console.print(Text.assemble("\n", ("- member 1", "red"), "  ", (f"+ member {member}", "green")))
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
