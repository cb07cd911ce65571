"""`python -m bench.quorum.discrimination FOLDER REPOSITORIES [--write]`: what the quorum tells apart on the development
sets, and what it would have accepted in repositories.

Everything is stated out of fold: by case (nothing of a case, its pair or its prompt was seen), by set (nothing of the
set was seen) and by repository. With --write the calibration that comes with Stemma is learned from all of them and
written beside the figures. Which sets there are and what counts as fit is said in `sets`, and for code that stood in
the clones in REPOSITORIES in `outcomes`, which has to be run first.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata

from bench.figures import write
from bench.quorum import outcomes
from bench.quorum.poll import votes_on
from bench.quorum.sets import Case, cases, commits
from stemma.quorum.calibration import write_calibration
from stemma.quorum.calibrators import expected_calibration_error, folds_of, log_loss
from stemma.quorum.evidence import SIGNALS, TEXT, signal
from stemma.quorum.learning import evened, learn
from stemma.quorum.rule import Rule
from stemma.quorum.scales import EVEN, LABELLED, N_FOLDS, REJECT_PRIOR, Standing
from stemma.quorum.thresholds import CONFIDENCE
from stemma.quorum.verdicts import decide
from stemma.quorum.worth import Calibration

CALIBRATION = Path(__file__).parents[2] / "stemma" / "quorum" / "calibration.json"
TARGETS = (0.05, 0.01)
IN_USE = "code in repositories, each unknown"
Row = dict[str, Any]


def labels_of(found: Sequence[Case]) -> pl.DataFrame:
    rows = [(case.key, "", case.is_fit, f"{case.source}: {case.group}", case.source) for case in found]
    return pl.DataFrame(rows, schema=LABELLED, orient="row")


def out_of_fold(votes: pl.DataFrame, labelled: pl.DataFrame, folds: np.ndarray, standing: Standing) -> pl.DataFrame:
    """LABELLED, fold, probability, and an outcome for each target, by calibrations that never saw the fold."""
    parts = []
    for fold in np.unique(folds):
        held = labelled.filter(pl.Series(folds == fold))
        known = labelled.filter(pl.Series(folds != fold))
        cast = votes.join(known, on=list(TEXT), how="semi")
        calibration = learn(cast, known, provenance={}, standing=standing)
        found = judged(votes.join(held, on=list(TEXT), how="semi"), held, calibration)
        parts.append(found.with_columns(fold=pl.lit(int(fold))))
    return pl.concat(parts)


def by_repository(votes: pl.DataFrame, labelled: pl.DataFrame, standing: Standing) -> pl.DataFrame:
    """The same of code that stood in a repository, by calibrations that never saw the repository."""
    parts = []
    for fold, (source,) in enumerate(standing.labelled.select("source").unique().sort("source").iter_rows()):
        held = standing.labelled.filter(pl.col("source") == source)
        known = Standing(standing.votes, standing.labelled.filter(pl.col("source") != source))
        calibration = learn(votes, labelled, provenance={}, standing=known.heard())
        found = judged(standing.votes.join(held, on=list(TEXT), how="semi"), held, calibration)
        parts.append(found.with_columns(fold=pl.lit(fold)))
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
    # Probabilities are stated at even odds of each source, and so they are held against the labels.
    even, n_kinds = evened(found), len(np.unique(is_fit))
    row: Row = {
        "n_fit": int(is_fit.sum()),
        "n_unfit": int((~is_fit).sum()),
        "auroc": auroc_within(probability, is_fit, found["fold"].to_numpy()),
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


def auroc_within(score: np.ndarray, is_fit: np.ndarray, folds: np.ndarray) -> float | None:
    """The same among cases of one fold, over all of them: a fold with more fit cases leaves fewer to learn from, so
    its scores are lower, and pairs over folds would be held against the method (Parker et al. 2007)."""
    right = n = 0.0
    for name in np.unique(folds):
        of = folds == name
        value, n_pairs = auroc(score[of], is_fit[of]), int(is_fit[of].sum()) * int((~is_fit[of]).sum())
        right, n = right + (value or 0.0) * n_pairs, n + n_pairs
    return right / n if n else None


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


def measure(votes: pl.DataFrame, labelled: pl.DataFrame, standing: Standing) -> dict[str, Any]:
    by_case = out_of_fold(votes, labelled, folds_of(labelled["group"].to_list(), N_FOLDS), standing)
    sources = labelled["source"].rank("dense").cast(pl.Int64).to_numpy()
    by_set = out_of_fold(votes, labelled, sources, standing)
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


def in_use(found: pl.DataFrame) -> dict[str, Row]:
    """By repository and in all, what was accepted of code in use and how much of that was unfit."""
    parts = {
        str(name): rows for (name,), rows in found.partition_by("source", as_dict=True, maintain_order=True).items()
    }
    return {
        name: {
            "n_fit": int(rows["is_fit"].sum()),
            "n_unfit": int((~rows["is_fit"]).sum()),
            "auroc": auroc_within(*(rows[column].to_numpy() for column in ("probability", "is_fit", "fold"))),
            "calibration_error": expected_calibration_error(rows["probability"].to_numpy(), rows["is_fit"].to_numpy()),
            **{f"at_{target}": decided(rows[str(target)].to_list(), rows["is_fit"].to_numpy()) for target in TARGETS},
        }
        for name, rows in {**parts, "all": found}.items()
    }


def provenance(
    folder: Path, labelled: pl.DataFrame, found: dict[str, Any], versions: dict[str, str], standing: Standing
) -> Row:
    both = pl.concat([labelled, standing.labelled])
    counts = both.group_by("source").agg(n_fit=pl.col("is_fit").sum(), n_unfit=(~pl.col("is_fit")).sum())
    return {
        "sets": sorted(both["source"].unique()),
        "commits": commits(folder) | dict(outcomes.WANTED.values()),
        "counts": {
            row["source"]: {"fit": row["n_fit"], "unfit": row["n_unfit"]} for row in counts.sort("source").to_dicts()
        },
        "members": versions,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": "python -m bench.quorum.discrimination FOLDER REPOSITORIES --write",
        "figures": {
            "prior": "stated at even odds of fit and unfit code, and for code in use at the share measured",
            "acceptance": f"of code in use keeps its target; confidence {CONFIDENCE}",
            "moments": list(outcomes.MOMENTS),
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
    stood = found.get(IN_USE, {})
    for name, rows in ((name, rows) for name, rows in found.items() if name != IN_USE):
        for who, row in rows.items():
            at = [row.get(f"at_{target}", row) for target in TARGETS]
            cells = [_shown(row["auroc"]), _shown(row.get("calibration_error"))]
            for cell in at:
                cells += [_shown(cell["error"]), _shown(cell["abstained"])]
            lines.append(f"| {name} | {who} | {' | '.join(cells)} |")
    lines += [
        "",
        f"| {IN_USE} | fit | unfit | accepted at 5 % | of these unfit | rejected | calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in stood.items():
        at_5 = row["at_0.05"]
        cells = [row["n_fit"], row["n_unfit"], at_5["accepted"], at_5["accepted_unfit"], at_5["rejected"]]
        lines.append(f"| {name} | {' | '.join(map(str, cells))} | {_shown(row['calibration_error'])} |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main(arguments: Sequence[str]) -> None:
    if len(arguments) < 2 or arguments[1].startswith("--"):
        raise SystemExit(__doc__)
    folder = Path(arguments[0])
    known = cases(folder)
    votes = votes_on(known, folder / "votes")
    labelled = labels_of(known).join(votes.select(*TEXT).unique(), on=list(TEXT), how="semi").sort(*TEXT)
    standing = Standing(*outcomes.labelled(Path(arguments[1])))
    found = measure(votes, labelled, standing)
    found[IN_USE] = in_use(by_repository(votes, labelled, standing))
    print(table(found))
    if "--write" in arguments:
        versions = dict(votes.select("member", "member_version").unique().sort("member").iter_rows())
        about = provenance(folder, labelled, found, versions, standing)
        write_calibration(learn(votes, labelled, provenance=about, standing=standing), CALIBRATION)
        write("quorum_discrimination", about, table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
