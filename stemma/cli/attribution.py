"""`stemma origin` and `stemma attribution`: who wrote a piece of code, and that told in the forms of other tools.

How it is found lives in `stemma.attribution`. Imports are made where they are needed, to start quickly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from stemma.cli import show
from stemma.config import load_settings
from stemma.errors import ConfigError

if TYPE_CHECKING:
    from stemma.attribution.queries import Answer
    from stemma.git.repository import Repository
    from stemma.store.postgres import Database

app = typer.Typer(help="Who wrote what, in the forms of other tools.", no_args_is_help=True)


class Form(StrEnum):
    """Forms of an export."""

    AGENT_TRACE = "agent-trace"
    GIT_AI = "git-ai"


@app.callback()
def _attribution() -> None:
    """Keeps a single command from being the group itself."""


@app.command()
def export(
    repo: Annotated[
        str | None, typer.Argument(help="Name, id or path of the repository; all, if none is named.")
    ] = None,
    *,
    form: Annotated[Form, typer.Option("--format", help="Agent Trace records, or git-ai notes.")] = Form.AGENT_TRACE,
    write_notes: Annotated[
        bool, typer.Option("--write-notes", help="Write the git-ai notes into the repository, under refs/notes/ai.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="In place of notes that commits have, too.")] = False,
) -> None:
    """Print who wrote which lines at which commit, one JSON object a line; nothing is written unless you ask for it."""
    from stemma.git import registry
    from stemma.store import open_database

    if write_notes and (form is not Form.GIT_AI or repo is None):
        raise ConfigError("--write-notes writes git-ai notes into one repository.", "Name it, with --format git-ai.")
    if overwrite and not write_notes:
        raise ConfigError("--overwrite means nothing without --write-notes.", "Leave it out, or add the other.")
    settings = load_settings()
    with open_database(settings) as database:
        names = [repo] if repo else registry.list_repositories(database)["name"].to_list()
        for repository in [registry.find(database, name, settings) for name in names]:
            if write_notes:
                _write_notes(database, repository, overwrite=overwrite)
            else:
                _print(_lines(database, repository, form))


def _lines(database: Database, repository: Repository, form: Form) -> Iterator[str]:
    from stemma.attribution import agent_trace, export, git_ai

    if form is Form.AGENT_TRACE:
        yield from (agent_trace.write_record(record) for record in export.records(database, repository))
        return
    for sha, note in export.notes(database, repository):
        yield json.dumps({"commit": sha, "note": git_ai.write_note(note)}, ensure_ascii=False)


def _print(lines: Iterator[str]) -> None:
    try:
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        show.stop_writing()


def _write_notes(database: Database, repository: Repository, *, overwrite: bool) -> None:
    from stemma.attribution import export, note_writing

    found = export.notes(database, repository)
    n_written, n_kept = note_writing.write_notes(repository, found, overwrite=overwrite)
    told = f"Wrote {n_written:,} notes into {repository.name}; {n_kept:,} commits keep the note they have."
    show.console.print(show.plain(told), markup=False, highlight=False)


def origin(
    element: Annotated[
        str,
        typer.Argument(
            help="file:name, file:line, qualified name, or the first 6 digits of a pattern's or version's id."
        ),
    ],
    *,
    repo: Annotated[str | None, typer.Option(help="Only in this repository.")] = None,
    as_json: show.Json = False,
) -> None:
    """Who wrote a piece of code, as far as evidence tells: every version of it, and the newest line by line."""
    from stemma.attribution.queries import life_of, origins_of
    from stemma.git import registry
    from stemma.references import resolve
    from stemma.store import open_database

    settings = load_settings()
    with open_database(settings) as database:
        repo_id = registry.find(database, repo, settings).repo_id if repo else None
        newest = resolve(database, element, repo_id)["node_id"].to_list()
        answer = origins_of(database, life_of(database, newest))
    if as_json:
        show.value({"versions": answer.origins.to_dicts(), "spans": answer.spans.to_dicts()})
    else:
        _show(answer, newest)


def _show(answer: Answer, newest: list[str]) -> None:
    versions = answer.origins.select(
        pl.col("occurred_at").alias("when"),
        pl.col("sha").str.head(10),
        "path",
        "qualified_name",
        "origin",
        pl.col("agent_share").alias("share"),
        "agent",
        "model",
        pl.col("session_id").alias("session"),
        "matched_by",
        "confidence",
    )
    known = [column.name for column in versions if column.null_count() < versions.height]
    show.frame(versions.select(known), as_json=False, title="Versions, and who wrote them")
    spans = answer.spans.filter(pl.col("node_id").is_in(newest))
    lines = pl.format("{}-{}", "first_line", "last_line").alias("lines")
    told = spans.select(lines, "n_tokens", "origin", "agent", "model", "called_at", "source", "confidence")
    show.frame(
        told, as_json=False, title="Newest version", empty="Of no part of the newest version it is known who wrote it."
    )
