"""`python -m bench.semantic FOLDER [--read | --write]`: when a function and one of another language do the same.

FOLDER holds the packages of `bench.clones.released`, `heldout.parquet` as `python -m training FOLDER mine` writes it,
and clones of the sets of solutions (`semantic_pairs` says which). `--read` prints natural pairs that nobody has read.
Verdicts are kept in `semantic_verdicts.csv`, by pattern, package and name. `--write` writes the rule into
`stemma/match/calibration.json`; what its fields mean is said in `stemma.match.calibration`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench import figures
from bench.clones.fit import OUT
from bench.clones.logistic import Floats, logistic
from bench.semantic_pairs import PLANTED, is_sampled, likest, natural, planted
from stemma.config import Settings
from stemma.embed import open_embedder
from stemma.embed.texts import pattern_texts

VERDICTS = Path(__file__).with_name("semantic_verdicts.csv")
KEY = ("pattern_a", "pattern_b")
EDGES = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85)
"""Of strata of likeness, the mean of cosine and share of common words; below the first none is taken to do the same."""
OF_EACH = 16
"""Read of each stratum; those of JavaScript and TypeScript, mostly one source and what is made of it, are apart."""
DIALECTS = frozenset({"javascript", "typescript"})
PRECISION, FOLDS = 0.95, 5
STRICT = 0.8
"""Least threshold of what nobody asked for: so far apart from JavaScript and TypeScript too few pairs were read to say
from which probability on .95 of them are right; of six above .5 three were."""
GRID = np.arange(STRICT, 0.96, 0.01)
SHOWN_CHARS = 300


def natural_pairs(functions: pl.DataFrame, vectors: NDArray[np.float32]) -> pl.DataFrame:
    """Each sampled function with its likest: stratum, package, and `does_same` where somebody read it."""
    pairs = likest(functions, vectors, np.flatnonzero(is_sampled(functions)))
    one, other = (functions[pairs[side].to_numpy()] for side in ("a", "b"))
    ids = [pl.Series(sorted(pair)) for pair in zip(one["pattern_id"], other["pattern_id"], strict=True)]
    likeness = (pairs["cosine"] + pairs["lexical"]) / 2
    is_dialect = one["language"].is_in(list(DIALECTS)) & other["language"].is_in(list(DIALECTS))
    pairs = pairs.with_columns(
        pl.Series("pattern_a", [ids_[0] for ids_ in ids]),
        pl.Series("pattern_b", [ids_[1] for ids_ in ids]),
        package=one["package"],
        is_dialect=is_dialect,
        stratum=pl.Series(np.searchsorted(EDGES, likeness.to_numpy(), side="right")),
    )
    return pairs.join(verdicts(), on=KEY, how="left", maintain_order="left")


def verdicts() -> pl.DataFrame:
    return pl.read_csv(VERDICTS, schema_overrides={"does_same": pl.Boolean}).select(*KEY, "does_same")


def unread(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs that are still to be read, so that of each stratum `OF_EACH` are, the same ones whoever asks."""
    strata = pairs.filter(pl.col("stratum") > 0).unique(KEY, keep="first", maintain_order=True)
    order = pl.concat_str(*KEY).map_elements(lambda text: hashlib.sha256(text.encode()).hexdigest(), pl.String)
    known = pl.col("does_same").is_not_null().sum().over("stratum", "is_dialect")
    still = strata.with_columns(known=known, order=order).filter(pl.col("does_same").is_null()).sort("order")
    place = pl.int_range(pl.len()).over("stratum", "is_dialect")
    return still.filter(place + pl.col("known") < OF_EACH).sort("is_dialect", "stratum", "order")


def weighted(pairs: pl.DataFrame) -> pl.DataFrame:
    """Those that were read, each for all of its stratum; and all of the lowest stratum, which do not do the same."""
    read = pl.col("does_same").is_not_null().sum().over("stratum", "is_dialect")
    pairs = pairs.with_columns(
        weight=pl.when(pl.col("stratum") > 0).then(pl.len().over("stratum", "is_dialect") / read)
    )
    lowest = (pl.col("stratum") == 0) & pl.col("does_same").is_null()
    pairs = pairs.with_columns(
        pl.when(lowest).then(1.0).otherwise("weight").alias("weight"),
        pl.when(lowest).then(statement=False).otherwise("does_same").alias("does_same"),
    )
    return pairs.filter(pl.col("does_same").is_not_null()).with_columns(pl.col("weight").fill_null(1.0))


def planted_pairs(solutions: pl.DataFrame, functions: pl.DataFrame, vectors: NDArray[np.float32]) -> pl.DataFrame:
    """For each set the likest of each solution that has one in another language; `does_same` where it is of its task.

    Where both are solutions of the set, but of other tasks or names, they do not.
    """
    found = []
    for (name,), rows in solutions.partition_by("set", as_dict=True).items():
        told = functions.with_columns(pl.lit(None, pl.String).alias(column) for column in PLANTED)
        every = pl.concat([rows, told.select(rows.columns)])
        own = open_embedder(Settings()).embed(pattern_texts(rows))
        is_paired = pl.col("language").n_unique().over("problem", "task") > 1
        asked = np.flatnonzero(rows.select(is_paired).to_series())
        pairs = likest(every, np.concatenate([own, vectors]), asked)
        one, other = (every[pairs[side].to_numpy()] for side in ("a", "b"))
        does_same = ((one["problem"] == other["problem"]) & (one["task"] == other["task"])).fill_null(value=False)
        found.append(pairs.with_columns(does_same=does_same, set=pl.lit(name)))
    return pl.concat(found)


def fitted(pairs: pl.DataFrame) -> Floats:
    """Slopes of cosine and words, and the intercept, of the log odds of doing the same."""
    start, bounds = np.array([4.0, 4.0, -6.0]), [(0.0, None), (0.0, None), (None, None)]
    does_same, weight = pairs["does_same"].to_numpy(), pairs["weight"].to_numpy()
    return logistic(pairs.select("cosine", "lexical").to_numpy(), does_same, weight, start, bounds)


def probability(theta: Floats, pairs: pl.DataFrame) -> Floats:
    found: Floats = 1 / (1 + np.exp(-(pairs.select("cosine", "lexical").to_numpy() @ theta[:-1] + theta[-1])))
    return found


def held_out(pairs: pl.DataFrame) -> Floats:
    """Of each natural pair, its probability by the packages of other folds; names of one project go together."""
    projects = [name.split(" ")[0].split("__")[0].lstrip("@") for name in pairs["package"]]
    folds = np.array([hashlib.sha256(name.encode()).digest()[0] % FOLDS for name in projects])
    found = np.zeros(len(pairs))
    for fold in range(FOLDS):
        found[folds == fold] = probability(fitted(pairs.filter(folds != fold)), pairs.filter(folds == fold))
    return found


def told(pairs: pl.DataFrame, likely: Floats, least: float) -> dict[str, Any]:
    """Precision and recall at a probability, and how many were read above it."""
    weight = pairs["weight"].to_numpy() if "weight" in pairs.columns else np.ones(len(pairs))
    right, kept = weight * pairs["does_same"].to_numpy(), likely >= least
    return {
        "precision": round(float(right[kept].sum() / weight[kept].sum()), 3) if kept.any() else None,
        "recall": round(float(right[kept].sum() / right.sum()), 3) if right.any() else None,
        "pairs": int(kept.sum()),
    }


def measured(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rule as it is stored, and the figures for its provenance."""
    functions = natural(folder)
    embedder = open_embedder(Settings())
    vectors = embedder.embed(pattern_texts(functions))
    pairs = weighted(natural_pairs(functions, vectors))
    likely = held_out(pairs)
    least = next(p for p in GRID if (told(pairs, likely, p)["precision"] or 0) >= PRECISION)
    theta = fitted(pairs)
    solved = planted_pairs(planted(folder), functions, vectors)
    sets = {
        str(name): {
            f"{p:.2f}": told(rows, probability(theta, rows), p) | {"solutions": len(rows)} for p in (0.5, least)
        }
        for (name,), rows in solved.partition_by("set", as_dict=True).items()
    }
    is_dialect = pairs["is_dialect"].to_numpy()
    apart = {"JavaScript and TypeScript": is_dialect, "other languages": ~is_dialect}
    rule = {
        "embedder": embedder.name,
        "platt": dict(zip("acb", (-theta).round(3).tolist(), strict=True)),
        "threshold": round(float(least), 2),
    }
    return rule, {
        "functions": len(functions),
        "asked": int(is_sampled(functions).sum()),
        "read": int((pairs["stratum"] > 0).sum()),
        "date": date.today().isoformat(),
        "command": "python -m bench.semantic FOLDER --write",
        "held_out_by_package": {f"{p:.2f}": told(pairs, likely, p) for p in (0.5, least)},
        "of_them": {
            name: {f"{p:.2f}": told(pairs.filter(some), likely[some], p) for p in (0.5, least)}
            for name, some in apart.items()
        },
        "solutions_of_one_task": sets,
    }


def as_markdown(found: dict[str, Any]) -> str:
    rule, told_of = found["rule"], found["figures"]
    at, load = found["machine"]["at"], found["machine"]["load"]
    lines = [
        f"Pairs of two languages that do the same, by {rule['embedder']} and words: {told_of['read']} read "
        f"of the likest of {told_of['asked']:,} functions. {at}, load {load}.",
        "",
        "| pairs | probability | precision | recall | reported |",
        "|---|---:|---:|---:|---:|",
    ]
    every = {"released packages, held out": told_of["held_out_by_package"], **told_of["of_them"]}
    for name, rows in (every | told_of["solutions_of_one_task"]).items():
        for least, row in rows.items():
            lines.append(f"| {name} | {least} | {row['precision']} | {row['recall']} | {row['pairs']:,} |")
    return "\n".join(lines) + "\n"


def show(folder: Path) -> None:
    functions = natural(folder)
    pairs = natural_pairs(functions, open_embedder(Settings()).embed(pattern_texts(functions)))
    for row in unread(pairs).iter_rows(named=True):
        print(f"{row['pattern_a']} {row['pattern_b']} {row['cosine']:.2f} {row['lexical']:.2f}")
        for side in ("a", "b"):
            function = functions.row(row[side], named=True)
            text = " / ".join(line.strip() for line in function["code"].splitlines() if line.strip())
            print(f"  {function['package']} {function['language']} {function['name']}: {text[:SHOWN_CHARS]}")


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    if "--read" in sys.argv:
        show(folder)
        return
    rule, told_of = measured(folder)
    result = {"machine": figures.measured_at(), "rule": rule, "figures": told_of}
    figures.write("semantic", result, as_markdown(result))
    print(as_markdown(result))
    if "--write" in sys.argv:
        stored = json.loads(OUT.read_text())
        stored["semantic"] = rule
        stored["provenance"]["figures"]["semantic"] = told_of
        OUT.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
