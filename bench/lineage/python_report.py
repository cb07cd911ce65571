"""The figures of the two Python benchmarks of lineage as JSON and Markdown. They are counted in `python_scoring` and
`refactoring_scoring`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import figures
from bench.figures import measured_at

_COUNTS = ("found", "wrong", "missed", "precision", "recall", "f1")


def table(rows: Mapping[str, Mapping[str, Any]], of: str) -> list[str]:
    """One line per name: counts, precision, recall, F1."""
    lines = [f"| {of} | right | wrong | missed | precision | recall | F1 |", "|---|---:|---:|---:|---:|---:|---:|"]
    return lines + [f"| {name} | {' | '.join(_cell(row[each]) for each in _COUNTS)} |" for name, row in rows.items()]


def _cell(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def write(name: str, command: str, said: Sequence[str], told: Mapping[str, Any]) -> str:
    """Put the figures into `bench/results`, under that name; the Markdown is given back."""
    machine = measured_at()
    text = "\n".join(
        [
            f"Measured {machine['at']} on {machine['cores']} cores, load {machine['load']}, by `{command}`.",
            "",
            *said,
            "",
        ]
    )
    figures.write(name, {"machine": machine, **told}, text)
    return text
