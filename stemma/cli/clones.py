"""`stemma clones`: copied code in a checkout as text, JSON or SARIF. How it is found lives in `stemma.match.clones`."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemma.cli import files, show
from stemma.config import Settings, load_settings
from stemma.errors import ConfigError, GateError

if TYPE_CHECKING:
    from stemma.embed.base import Embedder
    from stemma.match.clones import Clones, Wanted

MEMBERS_SHOWN, FILES_SHOWN = 10, 10

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
    semantic: Annotated[
        bool, typer.Option("--semantic", help="Functions of two languages that do the same, too.")
    ] = False,
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
    found = _find(settings, path, new_since, wanted, frozenset(categories))
    if form == "text":
        _write_text(found, new_since, limit, output)
    else:
        _write(to_sarif(found) if form == "sarif" else _document(found, new_since), output)
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


def _find(settings: Settings, path: Path, new_since: str | None, wanted: Wanted, categories: frozenset[str]) -> Clones:
    from stemma.embed import open_embedder
    from stemma.extract.checkout import read_checkout
    from stemma.git.worktree import lines_since, read_worktree
    from stemma.match.clones import SEMANTIC, find_clones, is_test_path

    is_semantic = SEMANTIC in wanted.types
    embedder = open_embedder(settings) if is_semantic else None
    if embedder is not None:
        _check_semantic(settings, embedder)
    with show.progress_bars():
        tree = read_worktree(path)
        new_lines = None if new_since is None else lines_since(tree, new_since)
        kept = tree.files.filter(pl.col("category").is_in(categories))
        n_left = {"vendored_files": tree.files.height - kept.height, "test_files": 0}
        if not wanted.with_tests:  # what is left out need not be parsed
            is_test = pl.Series([is_test_path(path) for path in kept["path"]], dtype=pl.Boolean)
            n_left["test_files"] = int(is_test.sum())
            kept = kept.filter(~is_test)
        checkout = read_checkout(replace(tree, files=kept), settings, with_code=is_semantic)
        found = find_clones(checkout, wanted, new_lines=new_lines, embedder=embedder)
    unread = pl.DataFrame({"path": tree.unreadable, "reason": ["permission denied"] * len(tree.unreadable)}, _PROBLEM)
    counts = {**found.counts, **{f"left_out_{name}": n for name, n in n_left.items()}}
    return replace(found, problems=pl.concat([found.problems, unread]), counts=counts)


def _check_semantic(settings: Settings, embedder: Embedder) -> None:
    """Say where nothing would be found, for nobody knows from which likeness on code means the same."""
    from stemma.match.calibration import calibration

    if settings.match_weights is None and calibration().rule_for(embedder.name) is None:
        raise ConfigError(
            f"Matches in meaning are not calibrated for the embedder {embedder.name}.",
            "Leave out --semantic, or set match_weights and match_threshold.",
        )


_PROBLEM = {"path": pl.String, "reason": pl.String}


def _document(found: Clones, since: str | None) -> dict[str, Any]:
    """The JSON form; README.md describes it."""
    members = {
        key: rows.drop("class_id").to_dicts()
        for (key,), rows in found.members.partition_by("class_id", as_dict=True).items()
    }
    return {
        "format": 1,
        "since": since,
        "counts": {**found.counts, "classes": found.classes.height, "members": found.members.height},
        "classes": [{**row, "members": members[row["class_id"]]} for row in found.classes.iter_rows(named=True)],
        "files": found.files.filter(pl.col("n_duplicated_lines") > 0).to_dicts(),
        "problems": found.problems.to_dicts(),
    }


def _write(document: dict[str, Any], output: Path | None) -> None:
    if output is None:
        show.value(document)
        return
    files.replace(output, json.dumps(document, indent=2, ensure_ascii=False) + "\n", "--output")


def _write_text(found: Clones, since: str | None, limit: int, output: Path | None) -> None:
    if output is None:
        _print(show.console, found, since, limit)
        return
    text = io.StringIO()
    _print(Console(file=text, no_color=True, width=120), found, since, limit)
    files.replace(output, text.getvalue(), "--output")


def _print(console: Console, found: Clones, since: str | None, limit: int) -> None:
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
    _print_counts(console, found, since)


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


def _print_counts(console: Console, found: Clones, since: str | None) -> None:
    counts = found.counts
    new = f" with lines that are new since {since}" if since is not None else ""
    share = counts["duplicated_lines"] / counts["lines"] if counts["lines"] else 0
    told = [
        f"{found.classes.height:,} clone classes{new}, {found.members.height:,} members; "
        f"{counts['duplicated_lines']:,} of {counts['lines']:,} lines ({share:.1%}) in {counts['files']:,} files.",
        f"Compared {counts['compared']:,} definitions; left out: {counts['left_out_trivial']:,} trivial, "
        f"{counts['left_out_small']:,} below the size, {counts['left_out_tests']:,} tests; of files "
        f"{counts['left_out_test_files']:,} of tests, {counts['left_out_vendored_files']:,} vendored or generated.",
    ]
    if not found.problems.is_empty():
        named = ", ".join(f"{row['path']} ({row['reason']})" for row in found.problems.head(5).iter_rows(named=True))
        more = ", ..." if found.problems.height > 5 else ""
        told.append(f"{found.problems.height:,} files were not read whole: {named}{more}")
    for line in told:
        console.print(show.plain(line), markup=False, highlight=False, soft_wrap=True)
