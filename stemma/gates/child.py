"""A gate in a process of its own: started, listened to, and ended with every process it started, whatever they do.

Why one is ended, and what is made of it, is decided in `run`; what it does, in the gate.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from stemma import progress
from stemma.errors import StemmaError
from stemma.gates.answers import FINDINGS_KEPT, Answer, Asked, CannotTellError, Finding
from stemma.gates.known import gate_named
from stemma.processes import die_with_parent

# A fresh interpreter, so that the gate is our direct child and shares no lock with the threads of this process.
_CONTEXT = multiprocessing.get_context("spawn")
_ROUNDS = 50


@dataclass
class Running:
    """A gate at work. `connection` brings one JSON object a message: progress, then its answer or why it has none."""

    name: str
    process: BaseProcess
    connection: Connection
    folder: tempfile.TemporaryDirectory[str]
    started_at: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started_at

    def end(self) -> None:
        """Kill what is left of it: itself, its children and theirs; and remove what they wrote."""
        if self.process.pid is not None:
            end_tree(self.process.pid)
        self.process.join()
        self.connection.close()
        self.folder.cleanup()


def start(name: str, asked: Asked) -> Running:
    """Start a gate."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    folder = tempfile.TemporaryDirectory(prefix="stemma-gate-", ignore_cleanup_errors=True)
    process = _CONTEXT.Process(target=_main, args=(name, asked, theirs, folder.name), name=f"gate-{name}")
    started_at = time.monotonic()
    process.start()
    theirs.close()  # only the child writes, so its end is the pipe's
    return Running(name, process, ours, folder, started_at)


def _main(name: str, asked: Asked, connection: Connection, folder: str) -> None:
    die_with_parent()
    tempfile.tempdir = os.environ["TMPDIR"] = folder  # what a gate leaves when it is killed lies there
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # standard output is the command's

    def tell(message: dict[str, Any]) -> None:
        connection.send_bytes(json.dumps(message).encode())

    with progress.told_to(tell):
        tell(_outcome(name, asked))


def _outcome(name: str, asked: Asked) -> dict[str, Any]:
    try:
        answer = gate_named(name).ask(asked)
    except (CannotTellError, StemmaError) as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "It needed more memory than it may use."}
    except Exception as error:  # a gate that is broken has an error, and the others go on
        where = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": f"Unforeseen {type(error).__name__} in {where.name} (line {where.lineno}): {error}"[:500]}
    kept = replace(answer, findings=answer.findings[:FINDINGS_KEPT])
    return {"answer": asdict(kept), "n_findings": len(answer.findings)}


def read_answer(document: dict[str, Any]) -> Answer:
    """The answer a child told."""
    findings = tuple(Finding(**finding) for finding in document["findings"])
    return Answer(**(document | {"findings": findings}))


def end_tree(pid: int) -> None:
    """Kill a process and all that descend from it, those in sessions of their own too.

    They are stopped first, until no new ones turn up: one that runs could start another while its parent is killed.
    """
    stopped: dict[int, psutil.Process] = {}
    for _ in range(_ROUNDS):
        new = [process for process in _tree(pid) if process.pid not in stopped]
        if not new:
            break
        for process in new:
            stopped[process.pid] = process
            with suppress(psutil.NoSuchProcess):
                process.suspend()
    for process in stopped.values():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
