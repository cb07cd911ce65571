"""Circuit breakers that every process sees: an outside service that fails is left alone for a while.

The state machine is pybreaker's; here is where it is kept, shown and reset. What counts as a failure is said in
`endpoint`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pybreaker

from stemma.remote.memory import Memory

T = TypeVar("T")

FAILURES = 5
"""Failures in a row that open a breaker."""

REST_S = 60.0
"""Seconds an open breaker lets nothing through; then one request is a trial."""


@dataclass(frozen=True)
class BreakerState:
    """One breaker. `asked_again_at` is null unless it is open."""

    name: str
    state: str
    failures: int
    opened_at: datetime | None
    asked_again_at: datetime | None
    last_problem: str | None


class _Kept(pybreaker.CircuitBreakerStorage):
    """pybreaker's storage in the memory's file: one row a breaker, written in single statements."""

    def __init__(self, memory: Memory, name: str) -> None:
        super().__init__(name)
        self._memory = memory

    def _read(self, column: str) -> Any:
        with self._memory.connected() as connection:
            query = f"SELECT {column} FROM breakers WHERE name = ?"
            row = connection.execute(query, (self.name,)).fetchone()
        return row[0] if row else None

    def _write(self, assignment: str, *values: object) -> None:
        with self._memory.connected() as connection:
            _ensure(connection, self.name)
            connection.execute(f"UPDATE breakers SET {assignment} WHERE name = ?", (*values, self.name))

    @property
    def state(self) -> str:
        return str(self._read("state") or pybreaker.STATE_CLOSED)

    @state.setter
    def state(self, state: str) -> None:
        self._write("state = ?", state)

    @property
    def counter(self) -> int:
        return int(self._read("failures") or 0)

    @property
    def success_counter(self) -> int:
        return int(self._read("successes") or 0)

    def increment_counter(self) -> None:
        self._write("failures = failures + 1")

    def reset_counter(self) -> None:
        if self.counter:  # after a success there is mostly nothing to write
            self._write("failures = 0")

    def increment_success_counter(self) -> None:
        self._write("successes = successes + 1")

    def reset_success_counter(self) -> None:
        if self.success_counter:
            self._write("successes = 0")

    @property
    def opened_at(self) -> datetime | None:
        seconds = self._read("opened_at")
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._write("opened_at = ?", moment.timestamp())

    def note(self, problem: str) -> None:
        self._write("last_problem = ?", problem)


class Breaker:
    """The breaker of one service, by name; its state is shared by all processes of a data folder.

    `failure` is the one type of exception that counts; every other lets it be closed.
    """

    def __init__(
        self,
        memory: Memory,
        name: str,
        failure: type[Exception],
        *,
        failures: int = FAILURES,
        rest_s: float = REST_S,
    ) -> None:
        self.name = name
        self._memory = memory
        self._failure = failure
        self._failures = failures
        self._rest_s = rest_s
        self._kept = _Kept(memory, name)

    def call(self, work: Callable[[], T]) -> T:
        """Do the work, unless the breaker is open.

        Raises:
            pybreaker.CircuitBreakerError: it is open, and the work was not begun.
        """
        breaker = pybreaker.CircuitBreaker(
            fail_max=self._failures,
            reset_timeout=self._rest_s,
            exclude=[lambda error: not isinstance(error, self._failure)],
            state_storage=self._kept,
            name=self.name,
            throw_new_error_on_trip=False,
        )
        try:
            return breaker.call(work)
        except self._failure as error:
            self._kept.note(str(error))
            raise

    def look(self) -> BreakerState:
        """Its state now."""
        found = [state for state in states(self._memory, self._rest_s) if state.name == self.name]
        return found[0] if found else BreakerState(self.name, pybreaker.STATE_CLOSED, 0, None, None, None)


def states(memory: Memory, rest_s: float = REST_S) -> list[BreakerState]:
    """Every breaker that was ever asked, by name; empty where the memory's file was never made."""
    if not memory.path.exists():
        return []
    query = "SELECT name, state, failures, opened_at, last_problem FROM breakers ORDER BY name"
    with memory.connected() as connection:
        rows = connection.execute(query).fetchall()
    return [_state(row, rest_s) for row in rows]


def reset(memory: Memory) -> int:
    """Close every breaker, so that the next request is sent; returns how many were not closed."""
    if not memory.path.exists():
        return 0
    with memory.connected() as connection:
        (n_open,) = connection.execute(
            "SELECT count(*) FROM breakers WHERE state <> ?", (pybreaker.STATE_CLOSED,)
        ).fetchone()
        connection.execute("DELETE FROM breakers")
    return int(n_open)


def _state(row: tuple[Any, ...], rest_s: float) -> BreakerState:
    name, state, failures, seconds, problem = row
    opened = datetime.fromtimestamp(seconds, UTC) if state == pybreaker.STATE_OPEN and seconds is not None else None
    again = opened + timedelta(seconds=rest_s) if opened else None
    return BreakerState(name, state, failures, opened, again, problem)


def _ensure(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT OR IGNORE INTO breakers (name) VALUES (?)", (name,))
