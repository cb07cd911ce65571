"""What a vote is worth, and what votes come to as a probability: read from `calibration.json`, which says on which
labels it was learned.

How it is learned lives in `learning`; what is done with a probability, in `verdicts`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import binom  # type: ignore[import-untyped]

from stemma.config import Settings
from stemma.errors import StemmaError
from stemma.ids import content_id
from stemma.quorum.calibrators import IDENTITY, Calibrator, at_prior
from stemma.quorum.evidence import SIGNALS, TEXT, families
from stemma.quorum.thresholds import Thresholds

PROVENANCE = ("sets", "commits", "counts", "date", "command", "figures")
FILE = "quorum_calibration.json"
"""In the data folder: what was learned from the user's own labels, in place of the packaged one."""

# Answers that a member is taken to have given before any label is seen, on unfit and on fit code: it is better than
# chance, and by little. So many that a member with ten labels counts as much by them as by this.
PRIOR_ANSWERS = {
    "unfit": (0.6, 1.2, 1.0, 1.4, 5.8),
    "fit": (0.15, 0.6, 0.8, 1.45, 7.0),
}


class CalibrationError(StemmaError):
    """A calibration that cannot be used."""


@dataclass(frozen=True)
class Calibration:
    """How votes become probabilities.

    Attributes:
        prior: share of fit code that the probabilities are stated for.
        answers: member, signal, and how many such answers it gave on unfit and on fit texts (weighted, with
            `PRIOR_ANSWERS`).
        rules: the same by the gravest rule a vote tells, and on how many texts of either kind, unweighted.
        calibrator: from the sum over families to a probability at even odds.
        thresholds: by target error; a target between two has the stricter one's.
        provenance: on what it was learned, and how good it was found.
        version: hash of all of it.
    """

    prior: float
    answers: pl.DataFrame
    rules: pl.DataFrame
    calibrator: Calibrator
    thresholds: Mapping[float, Thresholds]
    provenance: Mapping[str, Any]
    version: str = field(default="")

    @cached_property
    def log_odds(self) -> pl.DataFrame:
        """member, signal, log_odds of fit against unfit. No failing vote speaks for a text, no clean pass against."""
        return self._rates.select("member", "signal", log_odds=_bounded(pl.col("fit") / pl.col("unfit")))

    @cached_property
    def log_odds_of_rules(self) -> pl.DataFrame:
        """member, signal, rule, log_odds: of a rule that fired as often as `_RULE_ANSWERS` half by what is known of it,
        half by what is known of votes as grave of that member. A finding that is only told, on a vote that passes, has
        no worth of its own: one set's cases with `random` would speak against every text that draws a number."""
        totals = self.answers.group_by("member").agg(all_fit=pl.col("fit").sum(), all_unfit=pl.col("unfit").sum())
        share = pl.col("fit_rate") / (pl.col("fit_rate") + pl.col("unfit_rate"))
        n = (pl.col("all_fit") + pl.col("all_unfit")) / 2
        fit = pl.col("fit") / pl.col("all_fit") * n + _RULE_ANSWERS * share
        unfit = pl.col("unfit") / pl.col("all_unfit") * n + _RULE_ANSWERS * (1 - share)
        return (
            self.rules.filter(pl.col("signal").str.starts_with("fail"))
            .join(self._rates.rename({"fit": "fit_rate", "unfit": "unfit_rate"}), on=["member", "signal"])
            .join(totals, on="member")
            .select("member", "signal", "rule", log_odds=_bounded(fit / unfit))
        )

    @property
    def _rates(self) -> pl.DataFrame:
        rate = [pl.col(kind) / pl.col(kind).sum().over("member") for kind in ("fit", "unfit")]
        return self.answers.with_columns(*rate)

    def overruled(self, target: float) -> pl.DataFrame:
        """member, rule: those that labels have shown to be wrong more often than a target allows, by a binomial test
        at one in four. Such a rule is evidence, and no veto."""
        failures = self.rules.filter(pl.col("signal").str.starts_with("fail"))
        n_wrong, n = failures["n_fit"].to_numpy(), (failures["n_fit"] + failures["n_unfit"]).to_numpy()
        return failures.filter(pl.Series(binom.sf(n_wrong - 1, n, target) < 0.25)).select("member", "rule").unique()

    def answers_of(self, members: list[str]) -> pl.DataFrame:
        """Schema `ANSWERS`, of each of these members; of one about whom nothing was learned, `PRIOR_ANSWERS`."""
        unknown = [member for member in members if member not in set(self.answers["member"])]
        assumed = [_UNKNOWN.answers.with_columns(member=pl.lit(member)) for member in unknown]
        return pl.concat([self.answers.filter(pl.col("member").is_in(members)), *assumed])

    def scores(self, votes: pl.DataFrame) -> pl.DataFrame:
        """TEXT, family, member, log_odds: each family's strongest word on each text (`evidence.families`)."""
        return families(votes, self.log_odds, self.log_odds_of_rules, _UNKNOWN.log_odds.drop("member"))

    def probabilities(self, votes: pl.DataFrame) -> pl.DataFrame:
        """TEXT, score, probability that it is fit, of each text that any family voted on."""
        scores = self.scores(votes).group_by(*TEXT).agg(score=pl.col("log_odds").sum()).sort(*TEXT)
        even = self.calibrator.apply(scores["score"].to_numpy().astype(np.float64))
        return scores.with_columns(probability=pl.Series(at_prior(even, self.prior), dtype=pl.Float64))

    def thresholds_at(self, target: float) -> Thresholds:
        kept = [known for known in self.thresholds if known <= target + 1e-12]
        return self.thresholds[max(kept)] if kept else Thresholds(None, None)


@cache
def packaged() -> Calibration:
    """The calibration that comes with Stemma.

    Raises:
        CalibrationError: it is not complete or not sound.
    """
    return read_calibration(files("stemma.quorum").joinpath("calibration.json").read_text("utf-8"), "calibration.json")


def calibration_in_force(settings: Settings) -> Calibration:
    """What was learned from the user's own labels where there is such a thing, else the packaged one.

    Raises:
        CalibrationError: it is not complete or not sound.
    """
    own = settings.data_dir / FILE
    return read_calibration(own.read_text("utf-8", errors="replace"), str(own)) if own.is_file() else packaged()


def read_calibration(text: str, name: str) -> Calibration:
    """A calibration from its JSON.

    Raises:
        CalibrationError: it is not complete or not sound; says what is wrong.
    """
    try:
        raw = json.loads(text)
        calibrator = raw["calibrator"]
        rows = [
            (member, signal, float(row["unfit"][i]), float(row["fit"][i]))
            for member, row in raw["answers"].items()
            for i, signal in enumerate(SIGNALS)
        ]
        found = Calibration(
            prior=float(raw["prior"]),
            answers=pl.DataFrame(rows, schema=ANSWERS, orient="row"),
            rules=pl.DataFrame(_rule_rows(raw["rules"]), schema=RULES, orient="row"),
            calibrator=Calibrator(
                kind=calibrator["kind"],
                slope=float(calibrator["slope"]),
                offset=float(calibrator["offset"]),
                scores=tuple(map(float, calibrator["scores"])),
                probabilities=tuple(map(float, calibrator["probabilities"])),
            ),
            thresholds={
                float(target): Thresholds(row["accept_at"], row["reject_at"])
                for target, row in raw["thresholds"].items()
            },
            provenance={key: raw["provenance"][key] for key in PROVENANCE},
            version=content_id(text)[:8],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable(name, f"{type(error).__name__} {error}") from error
    _check(found, name)
    return found


RULES = pl.Schema(
    {
        **dict.fromkeys(("member", "signal", "rule"), pl.String),
        **dict.fromkeys(("unfit", "fit"), pl.Float64),
        **dict.fromkeys(("n_unfit", "n_fit"), pl.Int64),
    }
)
_RULE_ANSWERS = 15.0
ANSWERS = pl.Schema({"member": pl.String, "signal": pl.String, "unfit": pl.Float64, "fit": pl.Float64})


def as_json(found: Calibration) -> str:
    """The text that `read_calibration` reads; equal calibrations have equal texts."""
    by_member = found.answers.sort("member", maintain_order=True).partition_by("member", as_dict=True)
    return (
        json.dumps(
            {
                "prior": found.prior,
                "signals": list(SIGNALS),
                "answers": {str(key[0]): _by_class(rows) for key, rows in by_member.items()},
                "rules": {
                    str(key[0]): {
                        f"{row['signal']}: {row['rule']}": [
                            *(round(row[kind], 4) for kind in ("unfit", "fit")),
                            *(row[kind] for kind in ("n_unfit", "n_fit")),
                        ]
                        for row in rows.sort("signal", "rule").to_dicts()
                    }
                    for key, rows in found.rules.sort("member")
                    .partition_by("member", as_dict=True, maintain_order=True)
                    .items()
                },
                "calibrator": {
                    "kind": found.calibrator.kind,
                    "slope": round(found.calibrator.slope, 4),
                    "offset": round(found.calibrator.offset, 4),
                    "scores": [round(value, 4) for value in found.calibrator.scores],
                    "probabilities": [round(value, 4) for value in found.calibrator.probabilities],
                },
                "thresholds": {
                    str(target): {"accept_at": _rounded(row.accept_at), "reject_at": _rounded(row.reject_at)}
                    for target, row in sorted(found.thresholds.items())
                },
                "provenance": dict(found.provenance),
            },
            indent=2,
        )
        + "\n"
    )


def write_calibration(found: Calibration, path: Path) -> None:
    """Put it where `calibration_in_force` finds it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.new")  # another process may be writing one of its own
    try:
        aside.write_text(as_json(found), encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _rule_rows(raw: Mapping[str, Mapping[str, list[float]]]) -> list[tuple[Any, ...]]:
    return [
        (member, *key.split(": ", 1), float(row[0]), float(row[1]), int(row[2]), int(row[3]))
        for member, of_member in raw.items()
        for key, row in of_member.items()
    ]


def _by_class(rows: pl.DataFrame) -> dict[str, list[float]]:
    return {kind: rows[kind].round(4).to_list() for kind in ("unfit", "fit")}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _check(found: Calibration, name: str) -> None:
    if not 0 < found.prior < 1:
        raise _unusable(name, f"its prior {found.prior} is no share between 0 and 1")
    if found.calibrator.kind not in ("platt", "isotonic") or found.calibrator.slope < 0:
        raise _unusable(name, "its calibrator is no rising sigmoid or step function")
    if not (found.answers["unfit"] > 0).all() or not (found.answers["fit"] > 0).all():
        raise _unusable(name, "answers of a member are no counts above 0")
    steps = found.calibrator.probabilities
    if list(steps) != sorted(steps) or len(steps) != len(found.calibrator.scores):
        raise _unusable(name, "its steps do not rise")
    limits = [value for row in found.thresholds.values() for value in (row.accept_at, row.reject_at)]
    if any(value is not None and not 0 <= value <= 1 for value in limits):
        raise _unusable(name, "a threshold is no probability")


def _unusable(name: str, why: str) -> CalibrationError:
    return CalibrationError(
        f"The quorum's calibration {name} cannot be used: {why}.",
        "Make it again: `stemma calibrate`, or remove the file.",
    )


def bare(answers: pl.DataFrame, rules: pl.DataFrame | None = None) -> Calibration:
    """Members' answers alone: even odds, scores taken for log odds, no thresholds."""
    return Calibration(0.5, answers, pl.DataFrame(schema=RULES) if rules is None else rules, IDENTITY, {}, {})


def _bounded(odds: pl.Expr) -> pl.Expr:
    """Log odds that never turn a vote round; a pass that tells a finding may speak either way."""
    worth, is_failure = odds.log(), pl.col("signal").str.starts_with("fail")
    return (
        pl.when(is_failure)
        .then(pl.min_horizontal(worth, 0.0))
        .when(pl.col("signal") == SIGNALS[-1])
        .then(pl.max_horizontal(worth, 0.0))
        .otherwise(worth)
    )


_UNKNOWN = bare(pl.DataFrame({"member": "", "signal": SIGNALS, **PRIOR_ANSWERS}, schema=ANSWERS, strict=False))
