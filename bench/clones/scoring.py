"""From what a detector reported on labelled pairs to precision, recall and F1, by clone type and by strength.

A group's precision counts its found clones against every negative found. Which pairs there are is said in `sets`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from bench.clones.edits import STRONG

CLONES = "all clones"


def grouped(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs with `group`: their kind, Type-3 by whether it is strong."""
    is_strong = pl.col("level") <= STRONG + 1e-9
    share = pl.when(is_strong).then(pl.lit(" up to 30 %")).otherwise(pl.lit(" above 30 %"))
    return pairs.with_columns(group=pl.when(pl.col("level").is_null()).then("kind").otherwise(pl.col("kind") + share))


def scored(pairs: pl.DataFrame, found: pl.Series) -> dict[str, Any]:
    """Counts and rates of what was found, `found` one truth value a pair: per group, per strength, per language."""
    frame = grouped(pairs).with_columns(found=found)
    n_false = int(frame.filter(~pl.col("is_clone"))["found"].sum())
    clones = frame.filter("is_clone")
    out: dict[str, Any] = {CLONES: _rates(clones["found"], n_false)}
    for (group,), part in sorted(clones.group_by("group")):
        out[str(group)] = _rates(part["found"], n_false)
    levels = clones.filter(pl.col("level").is_not_null())
    out["by strength"] = {
        f"{kind} {level:.0%}": _rates(part["found"], n_false)
        for (kind, level), part in sorted(levels.group_by("kind", "level"))
    }
    out["by operator"] = {
        f"{kind}: {detail}": _rates(part["found"], n_false)
        for (kind, detail), part in sorted(clones.filter(kind="T2").drop_nulls("detail").group_by("kind", "detail"))
    }
    out["negatives"] = {
        str(kind): {"pairs": len(part), "found": int(part["found"].sum())}
        for (kind,), part in sorted(frame.filter(~pl.col("is_clone")).group_by("kind"))
    }
    return out


def _rates(found: pl.Series, n_false: int) -> dict[str, float | int | None]:
    n_found = int(found.sum())
    precision = n_found / (n_found + n_false) if n_found + n_false else None
    recall = n_found / len(found) if len(found) else None
    f1 = 2 * precision * recall / (precision + recall) if precision and recall else None
    return {"pairs": len(found), "found": n_found, "precision": precision, "recall": recall, "f1": f1}
