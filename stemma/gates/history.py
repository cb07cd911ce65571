"""Earlier medians of benchmarks: one JSON line a run, in a file of the data folder or one that a project keeps.

A file and not a table, because gates are run where there is no database, and what a pipeline keeps from run to run is a
file. What is made of the medians lives in `performance`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stemma.config import Settings
from stemma.gates.answers import CannotTellError
from stemma.gates.benchmarks import BenchmarkRun, Measured
from stemma.git.paths import shown
from stemma.ids import content_id

KEPT = 50
"""Runs that are kept; older ones are dropped."""
_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Recorded:
    """One earlier run. Benchmarks that were `slower` than allowed are no measure for later ones, unless accepted."""

    recorded_at: str
    digest: str
    slower: tuple[str, ...]
    is_accepted: bool
    run: BenchmarkRun

    def measures(self) -> Iterator[Measured]:
        """What later runs may be held against."""
        return (one for one in self.run.benchmarks if self.is_accepted or one.name not in self.slower)


def history_file(root: Path, settings: Settings) -> Path:
    """The file that was named, or one for this checkout in the data folder: nothing is written into a checkout."""
    named = settings.gates.performance.history
    if named is not None:
        return root / named.expanduser()
    return settings.data_dir / "gates" / f"benchmarks-{content_id(os.fsencode(root))[:16]}.jsonl"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else reads the history to add to it meanwhile.

    Raises:
        CannotTellError: its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        raise CannotTellError(f"The history {shown(path)} cannot be written: {error.strerror}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_history(path: Path) -> list[Recorded]:
    """The runs recorded so far, oldest first; none where there is no file.

    Raises:
        CannotTellError: a line is none of ours.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CannotTellError(f"The history {shown(path)} is larger than {_MAX_BYTES >> 20} MiB; remove it.")
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTellError(f"The history {shown(path)} cannot be read: {error}.") from error
    return [_recorded(path, number, line) for number, line in enumerate(lines, 1)]


def _recorded(path: Path, number: int, line: str) -> Recorded:
    try:
        told: dict[str, Any] = json.loads(line)
        run = told.pop("run")
        benchmarks = tuple(Measured(**measured) for measured in run["benchmarks"])
        if not all(float(measured.median_s) > 0 for measured in benchmarks):
            raise ValueError
        told["slower"] = tuple(told["slower"])
        return Recorded(**told, run=BenchmarkRun(run["machine"], benchmarks))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CannotTellError(f"Line {number} of the history {shown(path)} cannot be read; remove it.") from error


def write_history(path: Path, before: Sequence[Recorded], now: Recorded) -> None:
    """Add a run, whole or not at all.

    Raises:
        CannotTellError: the file cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    lines = [json.dumps(asdict(recorded)) for recorded in [*before, now][-KEPT:]]
    try:
        aside.write_text("\n".join(lines) + "\n", "utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CannotTellError(f"The history {shown(path)} cannot be written: {error.strerror}.") from error


def recorded_now(run: BenchmarkRun, slower: Sequence[str] = (), *, is_accepted: bool = False) -> Recorded:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Recorded(now, run.digest, tuple(slower), is_accepted, run)
