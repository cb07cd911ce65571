"""`stemma repo`: which repositories Stemma reads. How they are read lives in `stemma.git`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import polars as pl
import typer

from stemma import runs
from stemma.cli import show
from stemma.config import load_settings
from stemma.git import registry
from stemma.store import open_database

app = typer.Typer(help="Add, list and remove repositories.", no_args_is_help=True)


@app.command()
def add(
    location: Annotated[str, typer.Argument(help="Path of a git repository or plain folder, or a URL to clone.")],
    name: Annotated[str | None, typer.Option(help="Short unique name; by default made from the location.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Free label; may be given more than once.")] = None,
    team: Annotated[str | None, typer.Option(help="Owning team.")] = None,
    as_json: show.Json = False,
) -> None:
    """Register a repository. It is read by the next `stemma run`."""
    settings = load_settings()
    with open_database(settings) as database:
        repo_id = registry.register(database, settings, location, name=name, tags=tuple(tag or ()), team=team)
        repository = registry.find(database, repo_id)
    if as_json:
        show.value(
            {"repo_id": repo_id, "name": repository.name, "kind": repository.kind, "location": repository.location}
        )
    else:
        show.console.print(
            show.plain(f"Registered {repository.kind} {repository.name} ({repository.location})."), markup=False
        )


@app.command("list")
def list_(as_json: show.Json = False) -> None:
    """List the registered repositories."""
    with open_database(load_settings()) as database:
        rows = registry.list_repositories(database)
    shown = ["name", "kind", "location", "status", "status_reason", pl.col("head_sha").str.head(10), "ingested_at"]
    show.frame(
        rows if as_json else rows.select(shown),
        as_json=as_json,
        empty="No repository is registered. Add one: stemma repo add <path or URL>",
    )


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name, id or path of the repository.")], as_json: show.Json = False
) -> None:
    """Forget a repository and everything that only it held. Its files are not touched."""
    settings = load_settings()
    with open_database(settings) as database, runs.hold_lock(database):
        removal = registry.remove(database, settings, name)
    # Their vectors go with the next run, which drops whatever has no live pattern.
    counts = asdict(removal)
    if as_json:
        show.value(counts)
    else:
        told = ", ".join(f"{n:,} {key.removeprefix('n_')}" for key, n in counts.items())
        show.console.print(show.plain(f"Removed {name}; forgotten with it: {told}."), markup=False, highlight=False)
