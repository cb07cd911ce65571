"""The `stemma` command: thin, one module a group of commands. What a command does lives in the domain rooms.

Exit codes: 0 done, 1 unforeseen failure, 2 wrong usage or setting, 3 a repository or file cannot be read,
4 a store refuses, 5 a blocking gate stopped the run or `clones --fail-on` found too many, 6 another process is at work,
7 not found, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markup import escape

from stemma.cli.show import errors, plain
from stemma.errors import StemmaError

COMMANDS = {
    "repo": "repo",
    "run": "run",
    "status": "run",
    "up": "up",
    "similar": "copies",
    "clones": "clones",
    "gates": "gates",
    "families": "ask",
    "diff-family": "family",
    "lineage": "lineage",
    "origin": "attribution",
    "attribution": "attribution",
    "drift": "drift",
    "archive": "archive",
    "verdict": "verdict",
    "review": "review",
    "calibrate": "calibrate",
    "report": "report",
    "doctor": "doctor",
    "sql": "ask",
}
"""Module of each command, in the order help shows them. The function is called as the command is, `-` written `_`."""

# A query may begin with a comment, which looks like an option.
_CONTEXTS: dict[str, dict[str, Any]] = {"sql": {"ignore_unknown_options": True}}


def build(wanted: str | None = None) -> typer.Typer:
    """The command line: whole, or with the one command that was asked for. All of them are a second of imports."""
    app = typer.Typer(
        name="stemma",
        help="The family tree of code: which pieces are copies of which, whether they are any good, where each came "
        "from.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        epilog=" ".join((__doc__ or "").split("Exit codes:")[1].split()).join(("Exit codes: ", "")),
    )
    for name in [wanted] if wanted in COMMANDS else COMMANDS:
        module = import_module(f"stemma.cli.{COMMANDS[name]}")
        if name == COMMANDS[name] and hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name, context_settings=_CONTEXTS.get(name))(getattr(module, name.replace("-", "_")))
    app.callback()(_program)  # which also keeps a single command from being the program itself
    return app


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"stemma {version('codestemma')}")
        raise typer.Exit


def _program(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every foreseen error is one sentence on standard error and its own exit code."""
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)()
    except StemmaError as error:
        errors.print(f"[red]Error:[/] {escape(plain(error.problem))}", highlight=False)
        if error.hint:
            errors.print(f"[dim]Next:[/] {escape(plain(error.hint))}", highlight=False)
        sys.exit(error.exit_code)


def __getattr__(name: str) -> typer.Typer:
    if name == "app":  # the whole of it, for whoever asks what commands there are
        return build()
    raise AttributeError(name)
