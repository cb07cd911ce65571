"""Report files that other tools left in a checkout: found, read within bounds, and told apart by what is in them.

What is in them is nobody's word but their writer's, so each is read as hostile. What coverage reports say is read in
`coverage_reports`, benchmark files in `benchmarks`.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stemma.gates.answers import CannotTellError
from stemma.git.paths import shown
from stemma.git.worktree import read_file

MAX_BYTES = 64 << 20
_MEMORY = 6 << 30  # address space: JSON of that size takes some 2 GiB, and the runtime reserves more than it touches


@dataclass(frozen=True)
class Report:
    """One report file: `name` as it is told, its content, and when it was written."""

    name: str
    content: bytes
    written_at: datetime


def find_report(root: Path, named: Path | None, places: Sequence[str]) -> Report | None:
    """The report that was named, or the newest of those in the usual places (globs); None where none of these is.

    Raises:
        CannotTellError: it cannot be read, is too large, or the named one is not there.
    """
    if named is not None:
        path = root / named.expanduser()
        if not path.is_file():
            raise CannotTellError(f"There is no report {shown(named)}.")
        return _read(path, shown(named))
    found = [path for place in places for path in root.glob(place)]
    if not found:
        return None
    newest = max(found, key=lambda path: path.lstat().st_mtime)
    return _read(newest, shown(newest.relative_to(root)))


def _read(path: Path, name: str) -> Report:
    try:
        content = read_file(path.parent, shown(path.name), MAX_BYTES)
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise CannotTellError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if len(content) > MAX_BYTES:
        raise CannotTellError(f"{name} is larger than {MAX_BYTES >> 20} MiB, more than is read of a report.")
    return Report(name, content, written_at)


def bound_memory() -> None:
    """Let this process, which reads a report and nothing else, take no more memory than a fair report needs."""
    now, most = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (_MEMORY, now, most) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), most))


def read_json(report: Report) -> Any:
    """The JSON value in a report.

    Raises:
        CannotTellError: it is none.
    """
    try:
        return json.loads(report.content)
    except (ValueError, RecursionError) as error:
        raise CannotTellError(f"{report.name} is not valid JSON: {str(error) or 'nested too deeply'}.") from error
