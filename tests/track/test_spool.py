"""Claims about the spool: every line is stored once or set aside, whatever the writers and the readers do."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stemma.config import Settings
from stemma.errors import ConfigError, StoreError
from stemma.store.postgres import Database
from stemma.track import spool, spool_files

NOTHING = {
    "files": 0,
    "lines": 0,
    "agent_events": 0,
    "rejected_events": 0,
    "duplicates": 0,
    "redactions": 0,
    "unreadable_files": 0,
}


def envelope(event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "agent": "tester", "event_type": "edit", "payload": {}} | fields


def write(settings: Settings, *events: Any, name: str = "events.jsonl", mode: str = "ab") -> Path:
    """Append events (as JSON) or raw lines (bytes) to a spool file."""
    path = spool.folder(settings) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        for event in events:
            file.write((event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n")
    return path


def stored(database: Database) -> pl.DataFrame:
    return database.read(
        "SELECT event_id, occurred_at, received_at, payload::text AS payload, n_redactions, source_file "
        "FROM stemma.agent_events ORDER BY event_id, occurred_at"
    )


def rejected(database: Database) -> pl.DataFrame:
    return database.read("SELECT * FROM stemma.rejected_events ORDER BY source_file, line_number")


def test_a_spool_without_a_folder_is_empty(database: Database, settings: Settings) -> None:
    assert spool.pending(settings, database) == 0
    assert spool.ingest_spool(database, settings) == NOTHING


def test_events_are_stored_once_and_a_second_reading_writes_nothing(database: Database, settings: Settings) -> None:
    path = write(settings, envelope("a"), envelope("b", occurred_at="2026-02-03T04:05:06Z"))
    assert spool.pending(settings, database) == path.stat().st_size
    assert spool.ingest_spool(database, settings) == NOTHING | {"files": 1, "lines": 2, "agent_events": 2}
    assert spool.pending(settings, database) == 0
    before = database.read("SELECT xmin::text AS xmin FROM stemma.spool_files")
    assert spool.ingest_spool(database, settings) == NOTHING
    assert database.read("SELECT xmin::text AS xmin FROM stemma.spool_files").equals(before)
    first, second = stored(database).iter_rows(named=True)
    assert first["occurred_at"] == first["received_at"]
    assert second["occurred_at"] == dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    assert first["source_file"] == "events.jsonl"


def test_an_event_delivered_again_is_left_out_whatever_time_it_carries(database: Database, settings: Settings) -> None:
    write(
        settings, envelope("a", occurred_at="2026-02-03T04:05:06Z"), envelope("a", occurred_at="2026-03-03T00:00:00Z")
    )
    assert spool.ingest_spool(database, settings)["duplicates"] == 1
    write(settings, envelope("a", occurred_at="2026-05-03T00:00:00Z"), envelope("a"), name="again.jsonl")
    assert spool.ingest_spool(database, settings) == NOTHING | {"files": 1, "lines": 2, "duplicates": 2}
    assert stored(database)["occurred_at"].to_list() == [dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)]


def test_an_event_lies_in_the_partition_of_its_month(database: Database, settings: Settings) -> None:
    write(
        settings, envelope("a", occurred_at="2026-02-28T23:59:59Z"), envelope("b", occurred_at="9999-01-01T00:00:00Z")
    )
    spool.ingest_spool(database, settings)
    found = database.read(
        "SELECT event_id, relname FROM stemma.agent_events e JOIN pg_class c ON c.oid = e.tableoid ORDER BY event_id"
    )
    assert found["relname"].to_list() == ["agent_events_y2026m02", "agent_events_default"]


def test_a_bad_line_is_set_aside_with_its_reason_and_the_rest_goes_on(database: Database, settings: Settings) -> None:
    write(settings, b"hello", envelope("a"), b"", b'{"agent": "\xff"}', envelope("b", agent=7), envelope("c"))
    counts = spool.ingest_spool(database, settings)
    assert counts == NOTHING | {"files": 1, "lines": 6, "agent_events": 2, "rejected_events": 3}
    frame = rejected(database)
    assert frame["line_number"].to_list() == [1, 4, 5]
    assert ["not JSON" in frame["reason"][0], "UTF-8" in frame["reason"][1], "agent" in frame["reason"][2]] == [
        True
    ] * 3
    assert frame["raw"][0] == "hello"


def test_no_secret_reaches_the_database(database: Database, settings: Settings) -> None:
    secret = "hunter2hunter2"
    write(
        settings,
        envelope("a", payload={"password": secret, "text": f'password = "{secret}"'}),
        envelope("b", agent=7, payload={"password": secret}),
        f'not json, password="{secret}"'.encode(),
        f'{{"agent": "x", "payload": {{"password": "{secret}'.encode(),
    )
    counts = spool.ingest_spool(database, settings)
    assert (counts["agent_events"], counts["rejected_events"], counts["redactions"]) == (1, 3, 2)
    for table in ("agent_events", "rejected_events", "spool_files"):
        rows = database.read(f"SELECT row_to_json(t)::text AS row FROM stemma.{table} t")
        assert not rows["row"].str.contains(secret).any()
    assert stored(database)["n_redactions"].to_list() == [2]


def test_a_half_written_line_waits_for_its_end(database: Database, settings: Settings) -> None:
    path = write(settings, envelope("a"))
    line = json.dumps(envelope("b")).encode()
    with path.open("ab") as file:
        file.write(line[:20])
    assert spool.ingest_spool(database, settings)["agent_events"] == 1
    assert spool.pending(settings, database) == 0
    assert spool.ingest_spool(database, settings) == NOTHING
    with path.open("ab") as file:
        file.write(line[20:] + b"\n")
    assert spool.pending(settings, database) > 0
    assert spool.ingest_spool(database, settings) == NOTHING | {"files": 1, "lines": 1, "agent_events": 1}


def test_a_line_over_the_limit_is_set_aside_and_never_held_whole(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_files, "MAX_LINE_BYTES", 10_000)
    monkeypatch.setattr(spool_files, "_CHUNK_BYTES", 4_096)
    longest = 0
    line_of = spool_files._line

    def watched(number: int, data: bytes, n_bytes: int) -> spool_files.Line:
        nonlocal longest
        longest = max(longest, len(data))
        return line_of(number, data, n_bytes)

    monkeypatch.setattr(spool_files, "_line", watched)
    fits, fits_not = (envelope("a", payload={"x": "y" * n}) for n in (9_000, 200_000))
    write(settings, fits, fits_not, envelope("b"))
    counts = spool.ingest_spool(database, settings)
    assert counts == NOTHING | {"files": 1, "lines": 3, "agent_events": 2, "rejected_events": 1}
    assert "longer than 10,000 bytes" in rejected(database)["reason"].item()
    assert rejected(database)["raw"].str.len_chars().item() == spool.MAX_RAW_CHARACTERS
    assert longest < 10_000 + 2 * 4_096


def test_a_line_of_five_megabytes_is_an_event_like_any_other(database: Database, settings: Settings) -> None:
    write(settings, envelope("a", payload={"x": "token = " * 625_000}))
    began = time.process_time()
    assert spool.ingest_spool(database, settings)["agent_events"] == 1
    assert time.process_time() - began < 10


def test_a_rotated_file_is_read_on_and_its_successor_from_the_start(database: Database, settings: Settings) -> None:
    path = write(settings, b"bad", envelope("a"))
    spool.ingest_spool(database, settings)
    write(settings, envelope("late"))
    path.rename(path.with_name("events.jsonl.1"))
    write(settings, envelope("b"))
    counts = spool.ingest_spool(database, settings)
    assert counts == NOTHING | {"files": 2, "lines": 2, "agent_events": 2}


def test_a_truncated_and_a_rewritten_file_are_read_from_the_start(database: Database, settings: Settings) -> None:
    path = write(settings, b"bad", envelope("a"), envelope("b"))
    spool.ingest_spool(database, settings)
    path.write_bytes(b"")
    assert spool.pending(settings, database) == 0
    assert spool.ingest_spool(database, settings) == NOTHING
    write(settings, b"bad", envelope("c"), envelope("d"), envelope("e"), envelope("f"))
    counts = spool.ingest_spool(database, settings)
    assert (counts["agent_events"], counts["rejected_events"]) == (4, 0)  # that bad line is there already
    inode = path.stat().st_ino
    with path.open("r+b") as file:  # as long as before, and of the same inode
        file.write(path.read_bytes().replace(b'"c"', b'"g"'))
    write(settings, envelope("h"))
    assert path.stat().st_ino == inode
    assert spool.ingest_spool(database, settings)["agent_events"] == 2
    assert stored(database)["event_id"].to_list() == list("abcdefgh")


def test_only_regular_spool_files_are_read(database: Database, settings: Settings, tmp_path: Path) -> None:
    write(settings, envelope("a"), name="notes.txt")
    outside = tmp_path / "outside"
    outside.write_text(json.dumps(envelope("b")) + "\n")
    (spool.folder(settings) / "link.jsonl").symlink_to(outside)
    os.mkfifo(spool.folder(settings) / "pipe.jsonl")
    (spool.folder(settings) / "folder.jsonl").mkdir()
    assert spool.ingest_spool(database, settings) == NOTHING


def test_what_one_call_appends_is_one_line_that_another_reads(database: Database, settings: Settings) -> None:
    path = spool.append(settings, envelope("a", payload={"text": "two\nlines \ud83d"}))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    spool.append(settings, envelope("b", occurred_at="2026-02-03T04:05:06Z"))
    assert spool.ingest_spool(database, settings)["agent_events"] == 2
    first, second = stored(database).iter_rows(named=True)
    assert abs(first["occurred_at"] - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert second["occurred_at"] == dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)


def test_an_event_appended_after_a_dead_writer_stays_whole(database: Database, settings: Settings) -> None:
    path = spool.append(settings, envelope("a"))
    with path.open("ab") as file:
        file.write(b'{"event_id": "dead')
    spool.append(settings, envelope("b"))
    counts = spool.ingest_spool(database, settings)
    assert (counts["agent_events"], counts["rejected_events"]) == (2, 1)


def test_what_cannot_be_appended_is_refused_in_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        spool.append(settings, {"x": object()})
    monkeypatch.setattr(spool_files, "MAX_LINE_BYTES", 100)
    with pytest.raises(ConfigError, match="more than 100"):
        spool.append(settings, {"x": "y" * 100})
    monkeypatch.setattr(os, "write", lambda descriptor, line: 3)
    with pytest.raises(StoreError, match="No space left"):
        spool.append(settings, {"x": 1})


def test_appenders_at_once_do_not_mix_their_lines(database: Database, settings: Settings) -> None:
    def run(writer: int) -> None:
        for number in range(50):
            spool.append(settings, envelope(f"{writer}-{number}", payload={"x": "y" * 20_000}))

    writers = [threading.Thread(target=run, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    counts = spool.ingest_spool(database, settings)
    assert (counts["agent_events"], counts["rejected_events"]) == (200, 0)


INGEST = """
import os, signal, sys
from stemma.config import Settings
from stemma.store.postgres import Database, Transaction
from stemma.track import spool, spool_files
spool_files.BATCH_BYTES, spool_files._CHUNK_BYTES = 20_000, 5_000
die_before, insert = int(sys.argv[3]), Transaction.insert
def dying(*arguments, **options):
    global die_before
    die_before -= 1
    if die_before == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return insert(*arguments, **options)
Transaction.insert = dying
settings = Settings(data_dir=sys.argv[1], database_url=sys.argv[2])
print(spool.ingest_spool(Database(sys.argv[2]), settings)["agent_events"])
"""


def ingester(settings: Settings, database: Database, die_before: int = 0) -> subprocess.Popen[str]:
    """Another process that reads the spool in small batches; it kills itself before its n-th insert."""
    command = [sys.executable, "-c", INGEST, str(settings.data_dir), database.url, str(die_before)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(spool.__file__).parents[2])


def test_two_readers_at_once_store_every_event_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = spool._without_stored

    def look_and_linger(*arguments: Any) -> pl.DataFrame:
        new = look(*arguments)
        time.sleep(0.3)  # the other reader, were it let in, would now look too
        return new

    monkeypatch.setattr(spool, "_without_stored", look_and_linger)
    # No month is made for this year, so no lock but the spool's own keeps the second reader out.
    write(settings, *(envelope(f"{number:04}", occurred_at="9999-01-01T00:00:00Z") for number in range(20)))
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: spool.ingest_spool(database, settings), range(2)))
    assert sorted(count["agent_events"] for count in counts) == [0, 20]
    assert [count["duplicates"] for count in counts] == [0, 0]


def test_two_processes_at_once_share_the_spool(database: Database, settings: Settings) -> None:
    write(settings, *(envelope(f"{number:04}", payload={"x": "y" * 200}) for number in range(600)))
    write(settings, *(envelope(f"{number:04}", payload={"x": "y" * 200}) for number in range(600)), name="again.jsonl")
    readers = [ingester(settings, database) for _ in range(2)]
    outputs = [reader.communicate(timeout=60)[0].split() for reader in readers]
    assert sum(int(output[0]) for output in outputs) == 600
    assert stored(database).height == 600


def test_a_reader_killed_between_insert_and_note_loses_and_doubles_nothing(
    database: Database, settings: Settings
) -> None:
    for number in range(60):  # about ten a batch, and three inserts a batch, the last of them the note
        write(settings, envelope(None, session_id=f"{number:04}", payload={"x": "y" * 2_000}), f"bad {number}".encode())
    heights = []
    for die_before in (3, 4, 6):
        assert ingester(settings, database, die_before).wait(timeout=60) == -signal.SIGKILL
        heights.append(stored(database).height)
    assert heights[0] == 0 < heights[1] < heights[2] < 60
    n_rejected = rejected(database).height
    counts = spool.ingest_spool(database, settings)
    assert counts["duplicates"] == 0
    assert (counts["agent_events"], counts["rejected_events"]) == (60 - heights[2], 60 - n_rejected)
    assert database.read("SELECT count(DISTINCT session_id) AS n FROM stemma.agent_events").item() == 60


def test_a_failed_insert_notes_nothing_as_read(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings, envelope("a"))
    database.execute("ALTER TABLE stemma.spool_files ADD CONSTRAINT full_disk CHECK (read_bytes = 0)")
    with pytest.raises(StoreError):
        spool.ingest_spool(database, settings)
    assert stored(database).is_empty()
    database.execute("ALTER TABLE stemma.spool_files DROP CONSTRAINT full_disk")
    assert spool.ingest_spool(database, settings)["agent_events"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
EVENTS = st.builds(
    lambda extra, **known: json.dumps(known | extra).encode(),
    extra=st.dictionaries(st.text(), JSON, max_size=3),
    agent=st.text(min_size=1) | JSON,
    event_type=st.text(min_size=1),
    payload=st.dictionaries(st.text(), JSON),
    session_id=st.none() | st.text(),
    occurred_at=st.none() | st.datetimes(timezones=st.just(dt.UTC)).map(str) | st.text(),
)


@given(st.lists(st.binary() | EVENTS, min_size=1, max_size=20))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_lines_hold_each_is_stored_or_set_aside(
    database: Database, settings: Settings, lines: list[bytes]
) -> None:
    database.execute("TRUNCATE stemma.agent_events, stemma.rejected_events, stemma.spool_files")
    write(settings, *lines, mode="wb")
    n_lines = sum(1 for line in b"\n".join(lines).split(b"\n") if line.strip())
    counts = spool.ingest_spool(database, settings)
    assert counts["agent_events"] + counts["duplicates"] + counts["rejected_events"] == n_lines
    assert stored(database).height == counts["agent_events"]
