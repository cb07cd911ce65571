"""`stemma report`: reports on what the quorum judged. What they say, and how they are kept: `stemma.quorum.reports`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer

from stemma.cli import files, show
from stemma.config import Settings, load_settings
from stemma.errors import NotFoundError
from stemma.store import open_database

if TYPE_CHECKING:
    from stemma.quorum.reports.model import Report, Trend
    from stemma.quorum.reports.stored import About
    from stemma.store.postgres import Database

app = typer.Typer(help="Make, keep and compare reports on what the quorum judged.", no_args_is_help=True)

Repo = Annotated[str | None, typer.Argument(help="Repository by name, id or path; by default all of them.")]
Form = Annotated[
    str | None,
    typer.Option("--format", help="json, markdown, html, csv or sarif; by default what --output ends in, or markdown."),
]
Out = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write there, not to standard output.")]
Branch = Annotated[str | None, typer.Option(help="Only reports of this branch.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the report, or its first 6 digits or more.")]


@app.command()
def make(
    repo: Annotated[
        str | None,
        typer.Argument(
            help="Repository by name, id or path, or a path that is not registered; by default all of them."
        ),
    ] = None,
    *,
    form: Form = None,
    out: Out = None,
    save: Annotated[bool, typer.Option("--save", help="Keep it, to be shown and compared later.")] = False,
    branch: Annotated[str | None, typer.Option(help="Branch that was judged, where the checkout cannot tell.")] = None,
    gates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take in what `stemma gates --json` printed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Texts to tell one by one; all are counted.")] = 1_000,
) -> None:
    """A report on the verdicts in force: what was judged, what came of it, and how far to believe it.

    Of a registered repository as it was read last, or of all of them. A checkout or folder that is not registered is
    judged as it stands on disk, without a database. An existing --output file is replaced in one step.
    """
    from stemma.quorum.reports import stored
    from stemma.quorum.reports.forms import form_of
    from stemma.quorum.reports.gate_results import read_gates

    settings = load_settings()
    written = form_of(form, out)
    results = read_gates(gates) if gates else None
    with ExitStack() as stack:
        database = None
        if save or not (_is_place(repo) and _has_no_database(settings)):
            database = stack.enter_context(open_database(settings))
        report = _build(database, settings, repo, branch=branch, gates=results, limit=limit)
        is_new = stored.save(database, report) if save and database else None
        report = stored.with_trends(database, report) if database else report
    _write(report, written, out)
    if is_new is not None:
        told = "Saved" if is_new else "This report was saved before"
        show.errors.print(f"{told}: {report.report_id}", markup=False, highlight=False)


def _build(database: Database | None, settings: Settings, repo: str | None, **wanted: Any) -> Report:
    """The report on a registered repository, or on the place of that name on disk where none is called so."""
    from stemma.git import registry
    from stemma.quorum.reports.build import build_report
    from stemma.quorum.reports.folder import report_on_folder

    if database is not None:
        try:
            return build_report(database, registry.find(database, repo, settings) if repo else None, **wanted)
        except NotFoundError:
            if not _is_place(repo):
                raise
    return report_on_folder(settings, Path(repo or "."), **wanted)


def _is_place(repo: str | None) -> bool:
    return repo is not None and Path(repo).exists()


def _has_no_database(settings: Settings) -> bool:
    from stemma.store import embedded

    return settings.database_url is None and not embedded.status(settings).is_created


@app.command("list")
def list_(
    repo: Repo = None,
    *,
    branch: Branch = None,
    limit: show.Limit = 50,
    as_json: show.Json = False,
) -> None:
    """The saved reports, the newest first."""
    from stemma.quorum.reports import stored

    with open_database(load_settings()) as database:
        rows = stored.list_reports(database, _repo_id(database, repo), branch, limit)
    columns = ["created_at", "name", "branch", "n_texts", "share_accepted", "share_rejected", "share_needs_review"]
    shown = rows.select(pl.col("report_id").str.head(12), pl.col("sha").str.head(10).alias("commit"), *columns)
    show.frame(
        rows if as_json else shown, as_json=as_json, empty="No report was saved. Save one: stemma report make --save"
    )


@app.command("show")
def show_(report_id: Id, *, form: Form = None, out: Out = None) -> None:
    """A saved report again, in any format."""
    from stemma.quorum.reports import stored
    from stemma.quorum.reports.forms import form_of

    written = form_of(form, out)
    with open_database(load_settings()) as database:
        report = stored.load(database, report_id)
    _write(report, written, out)


@app.command()
def delete(report_id: Id) -> None:
    """Delete a saved report. What it was made from is not touched."""
    from stemma.quorum.reports import stored

    with open_database(load_settings()) as database:
        found = stored.delete(database, report_id)
    show.console.print(f"Deleted report {found}.", markup=False, highlight=False)


@app.command()
def trend(
    repo: Repo = None,
    *,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Only this figure; may be given more than once.")
    ] = None,
    branch: Branch = None,
    as_json: show.Json = False,
) -> None:
    """Whether the figures of saved reports improve or decline, by more than a margin that is told."""
    from stemma.quorum.reports import stored
    from stemma.quorum.reports.trends import METRICS

    with open_database(load_settings()) as database:
        found = stored.trends(database, _about(database, repo, branch), tuple(metric or METRICS))
    if as_json:
        show.value([one.model_dump(mode="json") for one in found])
        return
    show.frame(pl.DataFrame([_row(one) for one in found]), as_json=False)


def _row(one: Trend) -> dict[str, Any]:
    last = next((point.value for point in reversed(one.points) if point.value is not None), None)
    return {
        "metric": one.metric,
        "movement": one.movement,
        "last": last,
        "points": sum(point.value is not None for point in one.points),
        "told": one.reason,
    }


def _repo_id(database: Database, repo: str | None) -> str | None:
    from stemma.git import registry

    return registry.find(database, repo, load_settings()).repo_id if repo else None


def _about(database: Database, repo: str | None, branch: str | None) -> About:
    from stemma.quorum.reports.stored import About

    repo_id = _repo_id(database, repo)
    return About("repository" if repo_id else "all", repo_id or "", branch=branch or "")


def _write(report: Report, form: str, out: Path | None) -> None:
    from stemma.quorum.reports import forms

    written = forms.write(report, form)
    if out is None:
        show.lines([written.removesuffix("\n")])
        return
    files.replace(out, written, "--output")
    show.errors.print(f"{report.report_id[:12]}: {show.plain(str(out))}", markup=False, highlight=False)
