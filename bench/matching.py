"""CPU seconds of matching alone, from functions already extracted, at growing sizes; the exponent; JSON and a table.

    python -m bench.matching FOLDER [--sizes 10000 20000 40000 80000]

The functions are those of the folder's files, drawn file by file in an order that is the same on every run, trivial
ones and repeated normal forms left out. CPU seconds, the least of three, repeat on a busy machine; wall time does not.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from pathlib import Path
from typing import Any

import polars as pl

from bench.speed import exponent
from stemma.extract.extractor import File, Limits, extract
from stemma.git.blob import blob_id
from stemma.languages import grammar_of
from stemma.match.kinds import RUNS, groups_of
from stemma.match.pairs import find_matches
from stemma.tables import patterns, polars_schema

SIZES = (10_000, 20_000, 40_000, 80_000)
SEED, FILES, ROUNDS = 0, 200, 3
LIMITS = Limits(max_file_bytes=2_000_000, parse_timeout_s=10.0)
COLUMNS = ("pattern_id", "language", "kind", "n_lines", "n_tokens", "shingles", "sub_tokens", "structure", "is_trivial")


def functions(folder: Path, most: int) -> pl.DataFrame:
    """Distinct functions and methods of a folder that are not trivial, `most` at the most."""
    paths = sorted(path for path in folder.rglob("*") if grammar_of(path.name) and path.is_file())
    random.Random(SEED).shuffle(paths)
    schema = polars_schema(patterns)
    found = pl.DataFrame(schema={name: schema[name] for name in COLUMNS})
    for start in range(0, len(paths), FILES):
        columns = extract([_file(path) for path in paths[start : start + FILES]], LIMITS).patterns
        read = pl.DataFrame({name: columns[name] for name in COLUMNS}, {name: schema[name] for name in COLUMNS})
        groups = groups_of(read["kind"].unique())
        is_run = pl.col("kind").replace_strict(groups, return_dtype=pl.String) == RUNS
        found = pl.concat([found, read.filter(is_run & ~pl.col("is_trivial"))])
        if len(found) > 1.2 * most:
            found = found.unique("pattern_id", keep="first", maintain_order=True)
            if len(found) >= most:
                break
    return found.unique("pattern_id", keep="first", maintain_order=True).head(most)


def _file(path: Path) -> File:
    content = path.read_bytes()
    return File(blob_id(content), str(grammar_of(path.name)), content, len(content))


def measure(frame: pl.DataFrame) -> dict[str, Any]:
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        found = find_matches(frame)
        spent.append(time.process_time() - started)
    return {
        "functions": len(frame),
        "lines": int(frame["n_lines"].sum()),
        "cpu_s": round(min(spent), 2),
        "matches": len(found),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    given = parser.parse_args()
    frame = functions(given.folder, max(given.sizes))
    find_matches(frame.head(1_000))  # what is loaded once
    rows = [measure(frame.head(size)) for size in sorted(given.sizes) if size <= len(frame)]
    slope = exponent([row["functions"] for row in rows], [row["cpu_s"] for row in rows]) if len(rows) > 1 else None
    print(json.dumps({"rows": rows, "exponent": slope}, indent=2))
    names = list(rows[0]) if rows else []
    print("|".join(["", *names, ""]), "|".join(["", *("--:" for _ in names), ""]), sep="\n")
    for row in rows:
        print("|".join(["", *(f"{value:,}" for value in row.values()), ""]))


if __name__ == "__main__":
    main()
