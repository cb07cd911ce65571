"""`stemma review`: what waits for a person, shown, and decided. What waits is found in `stemma.quorum.review`, what is
decided is kept in `stemma.quorum.labels`.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import polars as pl
import typer
from rich.table import Table
from rich.text import Text

from stemma.cli import show
from stemma.config import Settings, load_settings
from stemma.errors import ConfigError
from stemma.quorum import labels, review
from stemma.store import open_database
from stemma.store.postgres import Database

SIDE_BY_SIDE = 110  # columns from which code and votes stand beside each other
MAX_LINES = 200  # of code, shown in a walk
_STYLES = {"pass": "green", "fail": "red", "abstain": "dim"}

app = typer.Typer(help="What the quorum left open, for a person to decide.", invoke_without_command=True)

Repo = Annotated[str | None, typer.Option(help="Only texts with a place in this repository.")]
Language = Annotated[str | None, typer.Option(help="Only texts in this language.")]
Name = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who decides. [default: user.name of git]", show_default=False),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; secrets are taken out of it.")]
Reference = Annotated[str, typer.Argument(help="Id of a text as `review list` shows it, path:name, or qualified name.")]


@app.callback()
def bare(
    context: typer.Context,
    repo: Repo = None,
    language: Language = None,
    limit: show.Limit = 20,
    as_json: show.Json = False,
) -> None:
    """What the quorum left open: one after another on a terminal, else a list."""
    if context.invoked_subcommand is not None:
        return
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        list_(repo, language, limit, as_json)
    else:
        walk(repo, language, limit, None)


@app.command("list")
def list_(repo: Repo = None, language: Language = None, limit: show.Limit = 20, as_json: show.Json = False) -> None:
    """Texts that wait for a decision, those first that matter most: by places times doubt."""
    with open_database(load_settings()) as database:
        rows = review.queue(database, repo=repo, language=language, limit=limit)
    if as_json:
        show.frame(rows, as_json=True)
        return
    shown = rows.select(
        text=pl.col("exact_hash").str.head(review.ID_DIGITS),
        name="name",
        language="language",
        places="n_places",
        repositories="n_repositories",
        probability="probability",
        place="place",
        why=pl.coalesce("reviews", "reason"),
    )
    show.frame(shown, as_json=False, title="Waiting for a person", empty="Nothing waits for a person.")
    if not rows.is_empty() and rows["n_waiting"][0] > rows.height:
        show.errors.print(f"[dim]{rows.height:,} of {rows['n_waiting'][0]:,} texts; --limit shows more.[/]")


@app.command()
def accept(reference: Reference, reason: Reason, name: Name = None, as_json: show.Json = False) -> None:
    """Decide that a text is fit for reuse."""
    _decide(reference, name, reason, is_fit=True, as_json=as_json)


@app.command()
def reject(reference: Reference, reason: Reason, name: Name = None, as_json: show.Json = False) -> None:
    """Decide that a text is not fit for reuse."""
    _decide(reference, name, reason, is_fit=False, as_json=as_json)


@app.command()
def history(
    reference: Annotated[str | None, typer.Argument(help="Of this text only; see `review accept`.")] = None,
    limit: show.Limit = 20,
    as_json: show.Json = False,
) -> None:
    """What people decided, the latest first. Nothing of it is ever changed or removed."""
    with open_database(load_settings()) as database:
        text = None if reference is None else review.find_text(database, reference)
        rows = labels.reviews(database, text, limit)
    if as_json:
        show.frame(rows, as_json=True)
        return
    shown = rows.select(
        when="labelled_at",
        who="labelled_by",
        decided=pl.when("is_fit").then(pl.lit("accept")).otherwise(pl.lit("reject")),
        in_force=pl.when("is_in_force").then(pl.lit("yes")).otherwise(pl.lit("no")),
        name="name",
        text=pl.col("exact_hash").str.head(review.ID_DIGITS),
        reason="reason",
    )
    show.frame(shown, as_json=False, title="Reviews", empty="Nobody has decided anything yet.")


@app.command()
def walk(
    repo: Repo = None,
    language: Language = None,
    limit: show.Limit = 20,
    name: Name = None,
) -> None:
    """Show what waits, one text after another with its votes beside it, and ask for a decision on each."""
    settings, who = load_settings(), _who(name)
    with open_database(settings) as database:
        waiting = review.queue(database, repo=repo, language=language, limit=limit)
        if waiting.is_empty():
            show.console.print("Nothing waits for a person.")
        for number, text in enumerate(waiting.select("pattern_id", "exact_hash").iter_rows(), 1):
            show.console.rule(f"{number} of {waiting.height}", style="dim")
            if not _ask(database, settings, (text[0], text[1]), who):
                return


def _ask(database: Database, settings: Settings, text: tuple[str, str], who: str) -> bool:
    """Show one text and take a decision; whether the walk goes on."""
    _print_page(review.page(database, settings, text))
    answer = ""
    while answer not in ("a", "r", "s", "q"):
        answer = typer.prompt("[a]ccept, [r]eject, [s]kip, [q]uit", default="s").strip().lower()[:1]
    if answer in ("s", "q"):
        return answer == "s"
    while True:
        try:
            reason = typer.prompt("Why")
            labels.record_review(database, text, is_fit=answer == "a", name=who, reason=reason)
            return True
        except ConfigError as error:
            show.errors.print(show.plain(str(error)), style="red", markup=False)


def _decide(reference: str, name: str | None, reason: str, *, is_fit: bool, as_json: bool) -> None:
    who = _who(name)
    with open_database(load_settings()) as database:
        text = review.find_text(database, reference)
        row = labels.record_review(database, text, is_fit=is_fit, name=who, reason=reason)
    if as_json:
        show.value(row)
        return
    what = "accepts" if is_fit else "rejects"
    said = f"{row['labelled_by']} {what} text {text[1][: review.ID_DIGITS]}: {row['reason']}"
    show.console.print(show.plain(said), markup=False, highlight=False)
    show.console.print("It counts from the next sitting of the quorum on: stemma run", style="dim")


def _who(name: str | None) -> str:
    """The name given, or that of git.

    Raises:
        ConfigError: there is neither.
    """
    if name is not None:
        return name
    try:
        done = subprocess.run(["git", "config", "--get", "user.name"], capture_output=True, timeout=10, check=False)
        found = done.stdout.decode("utf-8", "replace").strip()
    except (OSError, subprocess.TimeoutExpired):
        found = ""
    if not found:
        raise ConfigError("It is not known who decides: git has no user.name.", "Give a name: --as NAME")
    return found


def _print_page(page: review.Page) -> None:
    facts = page.facts
    head = f"{facts['name']} ({facts['language']} {facts['kind']}, text {facts['exact_hash']})"
    where = f"{facts['place'] or 'nowhere now'}; {facts['n_places']} places in {', '.join(facts['repositories'] or [])}"
    for line in (head, where, str(facts["reason"] or "No verdict yet."), page.reviews):
        if line:
            show.console.print(show.plain(line), markup=False, highlight=False)
    code, votes = _code(page), _votes(page)
    if show.console.width < SIDE_BY_SIDE:
        show.console.print(code)
        show.console.print(votes)
        return
    both = Table.grid(expand=True, padding=(0, 2))
    both.add_column(ratio=3)
    both.add_column(ratio=2)
    both.add_row(code, votes)
    show.console.print(both)


def _code(page: review.Page) -> Text:
    """The text with its lines numbered; those with a finding are marked."""
    if page.code is None:
        return Text(f"Its code cannot be shown: {show.plain(page.missing or '')}.", style="dim")
    told = {finding["line"] for findings in page.votes["findings"].to_list() for finding in findings or []}
    shown = Text()
    for number, line in enumerate(page.code[:MAX_LINES], 1):
        is_told = number in told
        shown.append(f"{'>' if is_told else ' '}{number:4} ", style="red" if is_told else "dim")
        shown.append(f"{show.plain(line.expandtabs(4))}\n", style="bold" if is_told else "")
    if len(page.code) > MAX_LINES:
        shown.append(f"({len(page.code) - MAX_LINES:,} more lines)\n", style="dim")
    return shown


def _votes(page: review.Page) -> Text:
    shown = Text()
    for vote in page.votes.iter_rows(named=True):
        probability = "" if vote["probability"] is None else f" ({vote['probability']:.2f})"
        shown.append(f"{vote['member']}: {vote['vote']}{probability}", style=_STYLES.get(vote["vote"], ""))
        shown.append(f" {show.plain(vote['reason'])}\n" if vote["reason"] else "\n", style="dim")
        for found in vote["findings"] or []:
            shown.append(
                show.plain(f"  line {found['line']}, {found['rule']} ({found['severity']}): {found['message']}\n")
            )
    return shown
