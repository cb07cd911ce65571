"""Claims of mapping over batches: order, bounds, crashes, and that no worker outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from stemma import engine
from stemma.engine import IN_FLIGHT_PER_WORKER, Crashed, map_batches

DEADLY, DEADLY_ONCE = -1, -2


def double(batch: int) -> tuple[int, int]:
    return 2 * batch, os.getpid()


def double_unless_deadly(batch: int) -> int:
    if batch == DEADLY:
        os.kill(os.getpid(), signal.SIGSEGV)
    return 2 * batch


def die_the_first_time(marker: str) -> str:
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def refuse(batch: int) -> int:
    raise ValueError(f"no {batch}")


def test_results_come_in_the_order_of_the_batches() -> None:
    results = list(map_batches(double, range(20), workers=2))
    assert [result[0] for result in results if not isinstance(result, Crashed)] == list(range(0, 40, 2))


def test_one_worker_or_one_batch_starts_no_process() -> None:
    assert list(map_batches(double, range(5), workers=1)) == [(2 * n, os.getpid()) for n in range(5)]
    assert list(map_batches(double, [3], workers=2)) == [(6, os.getpid())]
    assert list(map_batches(double, [], workers=2)) == []


@pytest.mark.parametrize(("n_batches", "workers", "isolate"), [(4, 2, False), (1, 1, True)])
def test_more_work_or_work_to_isolate_is_done_in_other_processes(n_batches: int, workers: int, isolate: bool) -> None:
    results = list(map_batches(double, range(n_batches), workers=workers, isolate=isolate))
    assert os.getpid() not in {result[1] for result in results if not isinstance(result, Crashed)}
    assert len(results) == n_batches


def test_a_worker_that_has_done_its_share_gives_way_to_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BATCHES_PER_WORKER", 3)
    results = [result for result in map_batches(double, range(20), workers=2) if not isinstance(result, Crashed)]
    assert [result[0] for result in results] == list(range(0, 40, 2))
    done = Counter(pid for _, pid in results)
    assert max(done.values()) <= 6  # six are given to two, who share them as they come
    assert len(done) >= 4


def test_batches_are_drawn_only_as_results_are_taken() -> None:
    drawn = []

    def batches() -> Iterator[int]:
        for n in range(100):
            drawn.append(n)
            yield n

    results = map_batches(double, batches(), workers=2)
    for n_taken in range(1, 6):
        next(results)
        assert len(drawn) <= n_taken - 1 + 2 * IN_FLIGHT_PER_WORKER
    results.close()  # type: ignore[attr-defined]


def test_a_batch_that_kills_its_worker_is_named_and_the_others_are_done() -> None:
    batches = [1, 2, DEADLY, 3, 4, 5, 6, 7, DEADLY, 8]
    expected = [Crashed(DEADLY) if batch == DEADLY else 2 * batch for batch in batches]
    assert list(map_batches(double_unless_deadly, batches, workers=2)) == expected


def test_a_batch_whose_worker_died_by_accident_is_done_again(tmp_path: Path) -> None:
    batches = ["", "", str(tmp_path / "died"), ""]
    assert list(map_batches(die_the_first_time, batches, workers=2)) == batches


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_function_reaches_the_caller(workers: int) -> None:
    with pytest.raises(ValueError, match="no 0"):
        list(map_batches(refuse, range(3), workers=workers))


PARENT = """
import os, sys, time
from stemma.engine import map_batches

def tell_and_sleep(batch):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)

if __name__ == "__main__":
    list(map_batches(tell_and_sleep, range(2), workers=2))
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(_is_running(pid) for pid in workers)
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not any(_is_running(pid) for pid in workers):
            return
        time.sleep(0.1)
    pytest.fail(f"still running: {[pid for pid in workers if _is_running(pid)]}")


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
