"""How the command line prints: tables for people, JSON for programs. What is printed comes from the commands."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import polars as pl
import polars.selectors as cs
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemma import progress


class _Printer(Console):
    def on_broken_pipe(self) -> None:
        """`stemma ... | head`: the reader has had enough, which is no failure."""
        stop_writing()


def stop_writing() -> None:
    """End well, without a word to a standard output that nobody reads."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)


console = _Printer()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Rows to show at most.")]

ELLIPSIS_AT = 80
# Those that turn the direction of writing round are among them: they let code read as what it is not (CVE-2021-42574).
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), *_TURNING], "\N{REPLACEMENT CHARACTER}")
NARROW = 12  # a column may be folded to this width, and stays readable


@contextmanager
def progress_bars() -> Iterator[None]:
    """Bars for what the library tells of its progress, where standard error is a terminal."""
    if not errors.is_terminal:
        yield
        return
    from stemma.cli.bars import Bars

    with Bars(errors) as bars, progress.told_to(bars.draw):
        yield


def frame(rows: pl.DataFrame, *, as_json: bool, title: str | None = None, empty: str = "Nothing to show.") -> None:
    """Print a frame as a JSON array of objects or as a table, or as one record after another where it is too wide."""
    if as_json:
        numbers = cs.float()  # JSON has no word for what is not a finite number: it is null
        value(rows.with_columns(pl.when(numbers.is_finite()).then(numbers)).to_dicts())
        return
    if rows.is_empty():
        console.print(empty)
        return
    cells = [[cell(item) for item in row] for row in rows.iter_rows()]
    widths = [
        max(len(name), *map(len, column)) for name, column in zip(rows.columns, zip(*cells, strict=True), strict=True)
    ]
    if sum(min(width, NARROW) + 3 for width in widths) > console.width:
        _records(rows.columns, cells, title)
    else:
        _table(rows.schema, cells, title)


def _table(schema: pl.Schema, cells: list[list[str]], title: str | None) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name, kind in schema.items():
        table.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _records(names: list[str], cells: list[list[str]], title: str | None) -> None:
    """As psql's expanded display: a table of twenty columns in eighty characters is read by nobody."""
    if title:
        console.print(title, style="italic", markup=False)
    wide = max(map(len, names))
    for row in cells:
        console.rule(style="dim")
        for name, text in zip(names, row, strict=True):
            console.print(Text.assemble((f"{name:<{wide}}  ", "bold"), text))


def value(data: Any) -> None:
    """Print any value as JSON; times in ISO 8601, unknown as null."""
    try:
        json.dump(data, sys.stdout, indent=2, default=_plain, ensure_ascii=False)
        sys.stdout.write("\n")
        sys.stdout.flush()  # a reader that is gone is met here, and not at the interpreter's end
    except BrokenPipeError:
        stop_writing()


def lines(texts: Iterable[str]) -> None:
    """Print lines for a program, as they are."""
    try:
        for text in texts:
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        stop_writing()


def cell(item: Any) -> str:
    """A value as a table cell: unknown is a dash, long text is cut."""
    match item:
        case None:
            return "–"
        case float():
            return f"{item:.3g}" if abs(item) < 1 else f"{item:,.2f}"
        case int() if not isinstance(item, bool):
            return f"{item:,}"
        case dt.datetime():
            return item.strftime("%Y-%m-%d %H:%M")
        case list():
            return ", ".join(cell(part) for part in item)
        case _:
            text = plain(str(item).replace("\n", " "))
            return text if len(text) <= ELLIPSIS_AT else text[: ELLIPSIS_AT - 1] + "…"


def plain(text: str) -> str:
    """The text without control characters: paths and messages of a repository must not steer the terminal."""
    return text.translate(_CONTROL)


def _plain(item: Any) -> Any:
    return item.isoformat() if isinstance(item, dt.date | dt.datetime) else str(item)
