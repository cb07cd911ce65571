"""What a gate is asked and what it may answer, and how an answer becomes a status.

How gates are run lives in `run`; what each of them looks at, in a module of its name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

import polars as pl

from stemma.config import Settings
from stemma.gate_settings import GateSettings
from stemma.git.worktree import Worktree

Status = Literal["passed", "failed", "warning", "skipped", "error"]
Severity = Literal["low", "medium", "high"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")

FINDINGS_KEPT = 5_000
"""Of one gate; their number is told whatever it is."""


@dataclass(frozen=True)
class Finding:
    """One thing a gate saw. `path` is relative to the top of the checkout, as `git.paths.escape` writes it; `line` is
    null where it is about the whole file, and `path` where it is about no file. `key` stays while the code does."""

    rule: str
    severity: Severity
    path: str | None
    line: int | None
    message: str
    key: str


@dataclass(frozen=True)
class Asked:
    """A checkout as the command found it. `new_lines` (path, start_line, end_line): judge only what touches these."""

    worktree: Worktree
    settings: Settings
    new_lines: pl.DataFrame | None = None
    accepts_slower: bool = False


@dataclass(frozen=True)
class Answer:
    """What a gate found out.

    Attributes:
        is_met: whether the threshold is; null when there was nothing to judge by.
        reservation: why it is not to be called passed outright, though the threshold is met.
    """

    is_met: bool | None
    sentence: str
    score: float | None = None
    findings: tuple[Finding, ...] = ()
    reservation: str | None = None


class CannotTellError(Exception):
    """What the gate would judge by cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class About:
    """A gate without its doings: `unit` is that of its score and threshold, which the score must reach or not pass."""

    name: str
    unit: str
    at_least: bool


class Gate(Protocol):
    """One gate. It is run in a process of its own, so it is found there again by its name."""

    def ask(self, asked: Asked) -> Answer:
        """Judge the checkout.

        Raises:
            CannotTellError: see there.
        """
        ...


@dataclass(frozen=True)
class GateResult:
    """How one gate ended."""

    gate: str
    status: Status
    is_blocking: bool
    sentence: str
    unit: str
    threshold: float
    at_least: bool
    score: float | None = None
    seconds: float = 0.0
    n_findings: int = 0
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    @property
    def stops(self) -> bool:
        return self.is_blocking and self.status in ("failed", "error")

    def as_document(self) -> dict[str, Any]:
        document = asdict(self)
        document["findings"] = [
            {key: value for key, value in finding.items() if key != "key"} for finding in document["findings"]
        ]
        return document


def counted(number: int, noun: str) -> str:
    """`1 benchmark`, `1,200 benchmarks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unanswered(gate: About, told: GateSettings, status: Status, sentence: str, seconds: float = 0.0) -> GateResult:
    """The result of a gate that has no answer."""
    return GateResult(
        gate.name,
        status,
        told.blocking,
        sentence,
        gate.unit,
        threshold_of(told),
        gate.at_least,
        seconds=round(seconds, 3),
    )


def answered(gate: About, told: GateSettings, answer: Answer, seconds: float) -> GateResult:
    """The result of a gate that answered."""
    status, remark = _status(told, answer)
    sentence = " ".join(part for part in (answer.sentence, remark) if part)
    found = unanswered(gate, told, status, sentence, seconds)
    return replace(found, score=answer.score, n_findings=len(answer.findings), findings=answer.findings[:FINDINGS_KEPT])


def threshold_of(told: GateSettings) -> float:
    return float(getattr(told, "threshold"))  # noqa: B009 - each gate describes its own, so the base has none


def _status(told: GateSettings, answer: Answer) -> tuple[Status, str]:
    if answer.is_met is None:
        if told.required:
            return "error", "It is required."
        return "skipped", ""
    if not answer.is_met:
        remark = answer.reservation or ""
        return ("failed", remark) if told.blocking else ("warning", f"{remark} It does not block.".strip())
    return ("passed", "") if answer.reservation is None else ("warning", answer.reservation)
