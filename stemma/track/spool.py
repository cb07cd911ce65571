"""The spool: a folder of JSON lines that agents append to, read into `agent_events` and `rejected_events`.

Which files there are and how far they were read lives in `spool_files`; what a line means, in `events`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from stemma import tables
from stemma.config import Settings
from stemma.errors import ConfigError, StoreError
from stemma.ids import content_id
from stemma.progress import phase
from stemma.secrets import PREFILTER, redact_text
from stemma.store.partitions import ensure_months
from stemma.store.postgres import Database, Transaction
from stemma.track import spool_files
from stemma.track.documents import Cleaned, Document, EventError, clean, read_document
from stemma.track.events import Event, read_event
from stemma.track.spool_files import Batch, Line, Position

FOLDER = "spool"
MAX_RAW_CHARACTERS = 4000
_LINES_AT_ONCE = 256  # objects of more lines alive together cost a quarter more CPU, in the garbage collector

# One reader of the spool at a time, also where two processes ingest: the second finds what the first noted.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stemma.spool'))"


def folder(settings: Settings) -> Path:
    """Where agents append their events, one JSON object a line, in files named `*.jsonl`."""
    return settings.data_dir / FOLDER


def append(settings: Settings, event: Mapping[str, Any]) -> Path:
    """Append one event to today's file, in one write, so that writers do not mix; returns the file.

    An event without `occurred_at` is stamped with the present time. It is stored as it is: secrets are taken out
    when the file is read, so the folder is open to its owner only.

    Raises:
        ConfigError: the event is not JSON, or larger than a line may be.
        StoreError: the file cannot be written.
    """
    now = dt.datetime.now(dt.UTC)
    try:
        line = json.dumps({"occurred_at": now.isoformat(), **event}, ensure_ascii=True).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"The event is not JSON: {error}.", "Send an object of strings, numbers, lists, objects."
        ) from error
    if len(line) > spool_files.MAX_LINE_BYTES:
        raise ConfigError(
            f"The event has {len(line):,} bytes, more than {spool_files.MAX_LINE_BYTES:,}.", "Send less of its payload."
        )
    path = folder(settings) / f"events-{now:%Y-%m-%d}.jsonl"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _append_line(path, line)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}.", "Free the disk or mend its permissions."
        ) from error
    return path


def _append_line(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a writer died within its line: this one stays whole
        if os.write(descriptor, line) != len(line):
            raise OSError(28, "No space left on device")
    finally:
        os.close(descriptor)


def pending(settings: Settings, db: Database) -> int:
    """Bytes that came to the spool since it was last looked at; 0 when nothing did. A few milliseconds."""
    files = spool_files.stat_files(folder(settings))
    if not files:
        return 0
    with db.transaction() as transaction:
        noted = {position.name: position for position in _positions(transaction)}
    return sum(spool_files.unread_bytes(status, noted.get(name)) for name, status in files.items())


def n_read_lines(db: Database) -> int:
    """Lines of the spool that were ever read: grows with every event, whoever read it."""
    return int(db.read("SELECT coalesce(sum(read_lines), 0)::bigint AS n FROM stemma.spool_files")["n"].item())


def ingest_spool(db: Database, settings: Settings) -> dict[str, int]:
    """Read all that waits in the spool; what a line held and how far the file was read are committed together.

    A line that is no event is set aside with the reason. An event whose id is stored already is left out, whatever
    time it carries. Returns counts: files, lines, agent_events, rejected_events, duplicates, redactions,
    unreadable_files.

    Raises:
        StoreError: Postgres refuses. What was committed stays, and the next call goes on from there.
    """
    counts = Counter(
        dict.fromkeys(
            ("files", "lines", "agent_events", "rejected_events", "duplicates", "redactions", "unreadable_files"), 0
        )
    )
    with phase("agent_events", total=pending(settings, db), unit="bytes") as progress:
        for name in spool_files.stat_files(folder(settings)):
            n_lines = counts["lines"]
            while n_bytes := _ingest_batch(db, folder(settings) / name, counts):
                progress.advance(n_bytes)
            counts["files"] += counts["lines"] > n_lines
    return dict(counts)


def _ingest_batch(db: Database, path: Path, counts: Counter[str]) -> int:
    """Store the next lines of a file in a transaction of their own; returns their bytes, 0 when none is left."""
    with db.transaction() as transaction:
        transaction.read(_LOCK)
        noted = _positions(transaction)
        try:
            with spool_files.opened(path) as descriptor:
                position = spool_files.resume(descriptor, path.name, noted)
                batch = spool_files.next_batch(descriptor, position)
        except FileNotFoundError:
            return 0
        except OSError:
            counts["unreadable_files"] += 1
            return 0
        if batch.position in noted:
            return 0
        done = _store(transaction, batch)
    counts.update(done)
    return batch.position.read_bytes - position.read_bytes


@dataclass
class _Read:
    """What the lines of a batch turned out to be."""

    events: list[Event] = field(default_factory=list)
    rejections: list[dict[str, Any]] = field(default_factory=list)


def _store(transaction: Transaction, batch: Batch) -> dict[str, int]:
    received_at = dt.datetime.now(dt.UTC)
    source_file = batch.position.name
    read = _read_lines(batch.lines, source_file)
    events = _event_frame(read.events).with_columns(
        pl.col("occurred_at").fill_null(received_at),
        received_at=pl.lit(received_at),
        source_file=pl.lit(source_file),
    )
    rejections = pl.DataFrame(read.rejections).with_columns(rejected_at=pl.lit(received_at))
    n_events = n_redactions = 0
    if not events.is_empty():
        ensure_months(transaction, tables.agent_events, events)
        new = _without_stored(transaction, events)
        n_events = transaction.insert(tables.agent_events, new)
        n_redactions = int(new["n_redactions"].sum())
    n_rejected = transaction.insert(tables.rejected_events, rejections, on_conflict="nothing") if read.rejections else 0
    note = pl.DataFrame([asdict(batch.position) | {"read_at": received_at}])
    transaction.insert(tables.spool_files, note, on_conflict="update")
    return {
        "lines": len(batch.lines),
        "agent_events": n_events,
        "rejected_events": n_rejected,
        "duplicates": len(read.events) - n_events,
        "redactions": n_redactions,
    }


def _without_stored(transaction: Transaction, events: pl.DataFrame) -> pl.DataFrame:
    """First of each id, and only ids not stored: the key holds the time too, so it alone would let a second in."""
    events = events.unique("event_id", keep="first", maintain_order=True)
    with transaction.staged("incoming_events", events.select("event_id")) as incoming:
        stored = transaction.read(f"SELECT event_id FROM {incoming} JOIN stemma.agent_events USING (event_id)")
    return events.join(stored, on="event_id", how="anti", maintain_order="left")


def _event_frame(events: list[Event]) -> pl.DataFrame:
    schema = tables.polars_schema(tables.agent_events)
    columns = zip(*events, strict=True) if events else ((),) * len(Event._fields)
    return pl.DataFrame(
        [pl.Series(name, column, schema[name]) for name, column in zip(Event._fields, columns, strict=True)]
    )


def _read_lines(lines: list[Line], source_file: str) -> _Read:
    read = _Read()
    for start in range(0, len(lines), _LINES_AT_ONCE):
        _read_some(lines[start : start + _LINES_AT_ONCE], source_file, read)
    return read


def _read_some(lines: list[Line], source_file: str, read: _Read) -> None:
    documents: list[tuple[Line, Document]] = []
    for line in lines:
        if line.is_too_long:
            reason = f"The line is longer than {spool_files.MAX_LINE_BYTES:,} bytes; only its beginning is kept."
            read.rejections.append(_rejection(line, source_file, reason))
            continue
        try:
            if line.data.strip():
                documents.append((line, read_document(line.data)))
        except EventError as error:
            read.rejections.append(_rejection(line, source_file, error.problem))
    suspects = pl.Series([document.text for _, document in documents], dtype=pl.String).str.contains(PREFILTER)
    for (line, document), may_hold_secrets in zip(documents, suspects, strict=True):
        cleaned = clean(document, may_hold_secrets=may_hold_secrets)
        try:
            read.events.append(read_event(document, cleaned))
        except EventError as error:
            read.rejections.append(_rejection(line, source_file, error.problem, cleaned))


def _rejection(line: Line, source_file: str, reason: str, cleaned: Cleaned | None = None) -> dict[str, Any]:
    """A line set aside: where it stands, why, and its beginning without secrets."""
    raw = cleaned.text if cleaned else redact_text(line.data[: spool_files.KEPT_BYTES].decode("utf-8", "replace"))[0]
    return {
        "rejection_id": content_id(source_file, str(line.number), line.data),
        "source_file": source_file,
        "line_number": line.number,
        "raw": raw[:MAX_RAW_CHARACTERS],
        "reason": reason,
    }


def _positions(transaction: Transaction) -> list[Position]:
    names = ", ".join(Position.__dataclass_fields__)
    frame = transaction.read(f"SELECT {names} FROM stemma.spool_files")
    return [Position(**row) for row in frame.iter_rows(named=True)]
