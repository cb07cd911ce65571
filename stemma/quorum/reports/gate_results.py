"""The results of gates as `stemma gates --json` writes them, taken into a report as plain data.

What the gates judge lives above this, in `stemma.gates`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from stemma.errors import ConfigError
from stemma.quorum.reports.model import GateFigures, Gates, Status, known

_HINT = "Give what `stemma gates --json` printed."


class _Gate(BaseModel):
    gate: str
    status: Status
    is_blocking: bool
    sentence: str
    unit: str
    threshold: float
    at_least: bool
    score: float | None
    seconds: float
    n_findings: int


class _Run(BaseModel):
    format: Literal[1]
    is_passed: bool
    sentence: str
    gates: list[_Gate]


def read_gates(file: Path) -> Gates:
    """The gates of one run.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    try:
        run = _Run.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", _HINT) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole of it"
        raise ConfigError(f"{file} holds no gate results: {where}: {first['msg']}.", _HINT) from error
    return Gates(
        overall="passed" if run.is_passed else "failed",
        sentence=run.sentence,
        results=tuple(_figures(gate) for gate in run.gates),
    )


def _figures(gate: _Gate) -> GateFigures:
    values: dict[str, Any] = gate.model_dump(exclude={"score"})
    return GateFigures(**values, score=known(gate.score, gate.sentence))
