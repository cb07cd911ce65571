"""`stemma archive`: fold old events of lineage into archives. How, and why that way, is told in `lineage.archive`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from stemma.cli import show
from stemma.config import load_settings
from stemma.lineage.archive import archive_events, partitions, planned
from stemma.store import open_database


def archive(
    after_days: Annotated[
        int | None, typer.Option("--after-days", min=0, help="Age of the months to archive; by default as set.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which months would be archived, and end.")] = False,
    as_json: show.Json = False,
) -> None:
    """Fold months of old lineage events into one archive a year. Every query goes on finding them."""
    settings = load_settings(archive_after_days=after_days)
    with open_database(settings) as database:
        if dry_run:
            empty = "No month is old enough."
            show.frame(planned(database, settings.archive_after_days), as_json=as_json, title="To archive", empty=empty)
            return
        counts = archive_events(database, settings.archive_after_days)
        standing = partitions(database)
    if as_json:
        show.value({**asdict(counts), "partitions": standing.to_dicts()})
        return
    show.console.print(f"{counts.n_months} months archived, in {counts.n_archives} archives.")
    show.frame(standing, as_json=False, title="Events of lineage")
