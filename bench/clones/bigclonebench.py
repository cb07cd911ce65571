"""The labelled pairs of BigCloneBench whose two ids are even: Type-1, Type-2, strong Type-3, and negatives.

Labels of moderate and weak Type-3 and of Type-4 are mostly wrong, and are not read; pairs of odd ids are not for
development. Each function is a file of its own, a method in a class.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import polars as pl

from bench.clones.sets import FUNCTIONS, PAIRS, ST3, T1, T2, CloneSet, files_at, repository

REPOSITORY = "zhengly1/bigclonebench"
COMMIT = "47de99612e9f285bf8ecc800760f70de66d80c33"
NEGATIVE = "negative"
_KINDS = {0: T1, 1: T2, 2: ST3, 5: NEGATIVE}
_LABELS = "clone_labels.txt"


def bigclonebench(folder: Path) -> CloneSet:
    """Functions of even id and the pairs of them.

    Raises:
        MissingSetError: the repository is not in the folder.
    """
    repo = repository(folder, REPOSITORY, COMMIT)
    files = files_at(repo, COMMIT, ".java")
    ids = {int(PurePosixPath(path).stem): path for path in files}
    even = sorted(key for key in ids if key % 2 == 0)
    functions = pl.DataFrame(
        {
            "function_id": even,
            "language": ["java"] * len(even),
            "package": ["BigCloneBench"] * len(even),
            "place": [ids[key] for key in even],
            "text": [files[ids[key]] for key in even],
        },
        schema=FUNCTIONS,
    )
    labels = next(iter(files_at(repo, COMMIT, _LABELS).values())).decode()
    return CloneSet("BigCloneBench", {"repository": REPOSITORY, "commit": COMMIT}, functions, _pairs(labels))


def _pairs(labels: str) -> pl.DataFrame:
    """From lines `id,id,is clone,kind`, after a line with their number."""
    rows = []
    for line in labels.splitlines()[1:]:
        one, other, _, kind = (int(field) for field in line.split(","))
        if one % 2 == other % 2 == 0 and kind in _KINDS:
            rows.append((min(one, other), max(one, other), _KINDS[kind]))
    frame = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Int64, "kind": pl.String}, orient="row")
    return (
        frame.unique(maintain_order=True)
        .with_columns(
            is_clone=pl.col("kind") != NEGATIVE,
            detail=pl.lit(None, pl.String),
            level=pl.lit(None, pl.Float64),
            strength=pl.lit(None, pl.Float64),
            package=pl.lit("BigCloneBench"),
        )
        .select(PAIRS.names())
    )
