"""`stemma drift`: copies that miss what was changed in their source. What drift is, the mart of that name says."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from stemma.cli import show
from stemma.config import load_settings


class Status(StrEnum):
    """What became of a change in a copy, in the mart's words."""

    OPEN = "open"
    CHANGED_OTHERWISE = "changed otherwise"
    CAUGHT_UP = "caught up"
    REMOVED = "removed"


_DRIFT = """
SELECT status, round(days_behind, 1) AS days_behind, copy_repository || '/' || copy_path || ':' || copy_name AS copy,
       source_repository || '/' || source_path || ':' || source_name AS source, changed_subject AS change, changed_at,
       {more}direction
FROM drift
WHERE {conditions}
ORDER BY days_behind DESC, copy, source, changed_sha LIMIT {limit}
"""
_OF_JSON = (
    "changed_sha, is_fix, caught_up_at, copied_at, copy_repository, copy_path, copy_name, copy_category, copy_id, "
    "source_repository, source_path, source_name, source_id, change_id, matched_by, confidence, is_reversed, "
)


def drift(
    *,
    repo: Annotated[str | None, typer.Option(help="Only copies that stand in this repository.")] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only of this status; may be given more than once. [default: open]")
    ] = None,
    every_change: Annotated[
        bool, typer.Option("--every-change", help="Every change of the source, not only what reads as a fix.")
    ] = False,
    limit: show.Limit = 20,
    as_json: show.Json = False,
) -> None:
    """Copies that miss what was fixed in their source since, those longest behind first."""
    from stemma.store import marts

    conditions = [f"status IN ({', '.join(_literal(one) for one in status or [Status.OPEN])})"]
    if repo is not None:
        conditions.append(f"copy_repository = {_literal(repo)}")
    if not every_change:
        conditions.append("is_fix")
    query = _DRIFT.format(more=_OF_JSON if as_json else "", conditions=" AND ".join(conditions), limit=limit)
    rows = marts.query(load_settings(), query)
    what = "change of its source" if every_change else "fix of its source"
    show.frame(rows, as_json=as_json, title="Drift", empty=f"No copy misses a {what}, as far as the marts know.")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
