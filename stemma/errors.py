"""Every error a user may meet, with its exit code.

What raises them lives in each room; how they are shown, in `cli`.
"""

from __future__ import annotations


class StemmaError(Exception):
    """A failure that one sentence explains.

    Args:
        problem: what went wrong and where, naming the file or value.
        hint: the next thing to do.
    """

    exit_code = 1

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"{problem} {hint}".strip())


class ConfigError(StemmaError):
    """A setting, argument or query that cannot be used."""

    exit_code = 2


class SourceError(StemmaError):
    """A repository, folder or file that cannot be read."""

    exit_code = 3


class StoreError(StemmaError):
    """Postgres, Qdrant, DuckDB or the disk below them refuses."""

    exit_code = 4


class MixtureError(StemmaError):
    """Vectors of two models would be mixed. Unlike a store that is gone, this is never worked around."""

    exit_code = 4


class GateError(StemmaError):
    """A blocking quality gate stopped the run."""

    exit_code = 5


class BusyError(StemmaError):
    """Another process holds what this one needs."""

    exit_code = 6


class NotFoundError(StemmaError):
    """Nothing has the name, id or path that was asked for."""

    exit_code = 7
