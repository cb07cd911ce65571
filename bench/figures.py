"""Where the figures of a bench go, and what stands beside them: when, on what machine and under which load.

What is measured, and how its table looks, is each bench's own.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def measured_at() -> dict[str, Any]:
    """When, on how many cores, under which load and on which Python."""
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
    }


def write(name: str, found: Any, table: str | None = None, *, folder: Path = RESULTS) -> None:
    """Write `name`.json and, of the table, `name`.md into the folder, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    if table is not None:
        (folder / f"{name}.md").write_text(table, encoding="utf-8")
