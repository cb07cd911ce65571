"""What outlives the process that asked an outside service: answers already paid for, breakers, whom we spoke to.

One SQLite file in the data folder: it is needed where no Postgres is opened (`stemma doctor`, `stemma similar`), and
losing it costs requests, not data. When a service is asked at all is decided in `endpoint`.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from stemma.config import Settings
from stemma.errors import StoreError

logger = logging.getLogger(__name__)

FILE = "remote.sqlite"
BUSY_MS = 30_000  # how long a writer waits for another process's
KEYS_PER_QUERY = 500
EVICTED_SHARE = 0.1  # of the answers, those least recently used, when the file is at its bound
USED_GRAIN_S = 86_400  # a use is noted once a day: reading should not cost a write

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, space TEXT NOT NULL, answer BLOB NOT NULL, used_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_used_at ON answers (used_at);
CREATE INDEX IF NOT EXISTS answers_space ON answers (space);
CREATE TABLE IF NOT EXISTS identities (space TEXT PRIMARY KEY, identity BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS breakers (
    name TEXT PRIMARY KEY, state TEXT NOT NULL DEFAULT 'closed', failures INTEGER NOT NULL DEFAULT 0,
    successes INTEGER NOT NULL DEFAULT 0, opened_at REAL, last_problem TEXT
);
"""


class Memory:
    """Answers by key, bounded in bytes; safe with several processes and threads at once (write-ahead log).

    A `space` is one service with one model; `forget` empties it. A key is a hash of everything that was asked, so
    that nothing asked is stored in the clear. A file that is no database is set aside, with a warning.

    Raises:
        StoreError: in use, the file cannot be read or written.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._guard = threading.RLock()

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The answers that are known, by key."""
        found: dict[str, bytes] = {}
        stale: list[tuple[int, str]] = []
        now = int(time.time())
        with self.connected() as connection:
            for start in range(0, len(keys), KEYS_PER_QUERY):
                part = keys[start : start + KEYS_PER_QUERY]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT key, answer, used_at FROM answers WHERE key IN ({marks})", part)
                for key, answer, used_at in rows:
                    found[key] = answer
                    if now - used_at > USED_GRAIN_S:
                        stale.append((now, key))
            connection.executemany("UPDATE answers SET used_at = ? WHERE key = ?", stale)
        return found

    def put(self, space: str, answers: Mapping[str, bytes]) -> None:
        """Keep these answers; where the file is at its bound, those least recently used go."""
        now = int(time.time())
        rows = [(key, space, answer, now) for key, answer in answers.items()]
        with self.connected() as connection:
            connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
            self._evict(connection)

    def forget(self, space: str) -> int:
        """Drop the answers and the identity of one space; returns how many answers that were."""
        with self.connected() as connection:
            connection.execute("DELETE FROM identities WHERE space = ?", (space,))
            return connection.execute("DELETE FROM answers WHERE space = ?", (space,)).rowcount

    def identity(self, space: str) -> bytes | None:
        """What was noted of the service behind `space`; None when nothing was."""
        with self.connected() as connection:
            row = connection.execute("SELECT identity FROM identities WHERE space = ?", (space,)).fetchone()
        return None if row is None else bytes(row[0])

    def note_identity(self, space: str, identity: bytes) -> bytes:
        """Note it unless one is noted; returns the one that stands."""
        with self.connected() as connection:
            connection.execute("INSERT OR IGNORE INTO identities VALUES (?, ?)", (space, identity))
            row = connection.execute("SELECT identity FROM identities WHERE space = ?", (space,)).fetchone()
        return bytes(row[0])

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction of its own, committed when the block ends well."""
        with self._guard:
            try:
                with self._connection as connection:
                    yield connection
            except sqlite3.Error as error:
                raise StoreError(
                    f"{self.path} cannot be used: {error}.", "Check the disk; without that file answers are asked anew."
                ) from error

    def close(self) -> None:
        with self._guard:
            if "_connection" in self.__dict__:
                self._connection.close()
                del self.__dict__["_connection"]

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _connect(self.path)
        except OSError as error:
            raise StoreError(f"{self.path.parent} cannot be written: {error.strerror}.", "Check data_dir.") from error
        except sqlite3.OperationalError:  # locked, full, not permitted: nothing is wrong with what it holds
            raise
        except sqlite3.DatabaseError as error:
            _set_aside(self.path, error)
            return _connect(self.path)

    def _evict(self, connection: sqlite3.Connection) -> None:
        while self._used_bytes(connection) > self._max_bytes:
            (n_answers,) = connection.execute("SELECT count(*) FROM answers").fetchone()
            if not n_answers:
                return
            oldest = "SELECT key FROM answers ORDER BY used_at, rowid LIMIT ?"
            n_evicted = max(1, int(n_answers * EVICTED_SHARE))
            connection.execute(f"DELETE FROM answers WHERE key IN ({oldest})", (n_evicted,))

    @staticmethod
    def _used_bytes(connection: sqlite3.Connection) -> int:
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def open_memory(settings: Settings) -> Memory:
    """The memory of this data folder; nothing is opened or made before it is used."""
    return Memory(settings.data_dir / FILE, settings.remote_cache_mib << 20)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # an answer lost with the power is asked again
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _set_aside(path: Path, error: sqlite3.Error) -> None:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.rename(path.with_name(f"{path.name}.broken-{moment}"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    logger.warning("%s cannot be read (%s); set aside as %s, begun anew.", path, error, aside.name)
