"""`stemma lineage`: where code came from and what became of it. How that is found and drawn lives in `stemma.lineage`.

Imports are made where they are needed: the command is called often, and most of what a call costs is start-up.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemma.cli import files, show
from stemma.config import Settings, load_settings
from stemma.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from stemma.git.checkouts import Place
    from stemma.lineage.answers import Answer, Kind, View

FORMS = ("json", "dot", "mermaid", "prov", "openlineage", "html")


def lineage(
    element: Annotated[
        str,
        typer.Argument(
            help="file:name, file:line, qualified name, or the first 6 digits of a pattern's or version's id."
        ),
    ],
    *,
    repo: Annotated[str | None, typer.Option(help="Only in this repository.")] = None,
    ancestors: Annotated[bool, typer.Option("--ancestors", help="What it derives from.")] = False,
    descendants: Annotated[bool, typer.Option("--descendants", help="What derives from it.")] = False,
    path: Annotated[
        str | None,
        typer.Option("--path", metavar="TO", help="How it and TO derive from each other, or from one origin."),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Steps to go at most; by default all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Versions to find at most, the nearest first.")] = 10_000,
    as_json: show.Json = False,
    dot: Annotated[bool, typer.Option("--dot", help="Print the graph for Graphviz.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print the graph for Mermaid.")] = False,
    prov: Annotated[bool, typer.Option("--prov", help="Print the graph as W3C PROV-JSON.")] = False,
    openlineage: Annotated[
        bool, typer.Option("--openlineage", help="Print OpenLineage run events, one a line.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page that draws the graph, and needs no network.")
    ] = None,
) -> None:
    """Where a piece of code came from and what became of it: a timeline, ancestors, descendants, or a path.

    A file of a checkout that is not registered, or not read yet, is answered straight from git. A graph holds all
    ancestors and descendants, unless one of the two, or a path, is asked for.
    """
    from stemma.cli import lineage_tables
    from stemma.lineage.answers import View

    asked: list[tuple[Kind, object]] = [("ancestors", ancestors), ("descendants", descendants), ("path", path)]
    chosen = [kind for kind, is_on in asked if is_on]
    if len(chosen) > 1:
        raise ConfigError(f"--{chosen[0]} and --{chosen[1]} ask for different things.", "Choose one of them.")
    wanted = zip(FORMS, (as_json, dot, mermaid, prov, openlineage, html), strict=True)
    forms = [name for name, is_on in wanted if is_on]
    if len(forms) > 1:
        raise ConfigError(f"--{forms[0]} and --{forms[1]} are different forms of the answer.", "Choose one of them.")
    form = forms[0] if forms else "table"
    whole: Kind = "timeline" if form in ("table", "json") else "family"
    view = View(chosen[0] if chosen else whole, path, depth, limit)
    answer = _ask(element, repo, view)
    if form == "table":
        lineage_tables.show_answer(answer)
    elif form == "json":
        show.value(lineage_tables.document(answer))
    elif html is not None:
        _write_page(answer, html)
    else:
        _print_graph(answer, form)


def _ask(element: str, repo: str | None, view: View) -> Answer:
    """The answer from the database; from git for a file of a checkout that the database knows nothing of."""
    from stemma.git.checkouts import find_place
    from stemma.lineage.git_answers import from_checkout
    from stemma.store import embedded

    settings = load_settings()
    file, _, what = element.rpartition(":")
    place = find_place(Path(file)) if file and what and repo is None else None
    if settings.database_url is None and not embedded.status(settings).is_created:
        place = place or _where_it_stood(element, repo)
        if place is None:
            raise NotFoundError(
                "Nothing has been read yet, so nothing is known by a name or id.",
                "Give file:name or file:line of a git checkout, or run `stemma repo add` and `stemma run`.",
            )
        return from_checkout(settings, place, what, view, why="Nothing has been registered.")
    return _ask_database(settings, element, repo, view, place)


def _ask_database(settings: Settings, element: str, repo: str | None, view: View, place: Place | None) -> Answer:
    from stemma.git import registry
    from stemma.git.checkouts import edited_since, find_registered
    from stemma.lineage.answers import from_database
    from stemma.lineage.git_answers import from_checkout
    from stemma.store import open_database

    what = element.rpartition(":")[2]
    with open_database(settings) as database:
        if place is None:
            repo_id = registry.find(database, repo, settings).repo_id if repo else None
            try:
                return from_database(database, element, repo_id, view)
            except NotFoundError as error:
                return _from_the_past(settings, element, repo, view, error)
        registered = find_registered(database, settings, place.root)
        if registered is not None:
            there = replace(view, to=_in_repository(view.to, place.root)) if view.to else view
            try:
                answer = from_database(database, f"{place.path}:{what}", registered.repo_id, there)
            except NotFoundError:
                if view.kind == "path":
                    raise
                why = f"{registered.name} as it was read last does not hold it."
            else:
                edited = edited_since(database, place, registered, settings.max_file_bytes) if what.isdigit() else None
                return replace(answer, remark=" ".join(filter(None, (answer.remark, edited))))
        else:
            why = "This checkout is not registered."
    return from_checkout(settings, place, what, view, why=why)


def _where_it_stood(element: str, repo: str | None) -> Place | None:
    """The place of a file that is not there, in the checkout it would be in."""
    from stemma.git.checkouts import find_place

    file, _, what = element.rpartition(":")
    return find_place(Path(file), must_exist=False) if file and what and repo is None else None


def _from_the_past(settings: Settings, element: str, repo: str | None, view: View, unknown: NotFoundError) -> Answer:
    """What a checkout's git tells of a file that is not there any more; where it tells nothing, `unknown` is raised."""
    from stemma.lineage.git_answers import from_checkout

    place = _where_it_stood(element, repo)
    if place is None:
        raise unknown
    try:
        return from_checkout(settings, place, element.rpartition(":")[2], view, why="No database holds it.")
    except (NotFoundError, ConfigError):
        raise unknown from None


def _in_repository(reference: str, root: Path) -> str:
    """A reference by a file of this checkout as one by its path in the repository; any other as it is."""
    from stemma.git.checkouts import find_place

    file, _, what = reference.rpartition(":")
    place = find_place(Path(file)) if file and what else None
    return f"{place.path}:{what}" if place is not None and place.root == root else reference


def _print_graph(answer: Answer, form: str) -> None:
    from stemma.lineage import export

    if form == "prov":
        show.value(export.to_prov(answer.graph))
    elif form == "openlineage":
        show.lines(export.to_openlineage(answer.graph))
    else:
        show.lines([(export.to_dot if form == "dot" else export.to_mermaid)(answer.graph).rstrip("\n")])


def _write_page(answer: Answer, output: Path) -> None:
    from stemma.lineage.page import MAX_DRAWN, to_page

    files.replace(output, to_page(answer), "--html")
    n_versions = answer.graph.nodes.height
    left_out = f", the nearest {MAX_DRAWN:,} of them drawn" if n_versions > MAX_DRAWN else ""
    show.console.print(f"{n_versions:,} versions{left_out}: {show.plain(str(output))}", markup=False, highlight=False)
