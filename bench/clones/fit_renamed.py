"""Learns when a pair that shares no words is a copy with other names: the `renamed` rule of `calibration.json`.

Clones are the injected Type-3 that were renamed too; what is no clone are the candidates of real packages with as few
words in common, which a person read as far as they are the likeliest (`reading`, sample "renamed"). What the rule means
is said in `stemma.match.calibration`; the rest of the file is learned in `fit`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.clones import own
from bench.clones.bigclonebench import bigclonebench
from bench.clones.injected import RENAMED_TOO, injected
from bench.clones.logistic import Floats, logistic
from bench.clones.reading import PAIR, RENAMED, real_patterns, scored_candidates, verdicts, with_common
from bench.clones.scoring import grouped
from bench.clones.sets import CloneSet
from stemma.match.renaming import consistencies
from stemma.match.scores import contents_of

LEXICAL_BELOW = 0.15
"""Of renamed mutants .99 share fewer words; of candidates of real packages that do, hardly any is a clone."""
STRUCTURAL_FROM = 0.65
"""Of renamed mutants .995 have more; of long functions that are no copies many others share windows enough to be asked,
and reading their texts took most of the matching of BigCloneBench."""
LEAST_FINGERPRINT, LEAST_COMMON = 0.35, 20
"""Texts are read of pairs above: of renamed mutants .97."""
FEATURES = ("structural", "ln(1 + common windows)", "fingerprint", "renaming")
FOLDS = 5
RECALL = {f"{RENAMED_TOO} up to 30 %": 0.94, f"{RENAMED_TOO} above 30 %": 0.755}
"""Of held-out packages; what jscpd finds of them in its best setting is .92 and .74."""
GRID = np.arange(0.6, 0.9995, 0.001)
UNLIKE, COPY = "unlike", RENAMED_TOO


def renamed_rule(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rule as it is stored, and the figures for its provenance."""
    pairs = _pairs(folder)
    features = pairs.select(
        "structural", pl.col("n_common").log1p(), "fingerprint", pl.col("renaming").fill_nan(0)
    ).to_numpy()
    is_clone = pairs["is_clone"].to_numpy()
    fold = np.array([hashlib.sha256(name.encode()).digest()[0] % FOLDS for name in pairs["package"].to_list()])
    held_out = np.zeros(len(pairs))
    for n in range(FOLDS):
        theta = _fitted(features[fold != n], is_clone[fold != n])
        held_out[fold == n] = _probability(theta, features[fold == n])
    held_out[features[:, 0] < STRUCTURAL_FROM] = 0
    threshold = _threshold(pairs["group"].to_numpy().astype(str), held_out)
    theta = _fitted(features, is_clone)
    platt = dict(zip("acdeb", (-theta).round(3).tolist(), strict=True))
    rule = {
        "lexical_below": LEXICAL_BELOW,
        "structural_from": STRUCTURAL_FROM,
        "platt": dict(sorted(platt.items())),
        "threshold": threshold,
    }
    return rule, _figures(pairs, held_out, threshold)


def _fitted(features: Floats, is_clone: NDArray[np.bool_]) -> Floats:
    n = len(FEATURES)
    start = np.append(np.full(n, 3.0), -12.0)
    return logistic(features, is_clone, np.ones(len(features)), start, [(0.0, None)] * n + [(None, None)])


def _probability(theta: Floats, features: Floats) -> Floats:
    return 1.0 / (1 + np.exp(-(features @ theta[:-1] + theta[-1])))


def _threshold(group: NDArray[np.str_], probability: Floats) -> float:
    """The highest at which held-out copies are found often enough."""
    for least in GRID[::-1]:
        if all((probability[group == name] >= least).mean() >= wanted for name, wanted in RECALL.items()):
            return float(round(least, 3))
    raise ValueError("no threshold reaches the recall")


def _figures(pairs: pl.DataFrame, probability: Floats, threshold: float) -> dict[str, Any]:
    kept = pairs.with_columns(is_found=pl.Series(probability >= threshold))
    real = kept.filter(group=UNLIKE)
    return {
        "prior": f"{kept['is_clone'].sum()} injected copies among {len(real)} candidates of real packages that share "
        f"less than {LEXICAL_BELOW:.0%} of their words; such packages hold hardly any such copy",
        "cross_validation": f"{FOLDS} folds by package",
        "recall_of_constructed": {
            name: round(float(kept.filter(group=name)["is_found"].mean()), 4)  # type: ignore[arg-type]
            for name in RECALL
        },
        "negatives_found": {
            str(name): int(found)
            for name, found in kept.filter(~pl.col("is_clone"))
            .group_by("group")
            .agg(pl.col("is_found").sum())
            .sort("group")
            .iter_rows()
        },
        "candidates_of_real_packages_that_reach_it": int(real["is_found"].sum()),
    }


def _pairs(folder: Path) -> pl.DataFrame:
    """Pairs with few words in common: features, is_clone, group, package. A pair whose texts are not read lacks
    `renaming`."""
    sets = [_of_set(build(folder)) for build in (injected, bigclonebench)]
    patterns = real_patterns(folder)
    candidates = with_common(patterns, scored_candidates(patterns)).filter(pl.col("lexical") < LEXICAL_BELOW)
    read = verdicts().filter(pl.col("sample") == RENAMED, pl.col("is_clone")).select(*PAIR, is_read_clone=True)
    candidates = candidates.join(read, on=PAIR, how="left").with_columns(
        is_clone=pl.col("is_read_clone").fill_null(value=False),
        group=pl.lit(UNLIKE),
        package=patterns["package"].gather(candidates["row_a"]),
    )
    found = [*sets, _with_renaming(patterns, candidates)]
    columns = ("structural", "n_common", "fingerprint", "renaming", "is_clone", "group", "package")
    return pl.concat([part.select(columns) for part in found], how="vertical_relaxed")


def _of_set(clones: CloneSet) -> pl.DataFrame:
    """Renamed copies and negatives of a set."""
    data = own.read(clones)
    pairs = with_common(data.patterns, own.components(data))
    pairs = pairs.join(grouped(clones.pairs).select("a", "b", "group"), on=["a", "b"])
    wanted = (pl.col("kind") == RENAMED_TOO) | ~pl.col("is_clone")
    return _with_renaming(data.patterns, pairs.filter(wanted & (pl.col("lexical") < LEXICAL_BELOW)))


def _with_renaming(patterns: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Those of the pairs that share enough windows to be asked, all clones among them."""
    is_asked = (
        (pl.col("structural") >= STRUCTURAL_FROM)
        & (pl.col("fingerprint") >= LEAST_FINGERPRINT)
        & (pl.col("n_common") >= LEAST_COMMON)
    )
    asked = pairs.filter(is_asked | pl.col("is_clone"))
    found = consistencies(contents_of(patterns), asked["row_a"].to_numpy(), asked["row_b"].to_numpy())
    return asked.with_columns(renaming=pl.Series(found, dtype=pl.Float32))
