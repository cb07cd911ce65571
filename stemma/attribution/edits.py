"""Agent events into `agent_edits`: every tool call that wrote code, cut into the definitions and pieces it brought.

How a call is read is told in `tool_calls`, how it is cut in `written`; which version of an element it became is found
in `origins`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from stemma.attribution import tool_calls
from stemma.attribution.places import Places, read_places
from stemma.attribution.written import Row, rows_of
from stemma.config import Settings
from stemma.extract.extractor import Limits
from stemma.ids import content_id
from stemma.languages import EXTRACTOR_VERSION
from stemma.progress import phase
from stemma.store.postgres import Database, Transaction
from stemma.tables import agent_edits, polars_schema

RULES = "3"  # raise it when other rows would come of the same events
VERSION = f"{EXTRACTOR_VERSION}/{RULES}"
EVENTS_PER_BATCH = 500

# One writer at a time, so that `written_at` only grows: whoever has seen one time has seen all before it.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stemma.agent_edits'))"


@dataclass(frozen=True)
class EditCounts:
    """Events read, rows written, rows whose repository is known only now or no longer, and rows of older rules."""

    n_events: int = 0
    n_edits: int = 0
    n_placed: int = 0
    n_retired: int = 0


def update_agent_edits(db: Database, settings: Settings) -> EditCounts:
    """Read the events that have come since the last call; each batch is one transaction.

    An event is read once; events of the last day before the newest one read are looked at again, for a clock may have
    been set back. Under new rules all events are read anew, and rows of the old ones removed at the end.
    """
    places = read_places(db, settings.data_dir)
    limits = Limits(settings.max_file_bytes, settings.parse_timeout_s)
    n_events = n_edits = 0
    after = (dt.datetime.min.replace(tzinfo=dt.UTC), "")
    with phase("agent_edits", unit="events") as told:
        while True:
            with db.transaction() as transaction:
                transaction.read(_LOCK)
                events = transaction.read(_UNREAD, [VERSION, after[0], after[1], EVENTS_PER_BATCH])
                if events.is_empty():
                    break
                frame = _frame(transaction, events, places, limits)
                n_edits += transaction.insert(agent_edits, frame, "update")
            n_events += events.height
            after = events.row(-1, named=True)["received_at"], events.row(-1, named=True)["event_id"]
            told.advance(events.height)
    return EditCounts(n_events, n_edits, _place_again(db, places), _retire(db))


# The words are those under which some form of a call names what it wrote.
_UNREAD = """
SELECT e.event_id, e.occurred_at, e.received_at, e.agent, e.session_id, e.tool_name, e.is_success, e.cwd, e.file_path,
       e.payload::text AS payload
FROM stemma.agent_events e
WHERE e.is_success IS DISTINCT FROM false
  AND e.received_at >= coalesce((SELECT max(received_at) - interval '1 day' FROM stemma.agent_edits WHERE read_by = $1),
                                '-infinity')
  AND (e.received_at, e.event_id) > ($2, $3)
  AND e.payload::text ~ '"(new_?(s|S)tr(ing)?|newText|new_source|insert_text|contents?|file_?(t|T)ext|edits|replace)"'
                        '|\\*\\*\\* Begin Patch|\\n@@ -'
  AND NOT EXISTS (SELECT FROM stemma.agent_edits a WHERE a.event_id = e.event_id AND a.read_by = $1)
ORDER BY e.received_at, e.event_id LIMIT $4::int
"""

_MODELS = """
SELECT DISTINCT ON (session_id) session_id, left(model, 200) AS model FROM (
    SELECT e.session_id, e.occurred_at,
           coalesce(e.payload ->> 'model', e.payload -> 'payload' ->> 'model') AS model,
           coalesce(e.payload -> 'model', e.payload -> 'payload' -> 'model') AS raw
    FROM stemma.agent_events e WHERE e.session_id IN (SELECT session_id FROM {sessions})
) AS named
WHERE jsonb_typeof(raw) = 'string' AND model <> ''
ORDER BY session_id, occurred_at
"""


def _frame(transaction: Transaction, events: pl.DataFrame, places: Places, limits: Limits) -> pl.DataFrame:
    models = _models(transaction, events)
    now = dt.datetime.now(dt.UTC)  # under the lock, so later than every time written before
    rows: list[Row] = []
    for event in events.iter_rows(named=True):
        about = {name: event[name] for name in ("event_id", "occurred_at", "received_at", "agent", "session_id")}
        about["model"] = tool_calls.model_of(event["payload"]) or models.get(event["session_id"])
        about["tool_name"] = event["tool_name"]
        for place, row in enumerate(_rows(event, places, limits)):
            rows.append({**about, **row, "edit_id": content_id("agent edit", event["event_id"], str(place))})
    schema = polars_schema(agent_edits)
    given = {name: kind for name, kind in schema.items() if name not in ("read_by", "written_at")}
    return pl.DataFrame(rows, schema=given).with_columns(read_by=pl.lit(VERSION), written_at=pl.lit(now))


def _rows(event: Row, places: Places, limits: Limits) -> Iterator[Row]:
    for change in tool_calls.changes(event["payload"], event["file_path"], is_success=event["is_success"]):
        repo_id, path = places.find(change.path, event["cwd"])
        yield from ({"repo_id": repo_id, "path": path, **row} for row in rows_of(change, limits))


def _models(transaction: Transaction, events: pl.DataFrame) -> dict[str, str]:
    """The first model that each session named in any of its events."""
    with transaction.staged("edit_sessions", events.select("session_id").drop_nulls().unique()) as sessions:
        return dict(transaction.read(_MODELS.format(sessions=sessions)).iter_rows())


def _place_again(db: Database, places: Places) -> int:
    """Give edits of no repository theirs, where one was registered since."""
    with db.transaction() as transaction:
        transaction.read(_LOCK)
        known = transaction.read("SELECT DISTINCT path FROM stemma.agent_edits WHERE repo_id IS NULL AND path ~ '^/'")
        found = [(path, *places.find(path, None)) for path in known["path"]]
        rows = pl.DataFrame(found, {"old": pl.String, "repo_id": pl.String, "path": pl.String}, orient="row")
        rows = rows.drop_nulls()
        if rows.is_empty():
            return 0
        with transaction.staged("placed_edits", rows) as placed:
            changed = transaction.read(
                "WITH changed AS (UPDATE stemma.agent_edits a SET repo_id = p.repo_id, path = p.path, "
                f"written_at = clock_timestamp() FROM {placed} p WHERE a.repo_id IS NULL AND a.path = p.old "
                "RETURNING 1) SELECT count(*) AS n FROM changed"
            )
        return int(changed["n"].item())


def _retire(db: Database) -> int:
    with db.transaction() as transaction:
        transaction.read(_LOCK)
        gone = transaction.read(
            "WITH gone AS (DELETE FROM stemma.agent_edits WHERE read_by <> $1 RETURNING 1) "
            "SELECT count(*) AS n FROM gone",
            [VERSION],
        )
    return int(gone["n"].item())
