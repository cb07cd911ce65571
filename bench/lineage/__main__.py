"""`python -m bench.lineage FOLDER`: histories of Java methods against labels; writes bench/results/lineage.*.

FOLDER holds clones of what `java_oracle` wants; one that is missing is named, with the command that brings it.
`--only PATTERN` runs the methods whose names match and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import measured_at
from bench.lineage import git_log, java_oracle, own, report
from bench.lineage.clones import MissingCloneError
from bench.lineage.labels import Labelled, Told
from bench.lineage.scoring import score, wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.lineage")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="pattern of method names")
    parser.add_argument("--json", action="store_true", help="print what is written to lineage.json")
    given = parser.parse_args()
    try:
        rows = list(_measured(given.folder.resolve(), re.compile(given.only)))
    except MissingCloneError as error:
        sys.exit(str(error))
    found = _summed(rows)
    text = report.markdown(found) if given.only else report.write(found)
    print(json.dumps(found, indent=1) if given.json else text)


_Row = tuple[Labelled, Told, Told]


def _measured(folder: Path, pattern: re.Pattern[str]) -> Iterator[_Row]:
    for method in java_oracle.methods(folder):
        if pattern.search(method.name):
            found = own.told(folder, method)
            differing = wrong(method, method.changes, found.changes)
            print(f"{method.name}: {len(differing)} differ, {found.cpu_s:.2f} CPU s", file=sys.stderr, flush=True)
            yield method, found, git_log.told(folder, method, found.detail["last_line"])


def _summed(rows: list[_Row]) -> dict[str, Any]:
    return {
        "machine": measured_at(),
        "scores": {
            "Stemma, corrected labels": report.told(score([(each.changes, ours.changes) for each, ours, _ in rows])),
            "Stemma, own labels": report.told(score([(each.other, ours.changes) for each, ours, _ in rows])),
            "git log -L, corrected labels": report.told(score([(each.changes, git.changes) for each, _, git in rows])),
        },
        "cpu_s": {
            "Stemma": report.seconds([ours.cpu_s for _, ours, _ in rows]),
            "git log -L": report.seconds([git.cpu_s for *_, git in rows]),
        },
        "methods": [
            {"name": each.name, "cpu_s": ours.cpu_s, "git_log_cpu_s": git.cpu_s, **ours.detail}
            for each, ours, git in rows
        ],
        "wrong": [row for each, ours, _ in rows for row in wrong(each, each.changes, ours.changes)],
    }


if __name__ == "__main__":
    main()
