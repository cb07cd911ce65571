"""`stemma similar`: copies of one piece of code. How they are found lives in `stemma.match`.

Imports are made where they are needed: the command is called often, and most of what a call costs is start-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich.text import Text

from stemma.cli import show
from stemma.config import Settings, load_settings
from stemma.errors import NotFoundError, StemmaError

if TYPE_CHECKING:
    from stemma.embed.base import Embedder
    from stemma.match.given import Given
    from stemma.match.index import Index

PLACES_SHOWN = 3


def similar(
    target: Annotated[str, typer.Argument(help="file:name, file:line, file, or - for standard input.")],
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Patterns to show at most, for each definition.")] = 10,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Least score, 0 to 1; by default the calibrated.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language of the code, where its name does not tell.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show line by line what differs.")] = False,
    as_json: show.Json = False,
) -> None:
    """Copies of a piece of code among all that is indexed, whether or not it is indexed itself."""
    from stemma.match.given import read_given
    from stemma.match.similar import find_similar

    settings = load_settings()
    given = read_given(target, settings, language=language)
    index, remark = _index(settings)
    least = settings.match_threshold if min_score is None else min_score
    embedder = _embedder(settings, index)
    rows = find_similar(index, given, embedder, limit=limit, min_score=least, weights=settings.match_weights)
    if remark:
        show.errors.print(remark, style="dim", markup=False, highlight=False)
    if as_json:
        show.frame(rows, as_json=True)
        return
    is_copy = pl.col("language") == given.language
    alike, several = rows.filter(~is_copy), rows["definition"].n_unique() > 1
    empty = f"No copy of it among {len(index):,} patterns indexed {index.about['built_at']}."
    title = f"Copies of {show.plain(target)}"
    show.frame(_shown(rows.filter(is_copy), several), as_json=False, title=title, empty=empty)
    if not alike.is_empty():
        show.frame(_shown(alike, several, "language"), as_json=False, title="Alike in meaning, in other languages")
    told = [] if rows.is_empty() else [f"Among {len(index):,} patterns as of {index.about['built_at']}."]
    for line in told + _unknown(settings, embedder, index):
        show.console.print(line, style="dim", highlight=False)
    if explain:
        _explain(index, given, rows)


def _index(settings: Settings) -> tuple[Index, str | None]:
    """The published index; or one made now from Postgres, and a sentence that says so."""
    from stemma.match.index import open_index

    try:
        return open_index(settings), None
    except NotFoundError as error:
        from stemma.match.publish import read_index
        from stemma.store import open_database

        with open_database(settings) as database:
            return read_index(database, None), f"{error.problem} Asked Postgres instead, without vectors. {error.hint}"


def _embedder(settings: Settings, index: Index) -> Embedder | None:
    from stemma.embed import open_embedder

    if index.about["embedder"] is None:
        return None
    try:
        embedder = open_embedder(settings)
    except StemmaError as error:
        show.errors.print(show.plain(f"Compared without vectors: {error.problem}"), style="dim", markup=False)
        return None
    if embedder.name != index.about["embedder"]:
        told = f"Compared without vectors: the index holds those of {index.about['embedder']}, not {embedder.name}."
        show.errors.print(show.plain(f"{told} Run: stemma run"), style="dim", markup=False, highlight=False)
    return embedder


def _unknown(settings: Settings, embedder: Embedder | None, index: Index) -> list[str]:
    """Why nothing is known of what does the same in other languages, where nothing is."""
    from stemma.match.calibration import calibration

    why = None
    if embedder is None or embedder.name != index.about["embedder"]:
        why = "it takes vectors"
    elif settings.match_weights is not None:
        why = "under weights of one's own nothing says how probable it is"
    elif calibration().rule_for(embedder.name) is None:
        why = f"how probable it is was not measured for the embedder {embedder.name}"
    return [] if why is None else [f"What does the same in other languages is unknown: {why}."]


def _explain(index: Index, given: Given, rows: pl.DataFrame) -> None:
    """The lines of each row's pattern that are not those of the definition; of another language none corresponds."""
    from stemma.match.explain import SAME, explain_pair

    definitions = given.definitions.join(given.patterns.select("pattern_id", "code"), on="pattern_id")
    code_of = dict(definitions.select("ordinal", "code").iter_rows())
    for row in rows.iter_rows(named=True):
        at = index.row_of(row["pattern_id"])
        if at is None:
            continue
        place = row["places"][0]
        head = f"{row['clone_type']}  {place['repository']}/{place['path']}:{place['start_line']}"
        show.console.print(Text.assemble("\n", (show.plain(head), "bold"), "  ", show.plain(row["why"])))
        if row["language"] != given.language:
            continue
        for line in explain_pair(code_of[row["ordinal"]], index.codes[at], row["language"]).lines:
            for mark, parts, colour in (("-", line.a, "red"), ("+", line.b, "green")):
                if line.kind != SAME and parts is not None:
                    text = "".join(part.text for part in parts)
                    show.console.print(Text(f"{mark} {show.plain(text)}", colour), soft_wrap=True)


def _shown(rows: pl.DataFrame, is_several: bool, *more_columns: str) -> pl.DataFrame:
    """The columns people read; of the places the first few."""
    place = pl.element().struct
    where = pl.format(
        "{}/{}:{} {}", place.field("repository"), place.field("path"), place.field("start_line"), place.field("name")
    )
    places = pl.col("places").list.head(PLACES_SHOWN).list.eval(where).list.join(", ")
    more = pl.col("places").list.len().cast(pl.Int64) - PLACES_SHOWN
    return rows.select(
        *(["definition"] if is_several else []),
        pl.col("clone_type").alias("type"),
        *more_columns,
        "score",
        "probability",
        pl.when(more > 0).then(pl.format("{} and {} more", places, more)).otherwise(places).alias("where"),
        "why",
    )
