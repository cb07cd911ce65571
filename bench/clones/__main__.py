"""`python -m bench.clones FOLDER`: precision, recall and F1 by clone type and strength; writes bench/results/clones.*.

The folder holds a clone of BigCloneBench's pairs (`bigclonebench` says which, at what commit) and what
`python -m bench.clones.released FOLDER` puts there. What is missing is named, and the rest is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.clones import baselines, jscpd, own, reading, released, report
from bench.clones.bigclonebench import bigclonebench
from bench.clones.detection import Detection
from bench.clones.injected import injected
from bench.clones.scoring import CLONES, scored
from bench.clones.sets import CloneSet, MissingSetError
from bench.clones.vectors import default_vectors
from bench.figures import measured_at

SETS: dict[str, Callable[[Path], CloneSet]] = {"BigCloneBench": bigclonebench, "injected": injected}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the data sets are, or are to be put")
    folder = parser.parse_args().folder.resolve()
    for package in released.missing(folder):
        print(f"{package.label} is not here: run `python -m bench.clones.released {folder}`", file=sys.stderr)
    sets: dict[str, Any] = {}
    for name, build in SETS.items():
        try:
            sets[name] = _measured(build(folder), folder)
        except MissingSetError as error:
            print(error, file=sys.stderr)
    found = {"machine": measured_at(), "sets": sets, "reading": reading.summary(folder)}
    print(report.write(found))


def _measured(clones: CloneSet, folder: Path) -> dict[str, Any]:
    rows = [
        {
            "detector": detection.detector,
            "scores": scored(clones.pairs, detection.found),
            "cpu_s": detection.cpu_s,
            "notes": detection.notes,
        }
        for detection in _detections(clones, folder)
    ]
    return {"provenance": clones.provenance, "functions": len(clones.functions), "rows": rows}


def _detections(clones: CloneSet, folder: Path) -> Iterator[Detection]:
    data = own.read(clones)
    yield own.end_to_end(data)
    yield own.end_to_end(data, default_vectors(data))
    yield own.score_alone(data)
    yield own.reached(data)
    yield from _best_of_jscpd(clones, folder)
    yield baselines.token_hash(clones)
    yield baselines.bag_overlap(clones)


def _best_of_jscpd(clones: CloneSet, folder: Path) -> Iterator[Detection]:
    """Its default, the same with names and literals ignored, and the setting with the best F1 on these very pairs."""
    try:
        found = list(jscpd.detections(clones, jscpd.binary(folder)))
    except MissingSetError as error:
        print(error, file=sys.stderr)
        return
    best = max(found, key=lambda detection: scored(clones.pairs, detection.found)[CLONES]["f1"] or 0)
    yield from (found[0], found[len(jscpd.COVERS)])
    if best not in (found[0], found[len(jscpd.COVERS)]):
        yield best


if __name__ == "__main__":
    main()
