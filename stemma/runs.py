"""Runs of the main job: what they read, how long each phase took, how they ended.

What a phase does lives in its room.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import polars as pl
import psutil

from stemma.errors import BusyError
from stemma.store.postgres import Database
from stemma.tables import run_phases, runs

LOCK = "run"
LOCK_HELD = "STEMMA_RUN_LOCK_HELD"  # set for the process that `stemma run` starts while it holds the lock itself


@contextmanager
def hold_lock(db: Database) -> Iterator[None]:
    """The one lock of everything that writes derived tables and vectors, free again when its holder dies.

    Raises:
        BusyError: another process holds it.
    """
    if os.environ.get(LOCK_HELD):
        yield
        return
    with ExitStack() as held:
        try:
            held.enter_context(db.lock(LOCK))
        except BusyError as error:
            raise BusyError(
                "Another run is at work on these stores.", "Wait until it has ended; it leaves nothing to do twice."
            ) from error
        yield


@dataclass
class Measured:
    """What one phase did; `n_rows` is set by the phase and stays None where it writes none."""

    n_rows: int | None = None


def begin(db: Database, run_id: str) -> None:
    """Note that a run has begun; a run that has is left as it is."""
    row = {"run_id": run_id, "started_at": dt.datetime.now(dt.UTC), "status": "running"}
    db.insert(runs, pl.DataFrame([row]), on_conflict="nothing")


def end(
    db: Database, run_id: str, *, status: str, inputs: Mapping[str, str] | None = None, error: str | None = None
) -> None:
    """Note how a run ended, unless that is noted already. `inputs` is kept for runs that succeeded whole."""
    db.execute(
        "UPDATE stemma.runs SET ended_at = now(), status = $2, inputs = $3::jsonb, error = $4 "
        "WHERE run_id = $1 AND (ended_at IS NULL OR (inputs IS NULL AND $3::jsonb IS NOT NULL))",
        [run_id, status, None if inputs is None else json.dumps(inputs), error],
    )


def note_degraded(db: Database, run_id: str, sentence: str) -> None:
    """Note what a run has to do without; it is then not taken for one that left nothing to do."""
    begin(db, run_id)
    db.execute("UPDATE stemma.runs SET degraded = concat_ws(' ', degraded, $2) WHERE run_id = $1", [run_id, sentence])


def degraded(db: Database, run_id: str) -> str | None:
    """What a run had to do without, in sentences; None when it had everything."""
    found = db.read("SELECT degraded FROM stemma.runs WHERE run_id = $1 AND degraded IS NOT NULL", [run_id])["degraded"]
    return str(found.item()) if len(found) else None


def bury_killed(db: Database) -> int:
    """Mark runs that never ended as killed. Only the holder of the run lock may call it: then nobody else runs."""
    return db.execute("UPDATE stemma.runs SET status = 'killed' WHERE status = 'running'")


def last_inputs(db: Database) -> dict[str, str]:
    """What the newest run had read, if it succeeded whole; empty when it did not: then there may be something to do."""
    frame = db.read("SELECT status, inputs::text AS inputs FROM stemma.runs ORDER BY started_at DESC LIMIT 1")
    known = frame.filter((pl.col("status") == "succeeded") & pl.col("inputs").is_not_null())
    return {} if known.is_empty() else dict(json.loads(known["inputs"].item()))


@contextmanager
def measure(db: Database, run_id: str, phase: str) -> Iterator[Measured]:
    """Time a phase in wall and CPU seconds (this process and all below it) and store it when it succeeds."""
    begin(db, run_id)
    measured = Measured()
    wall, cpu = time.monotonic(), _cpu_seconds()
    yield measured
    row = {
        "run_id": run_id,
        "phase": phase,
        "seconds": time.monotonic() - wall,
        "cpu_seconds": _cpu_seconds() - cpu,
        "n_rows": measured.n_rows,
    }
    with db.transaction() as transaction:
        transaction.insert(run_phases, pl.DataFrame([row]), on_conflict="update")
        transaction.execute(
            "UPDATE stemma.runs SET peak_memory_mib = greatest(peak_memory_mib, $2) WHERE run_id = $1",
            [run_id, peak_memory_mib()],
        )


def peak_memory_mib() -> float:
    """Largest resident size, so far, of this process or of any one child it waited for, in MiB."""
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(user).ru_maxrss for user in users) / 1024


def _cpu_seconds() -> float:
    """CPU seconds, so far, of this process, the children it waited for, and those that run, with theirs."""
    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
