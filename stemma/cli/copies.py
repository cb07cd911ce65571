"""Commands that find copies: `similar` of one piece of code, `clones` of a whole checkout.

How they are found lives in `stemma.match`. Imports are made where they are needed: these commands are called often,
and most of what a call costs is start-up.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemma import progress
from stemma.cli import show
from stemma.config import Settings, load_settings
from stemma.errors import ConfigError, GateError, NotFoundError, StemmaError

if TYPE_CHECKING:
    from stemma.embed.base import Embedder
    from stemma.match.clones import Clones, Wanted
    from stemma.match.given import Given
    from stemma.match.index import Index

PLACES_SHOWN, MEMBERS_SHOWN, FILES_SHOWN = 3, 10, 10


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
    empty = f"No copy of it among {len(index):,} patterns indexed {index.about['built_at']}."
    show.frame(_shown(rows), as_json=False, title=f"Copies of {show.plain(target)}", empty=empty)
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


def _explain(index: Index, given: Given, rows: pl.DataFrame) -> None:
    """The lines of each row's pattern that are not those of the definition."""
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
        for line in explain_pair(code_of[row["ordinal"]], index.codes[at], row["language"]).lines:
            for mark, parts, colour in (("-", line.a, "red"), ("+", line.b, "green")):
                if line.kind != SAME and parts is not None:
                    text = "".join(part.text for part in parts)
                    show.console.print(Text(f"{mark} {show.plain(text)}", colour), soft_wrap=True)


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns people read; of the places the first few."""
    place = pl.element().struct
    where = pl.format(
        "{}/{}:{} {}", place.field("repository"), place.field("path"), place.field("start_line"), place.field("name")
    )
    places = pl.col("places").list.head(PLACES_SHOWN).list.eval(where).list.join(", ")
    more = pl.col("places").list.len().cast(pl.Int64) - PLACES_SHOWN
    several = [pl.col("definition")] if rows["definition"].n_unique() > 1 else []
    return rows.select(
        *several,
        pl.col("clone_type").alias("type"),
        "score",
        "probability",
        pl.when(more > 0).then(pl.format("{} and {} more", places, more)).otherwise(places).alias("where"),
        "why",
    )


Types = Annotated[str, typer.Option("--type", help="Clone types to look for: 1, 2, 3, in any number.")]
Format = Annotated[str, typer.Option("--format", help="text, json or sarif (SARIF 2.1.0).")]


def clones(
    path: Annotated[Path, typer.Argument(help="A checkout, a folder, or a part of one.")] = Path(),
    *,
    new_since: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Only clones with a side in lines changed since REV parted from HEAD."),
    ] = None,
    fail_on: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="End with exit code 5 when N clone classes or more are found."),
    ] = None,
    min_tokens: Annotated[int, typer.Option(min=0, help="Leave out definitions of fewer tokens.")] = 50,
    types: Types = "1,2,3",
    semantic: Annotated[bool, typer.Option("--semantic", help="Look for code that does the same as well.")] = False,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score of Type-3, 0 to 1; by default the calibrated one.")
    ] = None,
    include_tests: Annotated[bool, typer.Option("--include-tests", help="Compare tests too.")] = False,
    include_trivial: Annotated[
        bool, typer.Option("--include-trivial", help="Compare getters and the like too.")
    ] = False,
    include_vendored: Annotated[bool, typer.Option("--include-vendored", help="Compare vendored files too.")] = False,
    include_generated: Annotated[
        bool, typer.Option("--include-generated", help="Compare generated files too.")
    ] = False,
    form: Format = "text",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there, not to standard output.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Classes that text shows; JSON and SARIF hold all.")
    ] = 20,
) -> None:
    """Copied code in a checkout, without a database: for people, and for a pipeline to fail on new copies.

    Reads what git tracks or could track, and no vendored, generated or test files unless asked to. Type-1: the same
    tokens; Type-2: up to names and literals; Type-3: edited. A clone is a class of definitions that are alike, told
    once however many members it has; what lies inside a larger copy is not told again.
    """
    from stemma.match import clones as found_in
    from stemma.match.sarif import to_sarif

    if form not in ("text", "json", "sarif"):
        raise ConfigError(f"'{form}' is no format.", "Choose text, json or sarif.")
    settings = load_settings()
    wanted = found_in.Wanted(
        types=_types(types, semantic=semantic),
        min_tokens=min_tokens,
        with_tests=include_tests,
        with_trivial=include_trivial,
        threshold=settings.match_threshold if min_score is None else min_score,
        weights=settings.match_weights,
    )
    categories = {"source"} | ({"vendored"} if include_vendored else set())
    categories |= {"generated", "minified"} if include_generated else set()
    found, n_left = _find(settings, path, new_since, wanted, frozenset(categories))
    counts = {**found.counts, "left_out_files": n_left}
    if form == "text":
        _write_text(found, counts, new_since, limit, output)
    else:
        _write(to_sarif(found) if form == "sarif" else _document(found, counts, new_since), output)
    if fail_on is not None and found.classes.height >= fail_on:
        new = "new " if new_since else ""
        raise GateError(
            f"{found.classes.height:,} {new}clone classes were found; --fail-on allows {fail_on - 1}.",
            "Call one of the copies from the others, or allow more.",
        )


def _types(text: str, *, semantic: bool) -> frozenset[str]:
    chosen = {part.strip() for part in text.split(",") if part.strip()}
    if not chosen or not chosen <= {"1", "2", "3"}:
        raise ConfigError(f"'{text}' names no clone types.", "Give some of 1, 2 and 3, as in --type 1,2.")
    return frozenset(f"type-{number}" for number in chosen) | ({"semantic"} if semantic else set())


def _find(
    settings: Settings, path: Path, new_since: str | None, wanted: Wanted, categories: frozenset[str]
) -> tuple[Clones, int]:
    from stemma.embed import open_embedder
    from stemma.extract.checkout import read_checkout
    from stemma.git.worktree import lines_since, read_worktree
    from stemma.match.clones import SEMANTIC, find_clones

    is_semantic = SEMANTIC in wanted.types
    embedder = open_embedder(settings) if is_semantic else None
    if embedder is not None:
        _check_semantic(settings, embedder)
    with _progress():
        tree = read_worktree(path)
        new_lines = None if new_since is None else lines_since(tree, new_since)
        kept = tree.files.filter(pl.col("category").is_in(categories))
        checkout = read_checkout(replace(tree, files=kept), settings, with_code=is_semantic)
        found = find_clones(checkout, wanted, new_lines=new_lines, embedder=embedder)
    unread = pl.DataFrame({"path": tree.unreadable, "reason": ["permission denied"] * len(tree.unreadable)}, _PROBLEM)
    return replace(found, problems=pl.concat([found.problems, unread])), tree.files.height - kept.height


def _check_semantic(settings: Settings, embedder: Embedder) -> None:
    """Say where nothing would be found, for nobody knows from which likeness on code means the same."""
    from stemma.match.calibration import calibration

    rule = calibration().semantic
    if settings.match_weights is None and (rule is None or rule.embedder != embedder.name):
        raise ConfigError(
            f"Matches in meaning are not calibrated for the embedder {embedder.name}.",
            "Leave out --semantic, or set match_weights and match_threshold.",
        )


_PROBLEM = {"path": pl.String, "reason": pl.String}


@contextmanager
def _progress() -> Iterator[None]:
    """Bars for what the library tells of its progress, where standard error is a terminal."""
    if not show.errors.is_terminal:
        yield
        return
    from stemma.cli.bars import Bars

    with Bars(show.errors) as bars, progress.told_to(bars.draw):
        yield


def _document(found: Clones, counts: dict[str, int], since: str | None) -> dict[str, Any]:
    """The JSON form; README.md describes it."""
    members = {
        key: rows.drop("class_id").to_dicts()
        for (key,), rows in found.members.partition_by("class_id", as_dict=True).items()
    }
    return {
        "format": 1,
        "since": since,
        "counts": {**counts, "classes": found.classes.height, "members": found.members.height},
        "classes": [{**row, "members": members[row["class_id"]]} for row in found.classes.iter_rows(named=True)],
        "files": found.files.filter(pl.col("n_duplicated_lines") > 0).to_dicts(),
        "problems": found.problems.to_dicts(),
    }


def _write(document: dict[str, Any], output: Path | None) -> None:
    if output is None:
        show.value(document)
        return
    _replace(output, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _replace(output: Path, text: str) -> None:
    """Write a file whole or not at all."""
    aside = output.with_name(f"{output.name}.{os.getpid()}.writing")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(output)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigError(f"{output} cannot be written: {error.strerror}.", "Give another file to --output.") from error


def _write_text(found: Clones, counts: dict[str, int], since: str | None, limit: int, output: Path | None) -> None:
    if output is None:
        _print(show.console, found, counts, since, limit)
        return
    text = io.StringIO()
    _print(Console(file=text, no_color=True, width=120), found, counts, since, limit)
    _replace(output, text.getvalue())


def _print(console: Console, found: Clones, counts: dict[str, int], since: str | None, limit: int) -> None:
    members = found.members.partition_by("class_id", as_dict=True)
    for row in found.classes.head(limit).iter_rows(named=True):
        alike = "" if row["similarity"] is None else f", {row['similarity']:.0%} alike"
        console.print(
            Text.assemble(
                (row["clone_type"], _COLOURS[row["clone_type"]]), "  ", (show.plain(row["name"]), "bold"),
                f"  {row['n_members']} × {row['n_lines']} lines, {row['n_tokens']} tokens, {row['language']}{alike}",
            ),
            soft_wrap=True,
        )  # fmt: skip
        for place in members[row["class_id"],].head(MEMBERS_SHOWN).iter_rows(named=True):
            where = f"{show.plain(place['path'])}:{place['start_line']}-{place['end_line']}"
            mark = ("  new", "yellow") if since is not None and place["is_new"] else ""
            console.print(
                Text.assemble("  ", where, (f"  {show.plain(place['qualified_name'])}", "dim"), mark), soft_wrap=True
            )
        if row["n_members"] > MEMBERS_SHOWN:
            console.print(f"  and {row['n_members'] - MEMBERS_SHOWN:,} more", style="dim")
    if found.classes.height > limit:
        console.print(f"and {found.classes.height - limit:,} more classes; --limit shows more, --format json all")
    _print_files(console, found.files)
    _print_counts(console, found, counts, since)


_COLOURS = {"type-1": "bold red", "type-2": "bold magenta", "type-3": "bold yellow", "semantic": "bold cyan"}


def _print_files(console: Console, files: pl.DataFrame) -> None:
    share = pl.col("n_duplicated_lines") / pl.col("n_lines")
    worst = files.filter(pl.col("n_duplicated_lines") > 0).with_columns(share=share).head(FILES_SHOWN)
    if worst.is_empty():
        return
    table = Table(title="Files with most lines in clones", title_justify="left", header_style="bold")
    table.add_column("file", overflow="fold")
    for name in ("lines", "in clones", "share"):
        table.add_column(name, justify="right")
    for row in worst.iter_rows(named=True):
        counted = (f"{row['n_lines']:,}", f"{row['n_duplicated_lines']:,}", f"{row['share']:.1%}")
        table.add_row(Text(show.plain(row["path"])), *counted)
    console.print(table)


def _print_counts(console: Console, found: Clones, counts: dict[str, int], since: str | None) -> None:
    new = f" with lines that are new since {since}" if since is not None else ""
    share = counts["duplicated_lines"] / counts["lines"] if counts["lines"] else 0
    told = [
        f"{found.classes.height:,} clone classes{new}, {found.members.height:,} members; "
        f"{counts['duplicated_lines']:,} of {counts['lines']:,} lines ({share:.1%}) in {counts['files']:,} files.",
        f"Compared {counts['compared']:,} definitions; left out: {counts['left_out_tests']:,} in tests, "
        f"{counts['left_out_trivial']:,} trivial, {counts['left_out_small']:,} below the size; "
        f"{counts['left_out_files']:,} vendored or generated files.",
    ]
    if not found.problems.is_empty():
        named = ", ".join(f"{row['path']} ({row['reason']})" for row in found.problems.head(5).iter_rows(named=True))
        more = ", ..." if found.problems.height > 5 else ""
        told.append(f"{found.problems.height:,} files were not read whole: {named}{more}")
    for line in told:
        console.print(show.plain(line), markup=False, highlight=False, soft_wrap=True)
