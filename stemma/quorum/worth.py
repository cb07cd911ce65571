"""What a vote is worth, and what votes come to as a probability: the model that a calibration holds.

Where one is kept lives in `calibration`, how it is learned in `learning`, what a probability decides in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from stemma.quorum.calibrators import IDENTITY, Calibrator, at_prior
from stemma.quorum.evidence import SIGNALS, TEXT, families, in_use
from stemma.quorum.packs import flows
from stemma.quorum.thresholds import Thresholds

RULES = pl.Schema(
    {
        **dict.fromkeys(("member", "signal", "rule"), pl.String),
        **dict.fromkeys(("unfit", "fit"), pl.Float64),
        **dict.fromkeys(("n_unfit", "n_fit", "n_sources"), pl.Int64),
    }
)
_RULE_ANSWERS = 5.0
_LENT_CASES = 2.0
_SOURCES = 2
ANSWERS = pl.Schema({"member": pl.String, "signal": pl.String, "unfit": pl.Float64, "fit": pl.Float64})


# Answers that a member is taken to have given before any label is seen, on unfit and on fit code: it is better than
# chance, and by little. So many that a member with ten labels counts as much by them as by this.
PRIOR_ANSWERS = {
    "unfit": (0.6, 1.2, 1.0, 1.4, 5.8),
    "fit": (0.15, 0.6, 0.8, 1.45, 7.0),
}


@dataclass(frozen=True)
class Scale:
    """What sums of log odds mean for one kind of code, and where the quorum may decide on it.

    Attributes:
        prior: share of fit code that the probabilities are stated for.
        calibrator: from the sum over families to a probability at even odds.
        thresholds: by target error; a target between two has the stricter one's.
    """

    prior: float
    calibrator: Calibrator
    thresholds: Mapping[float, Thresholds]

    def apply(self, score: pl.Series) -> pl.Series:
        even = self.calibrator.apply(score.to_numpy().astype(np.float64))
        return pl.Series(at_prior(even, self.prior), dtype=pl.Float64)

    def thresholds_at(self, target: float) -> Thresholds:
        kept = [known for known in self.thresholds if known <= target + 1e-12]
        return self.thresholds[max(kept)] if kept else Thresholds(None, None)


@dataclass(frozen=True)
class Calibration:
    """How votes become probabilities.

    Attributes:
        scale: of code of which nothing is known but what stands in it.
        used: of code in use (`evidence.USE`).
        answers: member, signal, and how many such answers it gave on unfit and on fit texts (weighted, with
            `PRIOR_ANSWERS`).
        rules: the same by the gravest rule a vote tells, on how many texts of either kind, unweighted, and in how many
            sources it was right often enough to count (`learning`).
        provenance: on what it was learned, and how good it was found.
        version: hash of all of it.
    """

    scale: Scale
    used: Scale
    answers: pl.DataFrame
    rules: pl.DataFrame
    provenance: Mapping[str, Any]
    version: str = field(default="")

    @cached_property
    def log_odds(self) -> pl.DataFrame:
        """member, signal, log_odds of fit against unfit. No failing vote speaks for a text, no clean pass against; and
        what answers so few, or so even, may show by chance is drawn to nothing (`_shrunk`)."""
        worth, noise = _log_odds("fit", "unfit"), 1 / pl.col("n_fit") + 1 / pl.col("n_unfit")
        return self._rates.select("member", "signal", log_odds=_bounded(_shrunk(worth, noise)))

    @cached_property
    def log_odds_of_rules(self) -> pl.DataFrame:
        """member, signal, rule, log_odds: what is known of votes as grave of that member, and by how much a rule that
        fired as often as `_RULE_ANSWERS` half by itself, half as these, differs from them beyond chance. A finding that
        is only told, on a vote that passes, has no worth of its own: one set's cases with `random` would speak against
        every text that draws a number."""
        totals = self.answers.group_by("member").agg(all_fit=pl.col("fit").sum(), all_unfit=pl.col("unfit").sum())
        share = pl.col("fit_rate") / (pl.col("fit_rate") + pl.col("unfit_rate"))
        n = (pl.col("all_fit") + pl.col("all_unfit")) / 2
        fit = pl.col("fit") / pl.col("all_fit") * n + _RULE_ANSWERS * share
        unfit = pl.col("unfit") / pl.col("all_unfit") * n + _RULE_ANSWERS * (1 - share)
        difference = _bounded((fit / unfit).log()) - _bounded(_log_odds("fit_rate", "unfit_rate"))
        noise = 1 / (pl.col("fit") + 1) + 1 / (pl.col("unfit") + 1)
        return (
            self.rules.filter(pl.col("signal").str.starts_with("fail"))
            .join(self._rates.rename({"fit": "fit_rate", "unfit": "unfit_rate"}), on=["member", "signal"])
            .join(totals, on="member")
            .join(self.log_odds, on=["member", "signal"])
            .select("member", "signal", "rule", log_odds=_bounded(pl.col("log_odds") + _shrunk(difference, noise)))
        )

    @property
    def _rates(self) -> pl.DataFrame:
        counts = [pl.col(kind).alias(f"n_{kind}") for kind in ("fit", "unfit")]
        return self.answers.with_columns(*counts, *(_rate(kind) for kind in ("fit", "unfit")))

    def shown(self, target: float, presumed: Mapping[str, float]) -> pl.DataFrame:
        """member, rule, is_shown: of each rule of which labels speak, whether they lead one to expect that its grave
        findings are wrong no more often than a target allows, both as often as they were met and at even odds of fit
        code in each source: where seven in eight are unfit, hardly any finding is wrong. One that is not shown is
        evidence, and no veto. Nor is a rule that follows data and was right in one source alone: of a source never
        seen one other tells nothing (Dunn et al. 2022 want one more than the target's inverse), and in one
        such a rule's findings were wrong in one case of five, where none was in another.

        Args:
            presumed: members whose rules, but for those that follow data, are taken to be wrong in so great a share of
                the cases that each is lent; of others these came out as those of their members' as grave findings did.
        """
        is_heard = pl.col("n_fit") + pl.col("n_unfit") > 0
        failures = self.rules.filter(pl.col("signal").str.starts_with("fail") & is_heard)
        is_expected = [
            (wrong + _LENT_CASES * pl.coalesce(presumption(presumed), _usual(wrong, right)))
            <= target * (wrong + right + _LENT_CASES)
            for wrong, right in ((pl.col("fit"), pl.col("unfit")), (pl.col("n_fit"), pl.col("n_unfit")))
        ]
        is_known = presumption(presumed).is_not_null() | (pl.col("n_sources") >= _SOURCES)
        marked = failures.with_columns(is_shown=pl.all_horizontal(*is_expected, is_known))
        return marked.group_by("member", "rule").agg(pl.col("is_shown").all())

    def answers_of(self, members: list[str]) -> pl.DataFrame:
        """Schema `ANSWERS`, of each of these members; of one about whom nothing was learned, `PRIOR_ANSWERS`."""
        unknown = [member for member in members if member not in set(self.answers["member"])]
        assumed = [_UNKNOWN.answers.with_columns(member=pl.lit(member)) for member in unknown]
        return pl.concat([self.answers.filter(pl.col("member").is_in(members)), *assumed])

    def scores(self, votes: pl.DataFrame) -> pl.DataFrame:
        """TEXT, family, member, log_odds: each family's word on each text (`evidence.families`)."""
        return families(votes, self.log_odds, self.log_odds_of_rules, _ASSUMED)

    def probabilities(self, votes: pl.DataFrame) -> pl.DataFrame:
        """TEXT, score, is_used, probability that it is fit, of each text that any family voted on."""
        scores = self.scores(votes).group_by(*TEXT).agg(score=pl.col("log_odds").sum())
        is_used = pl.col("is_used").fill_null(value=False)
        known = scores.join(in_use(votes).with_columns(is_used=pl.lit(value=True)), on=list(TEXT), how="left")
        stated = [self.used.apply(known["score"]), self.scale.apply(known["score"])]
        return known.with_columns(is_used, probability=pl.when(is_used).then(stated[0]).otherwise(stated[1])).sort(
            *TEXT
        )


def bare(answers: pl.DataFrame, rules: pl.DataFrame | None = None) -> Calibration:
    """Members' answers alone: even odds, scores taken for log odds, no thresholds."""
    even = Scale(0.5, IDENTITY, {})
    return Calibration(even, even, answers, pl.DataFrame(schema=RULES) if rules is None else rules, {})


def presumption(presumed: Mapping[str, float]) -> pl.Expr:
    """How often a rule is taken to be wrong before any label speaks of it: null of one that follows data, for it sees
    not only what stands in the text, and of members about which nothing is presumed."""
    share = pl.col("member").replace_strict(dict(presumed), default=None, return_dtype=pl.Float64)
    return pl.when(~pl.col("rule").is_in(list(flows()))).then(share)


def _usual(wrong: pl.Expr, right: pl.Expr) -> pl.Expr:
    """The share of wrong ones among a member's as grave findings, 0 where there are none."""
    n = (wrong + right).sum().over("member", "signal")
    return pl.when(n > 0).then(wrong.sum().over("member", "signal") / n).otherwise(0.0)


def _rate(kind: str) -> pl.Expr:
    return pl.col(kind) / pl.col(kind).sum().over("member")


def _log_odds(fit: str, unfit: str) -> pl.Expr:
    return (pl.col(fit) / pl.col(unfit)).log()


def _shrunk(worth: pl.Expr, noise: pl.Expr) -> pl.Expr:
    """Drawn to 0 by the positive part of James and Stein's estimator (1961), all the way where chance alone (`noise`,
    the variance of the log odds) makes as much: on the development sets Vulture, Ruff and mypy took from what the
    security pack tells apart by itself."""
    return worth * (1 - noise / (worth * worth + 1e-12)).clip(lower_bound=0.0)


def _bounded(worth: pl.Expr) -> pl.Expr:
    """Log odds that never turn a vote round; a pass that tells a finding may speak either way."""
    is_failure = pl.col("signal").str.starts_with("fail")
    return (
        pl.when(is_failure)
        .then(pl.min_horizontal(worth, 0.0))
        .when(pl.col("signal") == SIGNALS[-1])
        .then(pl.max_horizontal(worth, 0.0))
        .otherwise(worth)
    )


_UNKNOWN = bare(pl.DataFrame({"member": "", "signal": SIGNALS, **PRIOR_ANSWERS}, schema=ANSWERS, strict=False))
# By signal, of a member about whom nothing was learned: what is believed of it, and no measurement to be drawn in.
_ASSUMED = _UNKNOWN.answers.select("signal", log_odds=_bounded((_rate("fit") / _rate("unfit")).log()))
