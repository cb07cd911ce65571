"""Processes of their own that do one step of Stemma and are halted by Postgres in the middle of a statement.

A trigger makes whoever writes to one table wait for a lock that the test holds, so where a process stands when it is
killed, or when a second one comes, is no matter of luck.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from stemma.store.postgres import Database

_LOCK = 7_140_001
_WAIT_S = 120.0
_TRIGGER = """
CREATE OR REPLACE FUNCTION stemma.halt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {condition} THEN
        PERFORM pg_advisory_xact_lock({lock});
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER halt AFTER INSERT OR UPDATE OR DELETE ON stemma.{table} FOR EACH STATEMENT EXECUTE FUNCTION stemma.halt()
"""


@contextmanager
def writers_halted(database: Database, table: str, condition: str = "true") -> Iterator[None]:
    """Whoever writes to the table, and finds the condition true, waits after the statement until this ends."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(_TRIGGER.format(table=table, condition=condition, lock=_LOCK).encode())
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            yield
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
            _until(database, "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
            connection.execute(f"DROP TRIGGER halt ON stemma.{table}".encode())


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process of its own that runs the code."""
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)


def wait_until_halted(database: Database, n_processes: int = 1) -> None:
    """Until so many connections wait for a lock."""
    _until(
        database,
        "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') "
        f">= {n_processes}",
    )


def wait_until_alone(database: Database) -> None:
    """Until Postgres has noticed that whoever was killed is gone, and has taken back what they had begun."""
    own = "pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
    _until(database, f"NOT EXISTS (SELECT FROM pg_stat_activity WHERE {own} AND state <> 'idle')")


def _until(database: Database, condition: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    with psycopg.connect(database.url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(f"SELECT {condition}".encode()).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.02)
    raise AssertionError(f"This did not come to be in {_WAIT_S:.0f} s: {condition}")
