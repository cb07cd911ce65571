"""`stemma gates`: quality gates over a checkout, for people and pipelines. What they judge lives in `stemma.gates`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from stemma.cli import show
from stemma.config import load_settings
from stemma.errors import ConfigError, GateError

if TYPE_CHECKING:
    from stemma.gates.answers import GateResult
    from stemma.gates.run import Outcome

FINDINGS_SHOWN = 10


class Name(StrEnum):
    """The gates there are."""

    COMPLIANCE = "compliance"
    COVERAGE = "coverage"
    QUALITY = "quality"
    PERFORMANCE = "performance"
    SECURITY = "security"


def gates(
    path: Annotated[Path, typer.Argument(help="A checkout, a folder, or a part of one.")] = Path(),
    *,
    only: Annotated[
        list[Name] | None, typer.Option("--gate", help="Only this gate; may be given more than once.")
    ] = None,
    new_since: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Judge only what touches lines changed since REV parted from HEAD."),
    ] = None,
    fail_fast: Annotated[
        bool | None, typer.Option("--fail-fast/--no-fail-fast", help="Stop at the first blocking failure or error.")
    ] = None,
    accept_slower: Annotated[
        bool,
        typer.Option("--accept-slower", help="Hold later benchmarks against these ones, though they became slower."),
    ] = False,
    as_json: show.Json = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0 in place of a table.")] = False,
) -> None:
    """Quality gates over a checkout, without a database: compliance, coverage, quality, performance, security.

    Coverage and performance are read from reports that tests and benchmarks left; without one they are skipped, for
    nothing of the checkout is run. The others judge its files by the members of the quorum. Thresholds, order, time,
    and whether a gate blocks are settings ([gates.<name>] in stemma.toml). Ends with exit code 5 when a blocking gate
    failed or had an error.
    """
    from stemma.gates.run import run_gates
    from stemma.gates.sarif import to_sarif

    if as_json and as_sarif:
        raise ConfigError("--json and --sarif were both given.", "Choose one.")
    asked = _asked(path, new_since, fail_fast=fail_fast, accepts_slower=accept_slower)
    with show.progress_bars(), _ended_in_order():
        outcome = run_gates(asked, [name.value for name in only or list(Name)])
    if as_sarif:
        show.value(to_sarif(outcome))
    elif as_json:
        show.value(_document(outcome, new_since))
    else:
        _print(outcome)
    if not outcome.is_passed:
        raise GateError(outcome.sentence, "Mend what the gates found, or see [gates.<name>] in stemma.toml.")


def _asked(path: Path, new_since: str | None, *, fail_fast: bool | None, accepts_slower: bool) -> Any:
    from stemma.gates.answers import Asked
    from stemma.git.worktree import lines_since, read_worktree

    settings = load_settings()
    if fail_fast is not None:
        told = settings.gates.model_copy(update={"fail_fast": fail_fast})
        settings = settings.model_copy(update={"gates": told})
    tree = read_worktree(path)
    new_lines = None if new_since is None else lines_since(tree, new_since)
    return Asked(tree, settings, new_lines, accepts_slower)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A pipeline that is cancelled sends SIGTERM: analysers at work are ended before this process is."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _document(outcome: Outcome, since: str | None) -> dict[str, Any]:
    """The JSON form; README.md describes it."""
    return {
        "format": 1,
        "since": since,
        "is_passed": outcome.is_passed,
        "sentence": outcome.sentence,
        "seconds": outcome.seconds,
        "gates": [result.as_document() for result in outcome.results],
    }


_COLOURS = {"passed": "green", "failed": "bold red", "warning": "yellow", "skipped": "dim", "error": "bold magenta"}
_SEVERITIES = {"low": "dim", "medium": "yellow", "high": "red"}


def _print(outcome: Outcome) -> None:
    table = Table(header_style="bold")
    for name in ("gate", "status", "blocks"):
        table.add_column(name)
    for name in ("score", "threshold", "seconds", "findings"):
        table.add_column(name, justify="right")
    for result in outcome.results:
        table.add_row(
            result.gate,
            Text(result.status, style=_COLOURS[result.status]),
            "yes" if result.is_blocking else "no",
            "–" if result.score is None else f"{result.score:,.4g}",
            f"{'≥' if result.at_least else '≤'} {result.threshold:g}",
            f"{result.seconds:.1f}",
            f"{result.n_findings:,}",
        )
    show.console.print(table)
    for result in outcome.results:
        told = Text.assemble((result.gate, _COLOURS[result.status]), f"  {show.plain(result.sentence)}")
        show.console.print(told, soft_wrap=True)
        _print_findings(result)
    if outcome.is_passed:
        show.console.print(show.plain(outcome.sentence), markup=False, highlight=False, soft_wrap=True)


def _print_findings(result: GateResult) -> None:
    for finding in result.findings[:FINDINGS_SHOWN]:
        where = "" if finding.path is None else f"{finding.path}:{finding.line or 1}  "
        show.console.print(
            Text.assemble(
                (f"  {finding.severity:<6}  ", _SEVERITIES[finding.severity]), show.plain(where),
                (show.plain(finding.rule), "bold"), f"  {show.plain(finding.message)}",
            ),
            soft_wrap=True,
        )  # fmt: skip
    if result.n_findings > FINDINGS_SHOWN:
        more = f"  and {result.n_findings - FINDINGS_SHOWN:,} more; --json shows more"
        show.console.print(more, style="dim", markup=False)
