"""How far long work has come, told as it goes. How it is drawn lives in `cli`; library code only reports.

A process started with `STEMMA_PROGRESS_FD` writes one JSON object a line to that file descriptor:
`{"phase", "repository", "done", "total", "unit"}`; a reader draws bars from it. Without it nothing is written.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FD_VARIABLE = "STEMMA_PROGRESS_FD"
INTERVAL_S = 0.1


@dataclass
class Phase:
    """One phase of work on one repository; `total` is None while unknown."""

    name: str
    repository: str | None = None
    total: int | None = None
    unit: str = "items"
    done: int = 0
    _told_at: float = field(default=0.0, repr=False)

    def advance(self, n: int = 1) -> None:
        self.done += n
        self.tell()

    def tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._told_at < INTERVAL_S:
            return
        self._told_at = now
        tell_reader(
            {
                "phase": self.name,
                "repository": self.repository,
                "done": self.done,
                "total": self.total,
                "unit": self.unit,
            }
        )


@contextmanager
def phase(
    name: str, *, repository: str | None = None, total: int | None = None, unit: str = "items"
) -> Iterator[Phase]:
    """Report a phase from its start to its end; call `advance` on what it yields."""
    current = Phase(name, repository, total, unit)
    current.tell(force=True)
    yield current
    current.tell(force=True)


@contextmanager
def asset(name: str) -> Iterator[None]:
    """Report that an asset is being made, and whether it was; the phases inside it are reported apart."""
    tell_reader({"asset": name, "state": "started"})
    try:
        yield
    except BaseException:
        tell_reader({"asset": name, "state": "failed"})
        raise
    tell_reader({"asset": name, "state": "ended"})


_listeners: list[Callable[[dict[str, object]], None]] = []


@contextmanager
def told_to(listener: Callable[[dict[str, object]], None]) -> Iterator[None]:
    """Give every message of this process to `listener` as well, for as long as the context lasts."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell_reader(message: dict[str, object]) -> None:
    """One message to whoever listens, and to the reader of `STEMMA_PROGRESS_FD` where that is set."""
    for listener in _listeners:
        listener(message)
    descriptor = os.environ.get(FD_VARIABLE)
    if not descriptor:
        return
    try:
        os.write(int(descriptor), (json.dumps(message) + "\n").encode())
    except OSError:  # the reader is gone: progress is told to nobody, the work goes on
        os.environ.pop(FD_VARIABLE, None)
