"""`stemma calibrate`: learn from the user's labels what votes are worth. How is said in `stemma.quorum.refit`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stemma.cli import show
from stemma.config import load_settings
from stemma.quorum.refit import recalibrate
from stemma.store import open_database

SHOWN = 20


def calibrate(
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV or JSONL of is_fit and place (or pattern and exact_hash); added to the labels first."),
    ] = None,
    as_json: show.Json = False,
) -> None:
    """Learn from labels (reviews, files, outcomes) what each member's vote is worth, and what votes come to."""
    settings = load_settings()
    with open_database(settings) as database:
        found = recalibrate(database, settings, labels)
    if as_json:
        show.value(asdict(found))
        return
    lines = [*found.left_out[:SHOWN]]
    if len(found.left_out) > SHOWN:
        lines.append(f"... and {len(found.left_out) - SHOWN:,} more left out (--json names all).")
    if labels is not None:
        lines.append(f"{found.n_read:,} labels read, {found.n_new:,} of them new.")
    if found.before and found.after:
        lines.append(
            f"Log loss: {found.before['log_loss']:.3f} as packaged, {found.after['log_loss']:.3f} learned, held out; "
            f"calibration error {found.before['calibration_error']:.3f} and {found.after['calibration_error']:.3f}."
        )
    for line in (*lines, found.reason):
        show.console.print(show.plain(line), markup=False, highlight=False)
