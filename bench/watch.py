"""What a command and everything below it cost: wall and CPU seconds, and memory, sampled. Callers say what is run.

Memory is proportional set size (PSS): pages that processes share, as Postgres's do, are counted once, not once each.
"""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

EVERY_S = 0.5


@dataclass
class Cost:
    """Of a command with all below it; `server_cpu_s` is of a server beside it that works for it: Postgres.

    `peak_mib` is the most they held together, server included, `peak_of_one_mib` the largest single process.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    server_cpu_s: float = 0.0
    peak_mib: float = 0.0
    peak_of_one_mib: float = 0.0


def watch(
    command: Sequence[str], *, server: Callable[[], int | None] = lambda: None, **options: Any
) -> tuple[Cost, subprocess.CompletedProcess[Any]]:
    """Run a command to its end; what it cost, and what it printed (`options` are those of `subprocess.Popen`).

    One at a time: the CPU seconds are those of all children that ended meanwhile.
    """
    cost = Cost()
    before, cpu, started = _spent(server()), _children_s(), time.monotonic()
    process = subprocess.Popen(command, **options)
    after: dict[int, float] = {}
    with _sampling(lambda: _look(process.pid, server(), cost, after)):
        out, err = process.communicate()
    cost.wall_s = time.monotonic() - started
    cost.cpu_s = _children_s() - cpu
    cost.server_cpu_s = sum(spent - before.get(pid, 0.0) for pid, spent in after.items())
    return cost, subprocess.CompletedProcess(command, process.returncode, out, err)


@contextmanager
def _sampling(look: Callable[[], None]) -> Iterator[None]:
    done = threading.Event()

    def sample() -> None:
        while not done.wait(EVERY_S):
            look()

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _look(pid: int, server: int | None, cost: Cost, after: dict[int, float]) -> None:
    after |= _spent(server)
    sizes = [_pss_mib(process.pid) for process in [*_tree(pid), *_tree(server)]]
    cost.peak_mib = max(cost.peak_mib, sum(sizes))
    cost.peak_of_one_mib = max([cost.peak_of_one_mib, *sizes])


def _spent(server: int | None) -> dict[int, float]:
    """CPU seconds of the server's processes, by id."""
    found = {}
    for process in _tree(server):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        found[process.pid] = times.user + times.system
    return found


def _tree(pid: int | None) -> list[psutil.Process]:
    if pid is None:
        return []
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except (psutil.Error, ValueError):  # it has ended, or is no process
        return []


def _pss_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
