"""Pairs of real functions that a person reads: which to read, what was said of them, and what follows for precision.

`python -m bench.clones.reading FOLDER` prints pairs without a verdict. Verdicts are kept in `verdicts.csv` by package,
path, line and name: of the code itself nothing is kept. They were read by this rule: in a pair of clones one is the
other with edits, most statements corresponding in order, so that a mend of one asks for a look at the other. Pairs
alike by an idiom, by a chain of like calls or in their outline alone are none.

The pairs are drawn from all candidates of real packages by strata of likeness, so that each verdict stands for a known
number of candidates, and precision and probability can be told for the pairs as they come.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.clones.functions import extracted, runs_only
from bench.clones.originals import files_of
from bench.clones.released import Package, packages
from bench.clones.sets import kept
from stemma.languages import EXTRACTOR_VERSION
from stemma.match import pairs as matching
from stemma.match.clones import is_test_path
from stemma.match.evidence import is_match

SEED = 7
VERDICTS = Path(__file__).with_name("verdicts.csv")
PAIR = ("place_a", "place_b")
STRATA, REPORTED, RENAMED = "strata", "reported", "renamed"
OF_EACH = {0.0: 14, 0.35: 14, 0.45: 14, 0.5: 30, 0.55: 30, 0.6: 30, 0.65: 30, 0.7: 30, 0.8: 14, 0.9: 14}
"""How many are read of each stratum, from its lower edge; more where clones and others meet."""
EDGES = tuple(OF_EACH)


def real_patterns(folder: Path) -> pl.DataFrame:
    """Patterns of the functions of all packages that are not trivial, each with one place where it stands."""
    here = packages(folder)
    key = f"{EXTRACTOR_VERSION} {[package.label for package in here]}"
    return kept(folder, "real", key, lambda: _all_patterns(here))


def _all_patterns(here: list[Package]) -> pl.DataFrame:
    found = [_patterns(package, files) for package in here if (files := dict(files_of(package)))]
    return pl.concat(found, how="vertical_relaxed").unique("pattern_id", keep="first", maintain_order=True)


def _patterns(package: Package, files: dict[str, bytes]) -> pl.DataFrame:
    snippets, patterns = extracted(files, package.language)
    places = runs_only(snippets).select(
        "pattern_id",
        place=pl.format("{}:{}:{}:{}", pl.lit(package.label), "blob_oid", "start_line", "qualified_name"),
    )
    return (
        places.unique("pattern_id", keep="first", maintain_order=True)
        .join(patterns, on="pattern_id", maintain_order="left")
        .filter(~pl.col("is_trivial"))
        .with_columns(language=pl.lit(package.language), package=pl.lit(package.label))
    )


def scored_candidates(patterns: pl.DataFrame) -> pl.DataFrame:
    """Every candidate of the patterns with its components, where the two stand and its stratum.

    Strata are of likeness, the plain mean of structure, windows and words, which no calibration changes: verdicts
    outlive one.
    """
    candidates = matching.candidates(patterns)
    scored = matching.compare(patterns, candidates.a, candidates.b).drop("note")
    likeness = pl.mean_horizontal("structural", "fingerprint", "lexical")
    stratum = pl.lit(EDGES[0])
    for edge in EDGES[1:]:
        stratum = pl.when(likeness >= edge).then(edge).otherwise(stratum)
    return placed(patterns, scored.with_columns(row_a=candidates.a, row_b=candidates.b, stratum=stratum))


def with_common(patterns: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """With the number of windows two patterns have in common, as `stemma.match.evidence` counts them."""
    sizes = patterns["shingles"].list.len().to_numpy()
    share = pairs["fingerprint"].fill_null(0).to_numpy()
    n = sizes[pairs["row_a"].to_numpy()] + sizes[pairs["row_b"].to_numpy()]
    return pairs.with_columns(n_common=share / (1 + share) * n)


def to_read(candidates: pl.DataFrame) -> pl.DataFrame:
    """Those drawn of each stratum: the first by a hash of where they stand, so that asking for more keeps the rest."""
    order = pl.concat_str(PAIR, separator="\0").hash(SEED)
    ranked = candidates.with_columns(rank=order.rank("ordinal").over("stratum"))
    wanted = pl.col("stratum").replace_strict(OF_EACH, return_dtype=pl.Int64)
    return ranked.filter(pl.col("rank") <= wanted).sort("stratum", "rank").drop("rank")


def read_candidates(candidates: pl.DataFrame) -> pl.DataFrame:
    """The candidates with a verdict, each with `weight`: how many candidates of its stratum it stands for."""
    sizes = candidates.group_by("stratum").len()
    read = candidates.join(verdicts().filter(sample=STRATA), on=PAIR)
    return read.join(sizes, on="stratum").with_columns(weight=pl.col("len") / pl.len().over("stratum")).drop("len")


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
    """place_a, place_b, is_clone, sample (which draw it was read for), read_on."""
    schema = {
        "place_a": pl.String,
        "place_b": pl.String,
        "is_clone": pl.Boolean,
        "sample": pl.String,
        "read_on": pl.String,
    }
    return pl.read_csv(VERDICTS, schema=schema) if VERDICTS.exists() else pl.DataFrame(schema=schema)


def say(pairs: pl.DataFrame, answers: str, sample: str) -> None:
    """Keep verdicts: one letter a pair, `c` for a clone, `n` for none; any other is left out."""
    said = pairs.select(*PAIR).with_columns(
        is_clone=pl.Series([{"c": True, "n": False}.get(letter) for letter in answers]),
        sample=pl.lit(sample),
        read_on=pl.lit(date.today().isoformat()),
    )
    both = pl.concat([verdicts(), said.drop_nulls("is_clone")]).unique([*PAIR, "sample"], keep="last")
    both.sort("sample", *PAIR).write_csv(VERDICTS)


def show(patterns: pl.DataFrame, pairs: pl.DataFrame, most_lines: int = 40) -> None:
    for n, row in enumerate(pairs.iter_rows(named=True)):
        scores = " ".join(f"{name} {row[name]:.2f}" for name in ("structural", "fingerprint", "lexical", "score"))
        print(f"=== {n} {scores} tokens {row['n_tokens']}")
        for side in ("row_a", "row_b"):
            print(f"--- {patterns['place'][row[side]]}")
            print("\n".join(patterns["code"][row[side]].splitlines()[:most_lines]))


def summary(folder: Path) -> dict[str, Any]:
    """What the verdicts say of precision as things are now: of the candidates that match, how many are clones.

    Once weighted, from the pairs drawn by strata, and once plainly, from those drawn of the matches themselves: of all
    of them, and of those outside tests, which is what `stemma clones` shows unless told otherwise.
    """
    candidates = scored_candidates(real_patterns(folder))
    read = read_candidates(candidates)
    kept = read.filter(is_match(read, None))
    clones = float((kept["weight"] * kept["is_clone"]).sum())
    drawn = candidates.join(verdicts().filter(sample=REPORTED), on=PAIR)
    drawn = drawn.filter(is_match(drawn, None))
    is_test = [is_test_path(one.split(":")[-3]) or is_test_path(other.split(":")[-3]) for one, other in _places(drawn)]
    apart = drawn.filter(~pl.Series(is_test, dtype=pl.Boolean))
    found = {
        "seed": SEED,
        "read_on": ", ".join(verdicts()["read_on"].unique().sort()),
        "candidates": len(candidates),
        "matches": int(is_match(candidates, None).sum()),
        "read_by_strata": len(read),
        "of_them_matching": len(kept),
        "precision_by_strata": clones / float(kept["weight"].sum()),
        "recall_of_candidates": clones / float((read["weight"] * read["is_clone"]).sum()),
        "read_of_matches": len(drawn),
        "of_them_clones": int(drawn["is_clone"].sum()),
        "read_of_matches_outside_tests": len(apart),
        "of_them_clones_outside_tests": int(apart["is_clone"].sum()),
    }
    return {**found, "said": _said(found)}


def _places(pairs: pl.DataFrame) -> list[tuple[str, str]]:
    return list(pairs.select(PAIR).iter_rows())


def _said(found: dict[str, Any]) -> list[str]:
    return [
        f"Read on {found['read_on']} (seed {found['seed']}), by the rule in `reading`. Drawn at random of the "
        f"{found['matches']:,} matches among {found['candidates']:,} candidate pairs of real functions: "
        f"{found['of_them_clones']} of {found['read_of_matches']} are clones; outside tests, which `stemma clones` "
        f"leaves out by default, {found['of_them_clones_outside_tests']} of {found['read_of_matches_outside_tests']}.",
        f"Drawn by strata of all candidates, {found['read_by_strata']}: precision {found['precision_by_strata']:.3f}, "
        f"and {found['recall_of_candidates']:.3f} of the clones among candidates match.",
    ]


def main() -> None:
    patterns = real_patterns(Path(sys.argv[1]))
    pairs = to_read(scored_candidates(patterns))
    show(patterns, pairs.join(verdicts(), on=PAIR, how="anti", maintain_order="left"))


if __name__ == "__main__":
    main()
