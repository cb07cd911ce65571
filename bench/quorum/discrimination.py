"""`python -m bench.quorum.discrimination FOLDER [--write]`: what the quorum tells apart on the development sets.

Everything is stated out of fold: by case (nothing of a case, its pair or its prompt was seen) and by set (nothing of
the set was seen). With --write the calibration that comes with Stemma is learned from all of them and written beside
the figures. Which sets there are and what counts as fit is said in `sets`.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata

from bench.quorum.poll import votes_on
from bench.quorum.sets import Case, cases, commits
from stemma.quorum.calibration import Calibration, write_calibration
from stemma.quorum.calibrators import expected_calibration_error, folds_of, log_loss
from stemma.quorum.evidence import SIGNALS, TEXT, signal
from stemma.quorum.learning import EVEN, LABELLED, N_FOLDS, REJECT_PRIOR, learn
from stemma.quorum.rule import Rule
from stemma.quorum.thresholds import CONFIDENCE
from stemma.quorum.verdicts import decide

CALIBRATION = Path(__file__).parents[2] / "stemma" / "quorum" / "calibration.json"
RESULTS = Path(__file__).parents[1] / "results" / "quorum_discrimination.json"
TARGETS = (0.05, 0.01)
Row = dict[str, Any]


def labels_of(found: Sequence[Case]) -> pl.DataFrame:
    rows = [(case.key, "", case.is_fit, f"{case.source}: {case.group}", case.source) for case in found]
    return pl.DataFrame(rows, schema=LABELLED, orient="row")


def out_of_fold(votes: pl.DataFrame, labelled: pl.DataFrame, folds: np.ndarray) -> pl.DataFrame:
    """LABELLED, probability, and an outcome for each target, by calibrations that never saw the fold."""
    parts = []
    for fold in np.unique(folds):
        held = labelled.filter(pl.Series(folds == fold))
        known = labelled.filter(pl.Series(folds != fold))
        calibration = learn(votes.join(known, on=list(TEXT), how="semi"), known, provenance={})
        parts.append(judged(votes.join(held, on=list(TEXT), how="semi"), held, calibration))
    return pl.concat(parts)


def judged(votes: pl.DataFrame, labelled: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    stated = calibration.probabilities(votes).select(*TEXT, "probability")
    found = labelled.join(stated, on=list(TEXT), how="left").with_columns(pl.col("probability").fill_null(EVEN))
    for target in TARGETS:
        outcome = decide(votes, Rule(target_error=target), calibration, labelled).select(
            *TEXT, outcome=pl.col("outcome")
        )
        found = found.join(outcome.rename({"outcome": str(target)}), on=list(TEXT))
    return found


def figures(found: pl.DataFrame) -> Row:
    """AUROC, calibration, and what was decided at each target."""
    is_fit, probability = found["is_fit"].to_numpy(), found["probability"].to_numpy()
    # Probabilities are stated at even odds, and so they are held against the labels.
    even, n_kinds = np.where(is_fit, 1 / max(is_fit.sum(), 1), 1 / max((~is_fit).sum(), 1)), len(np.unique(is_fit))
    row: Row = {
        "n_fit": int(is_fit.sum()),
        "n_unfit": int((~is_fit).sum()),
        "auroc": auroc(probability, is_fit),
        "calibration_error": expected_calibration_error(probability, is_fit, even) if n_kinds == 2 else None,
        "log_loss": log_loss(probability, is_fit, even),
    }
    return row | {f"at_{target}": decided(found[str(target)].to_list(), is_fit) for target in TARGETS}


def decided(outcomes: Sequence[str], is_fit: np.ndarray) -> Row:
    outcome = np.asarray(outcomes)
    accepted, rejected = outcome == "accept", outcome == "reject"
    n = int(accepted.sum() + rejected.sum())
    wrong = int((accepted & ~is_fit).sum() + (rejected & is_fit).sum())
    return {
        "accepted": int(accepted.sum()),
        "accepted_unfit": int((accepted & ~is_fit).sum()),
        "rejected": int(rejected.sum()),
        "rejected_fit": int((rejected & is_fit).sum()),
        "error": wrong / n if n else None,
        "accuracy": 1 - wrong / n if n else None,
        "abstained": 1 - n / len(outcome),
    }


def auroc(score: np.ndarray, is_fit: np.ndarray) -> float | None:
    """Probability that a fit case scores above an unfit one, ties counting half."""
    n_fit, n_unfit = int(is_fit.sum()), int((~is_fit).sum())
    if not n_fit or not n_unfit:
        return None
    return float((rankdata(score)[is_fit].sum() - n_fit * (n_fit + 1) / 2) / (n_fit * n_unfit))


def peers(votes: pl.DataFrame, labelled: pl.DataFrame) -> Iterator[tuple[str, Row]]:
    """Each member by itself, and the majority of members: a tie and an abstention decide nothing."""
    said = votes.join(labelled.select(*TEXT, "is_fit"), on=list(TEXT)).with_columns(signal=signal())
    rank = {name: place / (len(SIGNALS) - 1) for place, name in enumerate(SIGNALS)}
    for member in sorted(said["member"].unique()):
        one = labelled.join(said.filter(pl.col("member") == member).drop("is_fit"), on=list(TEXT), how="left")
        # An abstention is ranked between a failure and a pass.
        score = one["signal"].replace_strict(rank, default=0.625, return_dtype=pl.Float64).to_numpy()
        yield member, _peer(score, one["vote"].fill_null("abstain"), labelled)
    share = said.filter(pl.col("vote") != "abstain").group_by(*TEXT).agg(share=(pl.col("vote") == "pass").mean())
    all_of = labelled.join(share, on=list(TEXT), how="left").with_columns(pl.col("share").fill_null(0.5))
    side = (
        pl.when(pl.col("share") > 0.5)
        .then(pl.lit("pass"))
        .when(pl.col("share") < 0.5)
        .then(pl.lit("fail"))
        .otherwise(pl.lit("abstain"))
    )
    yield "majority", _peer(all_of["share"].to_numpy(), all_of.select(side).to_series(), labelled)


def _peer(score: np.ndarray, vote: pl.Series, labelled: pl.DataFrame) -> Row:
    is_fit = labelled["is_fit"].to_numpy()
    outcomes = vote.replace_strict({"pass": "accept", "fail": "reject", "abstain": "needs_review"}).to_list()
    return {"auroc": auroc(score, is_fit)} | decided(outcomes, is_fit)


def views(labelled: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The sets that are scored: each source, and SecurityEval's insecure answers against functions of packages."""
    for (source,), rows in labelled.partition_by("source", as_dict=True, maintain_order=True).items():
        yield str(source), rows
    is_insecure = (pl.col("source") == "SecurityEval") & ~pl.col("is_fit")
    yield "SecurityEval against packages", labelled.filter(is_insecure | (pl.col("source") == "packages"))


def measure(votes: pl.DataFrame, labelled: pl.DataFrame) -> dict[str, Any]:
    by_case = out_of_fold(votes, labelled, folds_of(labelled["group"].to_list(), N_FOLDS))
    sources = labelled["source"].rank("dense").cast(pl.Int64).to_numpy()
    by_set = out_of_fold(votes, labelled, sources)
    found: dict[str, Any] = {}
    for name, rows in views(labelled):
        keys = rows.select(*TEXT)
        alone = dict(peers(votes.join(keys, on=list(TEXT), how="semi"), rows))
        majority = alone.pop("majority")
        best = max(alone, key=lambda member: (alone[member]["auroc"] or 0, member))
        found[name] = {
            "quorum, other cases known": figures(by_case.join(keys, on=list(TEXT), how="semi")),
            "quorum, set unknown": figures(by_set.join(keys, on=list(TEXT), how="semi")),
            f"best member ({best})": alone[best],
            "majority": majority,
        }
    found["all"] = {
        "quorum, other cases known": figures(by_case),
        "quorum, set unknown": figures(by_set),
        "majority": dict(peers(votes, labelled))["majority"],
    }
    return found


def provenance(folder: Path, labelled: pl.DataFrame, found: dict[str, Any], versions: dict[str, str]) -> Row:
    counts = labelled.group_by("source").agg(n_fit=pl.col("is_fit").sum(), n_unfit=(~pl.col("is_fit")).sum())
    return {
        "sets": sorted(labelled["source"].unique()),
        "commits": commits(folder),
        "counts": {
            row["source"]: {"fit": row["n_fit"], "unfit": row["n_unfit"]} for row in counts.sort("source").to_dicts()
        },
        "members": versions,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": "python -m bench.quorum.discrimination FOLDER --write",
        "figures": {
            "prior": "stated at even odds of fit and unfit code",
            "acceptance": f"keeps its target where {EVEN:.0%} of code or more is fit; confidence {CONFIDENCE}",
            "rejection": f"keeps its target where {REJECT_PRIOR:.0%} of code or less is fit; confidence {CONFIDENCE}",
            "held out": "map and thresholds from scores of cases whose pair, prompt or file was not seen",
            "sets": found,
        },
    }


def table(found: dict[str, Any]) -> str:
    lines = [
        "| set | who | AUROC | calibration error | error of decisions at 5 % | abstained | at 1 % | abstained |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in found.items():
        for who, row in rows.items():
            at = [row.get(f"at_{target}", row) for target in TARGETS]
            cells = [_shown(row["auroc"]), _shown(row.get("calibration_error"))]
            for cell in at:
                cells += [_shown(cell["error"]), _shown(cell["abstained"])]
            lines.append(f"| {name} | {who} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        raise SystemExit(__doc__)
    folder = Path(arguments[0])
    known = cases(folder)
    votes = votes_on(known, folder / "votes")
    labelled = labels_of(known).join(votes.select(*TEXT).unique(), on=list(TEXT), how="semi").sort(*TEXT)
    found = measure(votes, labelled)
    print(table(found))
    if "--write" in arguments:
        versions = dict(votes.select("member", "member_version").unique().sort("member").iter_rows())
        about = provenance(folder, labelled, found, versions)
        write_calibration(learn(votes, labelled, provenance=about), CALIBRATION)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        RESULTS.with_suffix(".md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
