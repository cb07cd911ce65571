"""Map a function over batches: in this process, or in a bounded pool of worker processes that a crash does not end.

What the function does lives in the room that calls; how batches are cut, too.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.context import BaseContext
from typing import Generic, TypeVar

Batch = TypeVar("Batch")
Result = TypeVar("Result")

IN_FLIGHT_PER_WORKER = 2
BATCHES_PER_WORKER = 16
"""Then another process takes its place. Of 86,000 files in batches of 400, two workers that read all of them grew to
900 MB each, little of it in use: what Python and the C library keep for later is scattered over it."""


@dataclass(frozen=True)
class Crashed(Generic[Batch]):
    """A batch whose worker died (killed, out of memory, a fault in native code) each of the two times it was tried."""

    batch: Batch


def map_batches(
    function: Callable[[Batch], Result],
    batches: Iterable[Batch],
    *,
    workers: int,
    isolate: bool = False,
) -> Iterator[Result | Crashed[Batch]]:
    """The function's result for every batch, in the batches' order.

    At most `2 * workers` batches are under way, so a source of batches is drawn on only as fast as results are taken.
    With one worker, or a single batch, all is done in this process, unless `isolate`: nothing is started (0.3 s), and
    nothing survives a crash. Otherwise a batch whose worker dies is tried once more with a process to itself, so that
    the others' work goes on and the culprit is known. Workers end when this process ends, however it ends.

    Args:
        function: a module-level function; it and the batches are pickled.
        batches: drawn on lazily.
        workers: processes.
        isolate: let no batch run in this process, so that none can end it.

    Yields:
        Results, or `Crashed` in the place of a batch that kills its process.

    Raises:
        Exception: what the function raised.
    """
    source = iter(batches)
    first = list(islice(source, 2))
    source = chain(first, source)
    if not isolate and (workers == 1 or len(first) < 2):
        yield from map(function, source)
        return
    yield from _map_in_pool(function, source, workers)


def _map_in_pool(
    function: Callable[[Batch], Result], source: Iterator[Batch], workers: int
) -> Iterator[Result | Crashed[Batch]]:
    context = _context()
    waiting: deque[tuple[Batch, Future[Result]]] = deque()
    pool, n_left = _pool(context, workers), BATCHES_PER_WORKER * workers
    try:
        while True:
            for batch in islice(source, IN_FLIGHT_PER_WORKER * workers - len(waiting)):
                if not n_left:
                    pool.shutdown(wait=False)  # what was given to it, it does
                    pool, n_left = _pool(context, workers), BATCHES_PER_WORKER * workers
                waiting.append((batch, _submit(pool, function, batch)))
                n_left -= 1
            if not waiting:
                return
            batch, future = waiting.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                # One worker's death breaks the whole pool and does not say whose batch it was.
                unfinished = [batch, *(other for other, _ in waiting)]
                waiting.clear()
                pool.shutdown(cancel_futures=True)
                for suspect in unfinished:
                    yield _alone(context, function, suspect)
                pool, n_left = _pool(context, workers), BATCHES_PER_WORKER * workers
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, function: Callable[[Batch], Result], batch: Batch) -> Future[Result]:
    try:
        return pool.submit(function, batch)
    except BrokenProcessPool as error:  # it broke since the last look: told in the batch's turn, as for the others
        broken: Future[Result] = Future()
        broken.set_exception(error)
        return broken


def _alone(context: BaseContext, function: Callable[[Batch], Result], batch: Batch) -> Result | Crashed[Batch]:
    with _pool(context, 1) as pool:
        try:
            return pool.submit(function, batch).result()
        except BrokenProcessPool:
            return Crashed(batch)


def _context() -> BaseContext:
    """Not fork: this process has threads (Arrow, Polars, Postgres drivers), and a lock they hold would stay locked."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(method)


def _pool(context: BaseContext, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A worker holds both ends of its own work queue, so without this it would outlive a killed parent for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()
