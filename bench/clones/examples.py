"""What the calibration is learned from: labelled pairs with their components, and how much each counts.

Natural pairs are candidates of real packages as they come: those a person read, each standing for the candidates of
its stratum, and of the pairs of two packages that are not much alike as many as can be had, which are no clones and
stand for all negatives of their strata. The probability is one of such pairs: that a candidate is a clone, in packages
as they are. Constructed pairs are the mutants of `injected` and BigCloneBench's strong Type-3; they say which way
clones lie whose names or statements were changed, not how many there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.clones import own
from bench.clones.bigclonebench import COMMIT, REPOSITORY, bigclonebench
from bench.clones.injected import injected
from bench.clones.reading import read_candidates, real_patterns, scored_candidates, with_common
from bench.clones.scoring import grouped
from bench.clones.sets import CloneSet

FEATURES = ("structural", "fingerprint", "lexical", "ln(1 + common windows)")
NATURAL, APART, MADE = "natural", "two packages", "constructed"
STRONG = ("ST3", "T3 up to 30 %")
UNLIKE = 0.55
"""Pairs of two packages below this likeness are taken for negatives unread: of 140 pairs read none was a clone."""
N_APART = 60_000
SEED = 3


@dataclass(frozen=True)
class Examples:
    """Pairs: features (n, 4), truth, how many candidates each stands for, where it is from, its kind, its package."""

    features: NDArray[np.float64]
    is_clone: NDArray[np.bool_]
    weight: NDArray[np.float64]
    source: NDArray[np.str_]
    kind: NDArray[np.str_]
    package: NDArray[np.str_]
    prior: str = ""
    sets: list[str] = field(default_factory=list)
    commits: dict[str, str] = field(default_factory=dict)

    @property
    def is_natural(self) -> NDArray[np.bool_]:
        natural: NDArray[np.bool_] = self.source != MADE
        return natural

    def where(self, is_kept: NDArray[np.bool_]) -> Examples:
        arrays = {item.name: getattr(self, item.name) for item in fields(self)}
        return Examples(**{name: v[is_kept] if isinstance(v, np.ndarray) else v for name, v in arrays.items()})

    def fold(self, n: int) -> NDArray[np.int64]:
        """The fold of each example's package."""
        names, at = np.unique(self.package, return_inverse=True)
        folds = [int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:4], "big") % n for name in names]
        return np.array(folds)[at]


def examples(folder: Path) -> Examples:
    """Everything the calibration learns from, out of the sets of a folder."""
    patterns = real_patterns(folder)
    candidates = with_common(patterns, scored_candidates(patterns))
    return assembled(patterns, candidates, [injected(folder), bigclonebench(folder)])


def assembled(patterns: pl.DataFrame, candidates: pl.DataFrame, sets: list[CloneSet]) -> Examples:
    packages = patterns["package"]
    candidates = candidates.with_columns(
        package=packages.gather(candidates["row_a"]), other_package=packages.gather(candidates["row_b"])
    )
    read = read_candidates(candidates)
    made = [_made(clones) for clones in sets]
    natural = read.with_columns(source=pl.lit(NATURAL), kind=pl.lit(NATURAL))
    parts = [natural, _apart(candidates, read), *made]
    frame = pl.concat([part.select(_COLUMNS) for part in parts], how="vertical_relaxed")
    base = float(read["weight"] @ read["is_clone"].cast(pl.Float64) / read["weight"].sum())
    return Examples(
        features=frame.select(_features()).to_numpy().astype(np.float64),
        is_clone=frame["is_clone"].to_numpy(),
        weight=frame["weight"].to_numpy().astype(np.float64),
        source=frame["source"].to_numpy().astype(str),
        kind=frame["kind"].to_numpy().astype(str),
        package=frame["package"].to_numpy().astype(str),
        prior=f"pairs of released packages that reach scoring as candidates; {base:.3f} of them clones, as read",
        sets=_described(candidates, read, made),
        commits={REPOSITORY: COMMIT},
    )


_COLUMNS = ("structural", "fingerprint", "lexical", "n_common", "is_clone", "weight", "source", "kind", "package")


def _features() -> list[pl.Expr]:
    parts = [pl.col(name).fill_null(0).fill_nan(0) for name in ("structural", "fingerprint", "lexical")]
    return [*parts, pl.col("n_common").log1p()]


def _apart(candidates: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """Candidates of two packages, taken for negatives; together they weigh what the negatives read there do."""
    likeness = pl.mean_horizontal("structural", "fingerprint", "lexical")
    found = candidates.filter((pl.col("package") != pl.col("other_package")) & (likeness < UNLIKE))
    found = found.sample(min(N_APART, len(found)), seed=SEED)
    negatives = read.filter(~pl.col("is_clone") & (pl.col("stratum") < UNLIKE - 1e-9))["weight"].sum()
    return found.with_columns(
        is_clone=pl.lit(value=False),
        weight=pl.lit(negatives / len(found)),
        source=pl.lit(APART),
        kind=pl.lit(APART),
    )


def _made(clones: CloneSet) -> pl.DataFrame:
    """The pairs of a set that are two patterns; equal ones need no score. Negatives only count for precision."""
    data = own.read(clones)
    pairs = with_common(data.patterns, own.components(data))
    groups = grouped(clones.pairs).select("a", "b", "group")
    return pairs.join(groups, on=["a", "b"]).with_columns(
        weight=pl.col("is_clone").cast(pl.Float64), source=pl.lit(MADE), kind="group"
    )


def _described(candidates: pl.DataFrame, read: pl.DataFrame, made: list[pl.DataFrame]) -> list[str]:
    counts: Any = pl.concat([part.select("kind") for part in made]).group_by("kind").len().sort("kind")
    return [
        f"{len(read)} of {len(candidates)} candidate pairs of released packages, read one by one",
        f"up to {N_APART} candidate pairs of two packages below a likeness of {UNLIKE}, taken for negatives",
        *(f"{n} constructed pairs of two patterns: {kind}" for kind, n in counts.iter_rows()),
    ]
