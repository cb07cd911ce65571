"""`stemma doctor`: prints what `stemma.doctor` finds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from stemma import doctor as examination
from stemma.cli import show
from stemma.config import load_settings
from stemma.errors import StemmaError
from stemma.remote import breakers, open_memory

_MARKS = {"ok": "[green]ok[/]     ", "missing": "[yellow]missing[/]", "broken": "[red]broken[/] "}


def doctor(
    as_json: show.Json = False,
    reset_breakers: Annotated[
        bool, typer.Option("--reset-breakers", help="First let outside services that failed be asked again at once.")
    ] = False,
) -> None:
    """Say what is missing or broken, and how to mend it. Exit code 1 when something is broken."""
    settings = load_settings()
    if reset_breakers:
        breakers.reset(open_memory(settings))
    findings = []
    for finding in examination.examine(settings):
        findings.append(finding)
        if not as_json:
            show.console.print(_MARKS[finding.state], end=" ")
            show.console.print(f"{finding.what}: {finding.detail}", markup=False, highlight=False)
            if finding.mend:
                show.console.print(f"          {finding.mend}", markup=False, highlight=False)
    if as_json:
        show.value([asdict(finding) for finding in findings])
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(StemmaError.exit_code)
