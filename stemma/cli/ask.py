"""Commands that ask: families, SQL. How the answers are found lives in the domain rooms."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import polars as pl
import typer

from stemma.cli import show
from stemma.config import load_settings
from stemma.errors import ConfigError
from stemma.match import queries as match_queries
from stemma.store import marts, open_database

ID_DIGITS = 10  # of an id, shown to people; commands take a beginning of it

# Columns shown, and what they are in the answer.
_FAMILIES = {
    "name": "name",
    "language": "language",
    "patterns": "n_patterns",
    "places": "n_occurrences",
    "cohesion": "cohesion",
    "repositories": "repositories",
}
_TRIVIAL = {
    "name": "name",
    "language": "language",
    "reason": "trivial_reason",
    "lines": "n_lines",
    "places": "n_occurrences",
    "repositories": "n_repositories",
}


def families(
    repo: Annotated[str | None, typer.Option(help="Only families with a member in this repository.")] = None,
    trivial: Annotated[
        bool, typer.Option("--trivial", help="The patterns left out as trivial that stand in several places, instead.")
    ] = False,
    limit: show.Limit = 20,
    as_json: show.Json = False,
) -> None:
    """Families of copies, the most widely spread first; tiny and generated patterns make none, and are counted."""
    with open_database(load_settings()) as database:
        find = match_queries.trivial if trivial else match_queries.families
        rows = find(database, repo=repo, limit=limit)
        left_out = match_queries.left_out(database, repo=repo)
    if as_json:
        show.value({"trivial" if trivial else "families": rows.to_dicts(), "left_out": left_out.to_dicts()})
        return
    columns = {name: pl.col(of) for name, of in (_TRIVIAL if trivial else _FAMILIES).items()}
    ids = pl.col("pattern_id" if trivial else "family_id").str.head(ID_DIGITS)
    rows = rows.select(**columns, **{"pattern" if trivial else "family": ids})
    title = "Trivial patterns in several places" if trivial else "Families of copies"
    show.frame(rows, as_json=False, title=title, empty="None is known. Run: stemma run")
    if not trivial and not left_out.is_empty():
        counts = ", ".join(f"{n:,} {reason}" for reason, n in left_out.select("reason", "n_patterns").iter_rows())
        show.console.print(f"Left out, in several places but trivial: {counts} (--trivial shows them).", style="dim")


def sql(
    query: Annotated[str | None, typer.Argument(help="One SQL query over the marts.")] = None,
    shell: Annotated[bool, typer.Option("--shell", help="Read queries from the terminal, one after another.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows of a table to show at most; JSON is whole.")] = 200,
    as_json: show.Json = False,
) -> None:
    """Ask the DuckDB marts. Without a query, the tables there are."""
    settings = load_settings()
    if shell and query is not None:
        raise ConfigError("--shell reads its queries from the terminal.", "Leave out the query, or --shell.")
    if shell:
        _shell(limit, as_json=as_json)
    elif query is None:
        show.frame(marts.tables(settings), as_json=as_json, title="Marts")
    else:
        _answer(query, limit, as_json=as_json)


def _answer(query: str, limit: int, *, as_json: bool) -> None:
    rows = marts.query(load_settings(), query)
    show.frame(rows if as_json else rows.head(limit), as_json=as_json, empty="No rows.")
    if not as_json and rows.height > limit:
        show.errors.print(f"[dim]{limit:,} of {rows.height:,} rows; --limit shows more, --json all.[/]")


def _shell(limit: int, *, as_json: bool) -> None:
    """One query a line, or over several lines up to a semicolon; an error is shown and the shell goes on."""
    if sys.stdin.isatty():
        import readline  # noqa: F401  (gives input() its history and editing)

        show.console.print(f"Marts: {os.fspath(marts.path(load_settings()))}. End a query with ';', leave with Ctrl-D.")
    pending: list[str] = []
    while True:
        try:
            line = input(("sql> " if not pending else "...> ") if sys.stdin.isatty() else "")
        except EOFError:
            line = ";" if pending else ""
            if not pending:
                return
        except KeyboardInterrupt:
            pending.clear()
            show.console.print()
            continue
        if not pending and line.strip().lower() in (".quit", ".exit", "quit", "exit"):
            return
        pending.append(line)
        if line.rstrip().endswith(";"):
            query = "\n".join(pending).strip().rstrip(";")
            pending.clear()
            if query.strip():
                try:
                    _answer(query, limit, as_json=as_json)
                except ConfigError as error:
                    show.errors.print(show.plain(str(error)), style="red", markup=False)
