"""Pairs of real functions that a person reads: which to read, what was said of them, and what follows for precision.

`python -m bench.clones.reading FOLDER` prints pairs without a verdict. Verdicts are kept in `verdicts.csv` by package,
path and name: of the code itself nothing is kept. The rule they were read by: a clone is a pair of which one is the
other with edits, most statements corresponding in order, so that a mend of one asks for a look at the other; pairs
alike by an idiom, by a chain of like calls or in their outline alone are none.

The pairs are drawn from all candidates of real packages by strata of their score, so that each verdict stands for a
known number of candidates, and precision and probability can be told for the pairs as they come.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from bench.clones.functions import extracted, runs_only
from bench.clones.originals import files_of
from bench.clones.released import Package, packages
from stemma.match import pairs as matching

SEED = 7
VERDICTS = Path(__file__).with_name("verdicts.csv")
MIN_TOKENS = 30
"""What Stemma matches by default: smaller patterns are trivial."""
PAIR = ("place_a", "place_b")


def real_patterns(folder: Path) -> pl.DataFrame:
    """Patterns of the functions of all packages, each with one place where it stands."""
    found = []
    for package in packages(folder):
        files = dict(files_of(package))
        if files:
            found.append(_patterns(package, files))
    return pl.concat(found, how="vertical_relaxed").unique("pattern_id", keep="first", maintain_order=True)


def _patterns(package: Package, files: dict[str, bytes]) -> pl.DataFrame:
    snippets, patterns = extracted(files, package.language)
    places = runs_only(snippets).select(
        "pattern_id", place=pl.concat_str(pl.lit(f"{package.label}:"), "blob_oid", pl.lit(":"), "qualified_name")
    )
    return (
        places.unique("pattern_id", keep="first", maintain_order=True)
        .join(patterns, on="pattern_id", maintain_order="left")
        .filter(pl.col("n_tokens") >= MIN_TOKENS)
        .with_columns(language=pl.lit(package.language), package=pl.lit(package.label))
    )


def stratified(patterns: pl.DataFrame, edges: list[float], of_each: int) -> pl.DataFrame:
    """Candidates drawn by strata of likeness, with all components and the number of candidates each stands for.

    Likeness is the plain mean of structure, windows and words, which no calibration changes: verdicts outlive one.
    """
    candidates = matching.candidates(patterns)
    scored = matching.compare(patterns, candidates.a, candidates.b)
    names = [f"{low:.2f}" for low in edges]
    likeness = pl.mean_horizontal("structural", "fingerprint", "lexical")
    frame = scored.with_columns(
        row_a=candidates.a, row_b=candidates.b, stratum=likeness.cut(edges[1:], labels=names).cast(pl.String)
    )
    drawn = []
    for (_,), part in sorted(frame.group_by("stratum"), key=lambda group: str(group[0])):
        n = min(of_each, len(part))
        drawn.append(part.sort("row_a", "row_b").sample(n, seed=SEED).with_columns(weight=pl.lit(len(part) / n)))
    return placed(patterns, pl.concat(drawn))


def placed(patterns: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """With where the two stand, the lesser name first."""
    places = patterns["place"]
    one, other = places.gather(pairs["row_a"]), places.gather(pairs["row_b"])
    sizes = patterns["structure"].str.len_chars().to_numpy().astype(np.int64)
    return pairs.with_columns(
        place_a=pl.select(pl.min_horizontal(one, other)).to_series(),
        place_b=pl.select(pl.max_horizontal(one, other)).to_series(),
        n_tokens=np.minimum(sizes[pairs["row_a"].to_numpy()], sizes[pairs["row_b"].to_numpy()]),
    )


def verdicts() -> pl.DataFrame:
    """place_a, place_b, is_clone, read_on."""
    schema = {"place_a": pl.String, "place_b": pl.String, "is_clone": pl.Boolean, "read_on": pl.String}
    return pl.read_csv(VERDICTS, schema=schema) if VERDICTS.exists() else pl.DataFrame(schema=schema)


def say(pairs: pl.DataFrame, answers: str) -> None:
    """Keep verdicts: one letter a pair, `c` for a clone, `n` for none; any other is left out."""
    said = pairs.select(*PAIR).with_columns(
        is_clone=pl.Series([{"c": True, "n": False}.get(letter) for letter in answers]),
        read_on=pl.lit(date.today().isoformat()),
    )
    both = pl.concat([verdicts(), said.drop_nulls("is_clone")]).unique(PAIR, keep="last", maintain_order=True)
    both.sort(PAIR).write_csv(VERDICTS)


def show(patterns: pl.DataFrame, pairs: pl.DataFrame, most_lines: int = 40) -> None:
    for n, row in enumerate(pairs.iter_rows(named=True)):
        scores = " ".join(f"{name} {row[name]:.2f}" for name in ("structural", "fingerprint", "lexical", "score"))
        print(f"=== {n} {scores} tokens {row['n_tokens']}")
        for side in ("row_a", "row_b"):
            print(f"--- {patterns['place'][row[side]]}")
            print("\n".join(patterns["code"][row[side]].splitlines()[:most_lines]))


EDGES = [0.0, 0.35, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9]
OF_EACH = 14


def main() -> None:
    patterns = real_patterns(Path(sys.argv[1]))
    pairs = stratified(patterns, EDGES, OF_EACH)
    show(patterns, pairs.join(verdicts(), on=PAIR, how="anti", maintain_order="left"))


if __name__ == "__main__":
    main()
