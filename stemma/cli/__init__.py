"""The `stemma` command: thin, one module a group of commands. What a command does lives in the domain rooms.

Exit codes: 0 done, 1 unforeseen failure, 2 wrong usage or setting, 3 a repository or file cannot be read,
4 a store refuses, 5 a blocking gate stopped the run, 6 another process is at work, 7 not found, 130 interrupted.
"""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from stemma.cli import ask, doctor, repo, run, up
from stemma.cli.show import errors, plain
from stemma.errors import StemmaError

app = typer.Typer(
    name="stemma",
    help="The family tree of code: which pieces are copies of which, whether they are any good, where each came from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=" ".join((__doc__ or "").split("Exit codes:")[1].split()).join(("Exit codes: ", "")),
)
app.add_typer(repo.app, name="repo")
for command in (run.run, run.status, up.up, ask.families, ask.lineage, ask.verdict, doctor.doctor):
    app.command()(command)
# A query may begin with a comment, which looks like an option.
app.command(context_settings={"ignore_unknown_options": True})(ask.sql)


def main() -> None:
    """Run the command line; every foreseen error is one sentence on standard error and its own exit code."""
    try:
        app()
    except StemmaError as error:
        errors.print(f"[red]Error:[/] {escape(plain(error.problem))}", highlight=False)
        if error.hint:
            errors.print(f"[dim]Next:[/] {escape(plain(error.hint))}", highlight=False)
        sys.exit(error.exit_code)
