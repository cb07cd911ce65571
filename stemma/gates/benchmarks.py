"""Benchmark files of pytest-benchmark and hyperfine, in one form: a median, its standard error, and the machine.

What medians are held against lives in `performance`, and where earlier ones are kept, in `history`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

import numpy as np

from stemma.gates.answers import CannotTellError
from stemma.gates.reports import Report, read_json
from stemma.ids import content_id

PLACES = (
    "benchmark.json", "benchmarks.json", "hyperfine.json", ".benchmarks/*/*.json",
    "benchmarks/benchmark.json", "benchmarks/hyperfine.json", "bench/benchmark.json", "bench/hyperfine.json",
)  # fmt: skip
"""Among them those in which pytest-benchmark saves its runs by itself (--benchmark-autosave)."""
MAX_BENCHMARKS = 10_000
_NAME = 300
_MEDIAN_ERROR = math.sqrt(math.pi / 2)  # of a normal sample, times deviation over the root of its size
_DEVIATION_OF_IQR = 1.349


@dataclass(frozen=True)
class Measured:
    """One benchmark as it ran: seconds, and the standard error of the median within that run (null: of one round)."""

    name: str
    median_s: float
    error_s: float | None


@dataclass(frozen=True)
class BenchmarkRun:
    """One benchmark file. `machine` is what it says of the processor and Python, null where it says nothing."""

    machine: str | None
    benchmarks: tuple[Measured, ...]

    @property
    def digest(self) -> str:
        """The same for the same measurements, so that a file that is read twice is recorded once."""
        return content_id(repr(asdict(self)))


def read_benchmarks(report: Report) -> BenchmarkRun:
    """The benchmarks of a file.

    Raises:
        CannotTellError: it is in neither format, or says what cannot be.
    """
    document = read_json(report)
    told = document if isinstance(document, dict) else {}
    if isinstance(told.get("benchmarks"), list):
        run = BenchmarkRun(_machine(told.get("machine_info")), _once(report, _pytest_benchmark(report, told)))
    elif isinstance(told.get("results"), list):
        run = BenchmarkRun(None, _once(report, _hyperfine(report, told)))
    else:
        raise CannotTellError(f"{report.name} is no file of pytest-benchmark or hyperfine.")
    return run


def _pytest_benchmark(report: Report, document: dict[str, Any]) -> Iterator[Measured]:
    for told in document["benchmarks"]:
        stats = told.get("stats") if isinstance(told, dict) else None
        name = told.get("fullname") if isinstance(told, dict) else None
        if not isinstance(stats, dict) or not isinstance(name, str):
            raise CannotTellError(f"{report.name} is no file of pytest-benchmark: a benchmark has no name or stats.")
        median = _seconds(report, name, stats.get("median"))
        rounds, iqr = stats.get("rounds"), stats.get("iqr")
        error = None
        if type(rounds) is int and rounds > 1 and _is_number(iqr):
            error = _MEDIAN_ERROR * iqr / _DEVIATION_OF_IQR / math.sqrt(rounds)
        yield Measured(_text(name), median, error)


def _hyperfine(report: Report, document: dict[str, Any]) -> Iterator[Measured]:
    for told in document["results"]:
        name = told.get("command") if isinstance(told, dict) else None
        if not isinstance(name, str):
            raise CannotTellError(f"{report.name} is no file of hyperfine: a result has no command.")
        parameters = told.get("parameters")
        if isinstance(parameters, dict) and parameters:
            name += " " + " ".join(f"{key}={value}" for key, value in sorted(parameters.items()))
        times = told.get("times")
        error = None
        if isinstance(times, list) and len(times) > 1 and all(_is_number(time) for time in times):
            quarter, three = np.quantile(np.array(times, np.float64), [0.25, 0.75])
            error = float(_MEDIAN_ERROR * (three - quarter) / _DEVIATION_OF_IQR / math.sqrt(len(times)))
        yield Measured(_text(name), _seconds(report, name, told.get("median")), error)


def _machine(info: Any) -> str | None:
    """What a median depends on, and not the host's name, which is another in every container."""
    if not isinstance(info, dict):
        return None
    cpu = info.get("cpu")
    told: dict[str, Any] = cpu if isinstance(cpu, dict) else {}
    parts = [told.get("brand_raw"), told.get("arch"), told.get("count"), info.get("python_version")]
    return _text(" / ".join(str(part) for part in parts if part is not None)) or None


def _once(report: Report, benchmarks: Iterator[Measured]) -> tuple[Measured, ...]:
    found: dict[str, Measured] = {}
    for measured in benchmarks:
        if measured.name in found:
            raise CannotTellError(f"{report.name} tells of the benchmark {measured.name!r} twice.")
        found[measured.name] = measured
        if len(found) > MAX_BENCHMARKS:
            raise CannotTellError(f"{report.name} holds more than {MAX_BENCHMARKS:,} benchmarks.")
    if not found:
        raise CannotTellError(f"{report.name} holds no benchmark.")
    return tuple(found.values())


def _seconds(report: Report, name: str, value: Any) -> float:
    if not _is_number(value) or not value > 0:
        raise CannotTellError(f"{report.name} gives the benchmark {_text(name)!r} no median above 0.")
    return float(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _text(name: str) -> str:
    """A name as one line that a file and a terminal can hold."""
    return " ".join(name.encode("utf-8", "replace").decode().replace("\0", "\ufffd").split())[:_NAME]
