"""Runs gates over a checkout: in order, at once where they may, within their time, and adds up how they ended.

What one gate's answer is worth is decided in `answers`; the process it runs in is `child`'s.
"""

from __future__ import annotations

import json
import signal
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait

from stemma import progress
from stemma.config import worker_count
from stemma.gate_settings import GateSettings, GatesSettings
from stemma.gates import child
from stemma.gates.answers import Asked, GateResult, Status, answered, unanswered
from stemma.gates.child import Running
from stemma.gates.known import NAMES, about, settings_of

_POLL_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """How the gates ended together."""

    results: tuple[GateResult, ...]
    seconds: float

    @property
    def is_passed(self) -> bool:
        """Whether no blocking gate failed or had an error."""
        return not any(result.stops for result in self.results)

    @property
    def sentence(self) -> str:
        stopping = [result for result in self.results if result.stops]
        told = [f"{result.gate} {'failed' if result.status == 'failed' else 'had an error'}" for result in stopping]
        others = [result.gate for result in self.results if result.status in ("warning", "error") and not result.stops]
        going_on = f" Goes on with a warning about {_listed(others)}." if others else ""
        if stopping:
            return f"Stopped: {_listed(told)}.{going_on}"
        n_passed = sum(result.status == "passed" for result in self.results)
        n_skipped = sum(result.status == "skipped" for result in self.results)
        skipped = f", {n_skipped} skipped" if n_skipped else ""
        return f"Passed: {n_passed} of {len(self.results)} gates passed{skipped}.{going_on}"


def run_gates(asked: Asked, names: Sequence[str] = NAMES) -> Outcome:
    """Run these gates, but those that are switched off, and wait for all of them.

    Gates are run in processes of their own. None outlives this call, nor does anything it started.
    """
    return _Run(asked, names).outcome()


def _listed(names: Sequence[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))


def _how_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.strsignal(-code) or f'signal {-code}'}"
    return f"ended without an answer (exit code {code})"


class _Run:
    """The state of one run: who is at work, who has ended, and until when."""

    def __init__(self, asked: Asked, names: Sequence[str]) -> None:
        self._asked = asked
        self._told: GatesSettings = asked.settings.gates
        self._names = [name for name in NAMES if name in names]
        self._running: dict[Connection, Running] = {}
        self._results: dict[str, GateResult] = {}
        self._started_at = time.monotonic()

    def outcome(self) -> Outcome:
        chosen = [name for name in self._names if self._settings(name).enabled]
        for name in set(self._names) - set(chosen):
            self._end(name, "skipped", "It is switched off.")
        try:
            for order in sorted({self._settings(name).order for name in chosen}):
                self._run_together([name for name in chosen if self._settings(name).order == order])
        finally:
            for running in self._running.values():
                running.end()
        seconds = round(time.monotonic() - self._started_at, 3)
        return Outcome(tuple(self._results[name] for name in self._names), seconds)

    def _run_together(self, names: Iterable[str]) -> None:
        """All of one order; at once where that is wanted, and at most one per worker."""
        waiting = deque(names)
        workers = worker_count(self._asked.settings)
        at_once = max(1, min(workers, len(waiting))) if self._told.parallel else 1
        # Each would otherwise start as many analysers as there are cores.
        share = self._asked.settings.model_copy(update={"workers": max(1, workers // at_once)})
        asked = replace(self._asked, settings=share)
        while waiting or self._running:
            if reason := self._why_stop():
                self._stop(waiting, reason)
                return
            while waiting and len(self._running) < at_once:
                running = child.start(waiting.popleft(), asked)
                self._running[running.connection] = running
            for connection in wait(list(self._running), timeout=self._patience()):
                if isinstance(connection, Connection):
                    self._listen(connection)
            self._end_late()

    def _settings(self, name: str) -> GateSettings:
        return settings_of(name, self._asked.settings)

    def _patience(self) -> float:
        left = [self._settings(running.name).timeout_s - running.seconds for running in self._running.values()]
        return max(0.0, min(_POLL_S, *left, self._left_s()))

    def _left_s(self) -> float:
        return self._told.timeout_s - (time.monotonic() - self._started_at)

    def _why_stop(self) -> str | None:
        if self._left_s() <= 0:
            return f"All gates together may take {self._told.timeout_s:g} s, which were over."
        stopped = [result.gate for result in self._results.values() if result.stops]
        if self._told.fail_fast and stopped:
            return f"Not judged, because {stopped[0]} stopped the run (fail_fast)."
        return None

    def _stop(self, waiting: deque[str], reason: str) -> None:
        """What was not judged for lack of time is unknown, so it cannot be passed over as skipped."""
        status: Status = "error" if self._left_s() <= 0 else "skipped"
        for running in list(self._running.values()):
            self._take_away(running)
            self._end(running.name, status, reason, running.seconds)
        while waiting:
            self._end(waiting.popleft(), status, reason)

    def _end_late(self) -> None:
        for running in list(self._running.values()):
            budget = self._settings(running.name).timeout_s
            if running.seconds >= budget:
                self._take_away(running)
                self._end(
                    running.name, "error", f"It took longer than its {budget:g} s and was ended.", running.seconds
                )

    def _listen(self, connection: Connection) -> None:
        """Take one message; what ends without an answer has crashed."""
        running = self._running[connection]
        try:
            message = json.loads(connection.recv_bytes())
        except EOFError:
            running.process.join(_POLL_S)
            how = _how_ended(running.process.exitcode)
            self._take_away(running)
            self._end(running.name, "error", f"Its process {how}.", running.seconds)
            return
        if "answer" not in message and "error" not in message:
            progress.tell_reader(message | {"repository": running.name})
            return
        self._take_away(running)
        if "error" in message:
            self._end(running.name, "error", message["error"], running.seconds)
            return
        answer = child.read_answer(message["answer"])
        result = answered(about(running.name), self._settings(running.name), answer, running.seconds)
        self._results[running.name] = replace(result, n_findings=message["n_findings"])

    def _take_away(self, running: Running) -> None:
        del self._running[running.connection]
        running.end()

    def _end(self, name: str, status: Status, sentence: str, seconds: float = 0.0) -> None:
        self._results[name] = unanswered(about(name), self._settings(name), status, sentence, seconds)
