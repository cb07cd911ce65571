"""The numbers and rows a report is made of, as frames, and the report that they make.

Where the frames come from is told in `build`: Postgres, or code judged as it was given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl

from stemma.quorum.agreement import krippendorff_alpha
from stemma.quorum.reports.model import (
    Bin,
    Confusion,
    Counted,
    Counts,
    Decision,
    Finding,
    Gates,
    JudgedText,
    Known,
    LanguageCounts,
    MemberFigures,
    Outcome,
    Place,
    Quorum,
    Report,
    RuleCount,
    Subject,
    known,
)

OUTCOMES: tuple[Outcome, ...] = ("accept", "reject", "needs_review")
DECISIONS: tuple[Decision, ...] = ("auto_apply", "suggest", "review", "refuse")
REASONS_TOLD = 5
"""Of a member's abstentions, the commonest; the rest is counted together."""

_SEVERITIES = ("high", "medium", "low")
_NOTHING = "nothing has been judged"
_NO_SEAT = "it had no seat at the last sitting"
_NO_ALPHA = "no text has two votes, or all votes are the same: there is nothing to disagree on"
_NO_PROBABILITY = "no quorum was reached on any of them"


@dataclass(frozen=True)
class Gathered:
    """What a report is made of. Columns are those of the queries of the same names in `queries`.

    Attributes:
        sitting: the last sitting's row, or why there is none.
        findings: `line` counts from the text's first line.
    """

    counts: pl.DataFrame
    rules: pl.DataFrame
    tallies: pl.DataFrame
    sitting: dict[str, Any] | str
    seats: pl.DataFrame
    members: pl.DataFrame
    abstentions: pl.DataFrame
    found: pl.DataFrame
    bins: pl.DataFrame
    texts: pl.DataFrame
    places: pl.DataFrame
    findings: pl.DataFrame
    gates: Known[Gates] = field(default_factory=lambda: Known(unknown_reason="no gate was asked"))


def to_report(gathered: Gathered, subject: Subject, created_at: dt.datetime) -> Report:
    """The report that was gathered on a subject."""
    counts = _counts(gathered.counts)
    texts = tuple(_texts(gathered))
    told = {outcome: sum(text.outcome == outcome for text in texts) for outcome in OUTCOMES}
    return Report(
        created_at=created_at,
        stemma_version=version("codestemma"),
        subject=subject,
        judged_from=known(_bound(gathered.rules["judged_from"].sort().head(1)), _NOTHING),
        judged_until=known(_bound(gathered.rules["judged_until"].sort().tail(1)), _NOTHING),
        rules=tuple(Counted(name=name, n=n) for name, n in gathered.rules.select("name", "n").iter_rows()),
        counts=counts,
        quorum=_quorum(gathered, counts),
        found=tuple(
            RuleCount(**row, severity=_SEVERITIES[gravity])
            for gravity, row in zip(gathered.found["gravity"], gathered.found.drop("gravity").to_dicts(), strict=True)
        ),
        texts=texts,
        n_left_out={outcome: counts.outcomes[outcome] - told[outcome] for outcome in OUTCOMES if outcome != "accept"},
        gates=gathered.gates,
    )  # fmt: skip


def _bound(times: pl.Series) -> dt.datetime | None:
    return next((time for time in times if time is not None), None)


def _counts(rows: pl.DataFrame) -> Counts:
    judged = rows.filter(pl.col("outcome").is_not_null())
    by_outcome, by_decision = (dict(judged.group_by(by).agg(pl.sum("n")).iter_rows()) for by in ("outcome", "decision"))
    waiting = rows.filter(pl.col("outcome").is_null()).group_by("has_votes").agg(pl.sum("n")).sort("has_votes")
    reasons = {False: "no member has voted on it yet", True: "its votes have not been decided on yet"}
    return Counts(
        n_texts=_sum(rows, "n"),
        n_places=_sum(rows, "n_places"),
        n_judged=_sum(judged, "n"),
        outcomes={outcome: by_outcome.get(outcome, 0) for outcome in OUTCOMES},
        decisions={decision: by_decision.get(decision, 0) for decision in DECISIONS},
        languages=tuple(_languages(rows)),
        unjudged=tuple(Counted(name=reasons[has_votes], n=n) for has_votes, n in waiting.iter_rows()),
        mean_probability=_mean_probability(rows),
    )


def _languages(rows: pl.DataFrame) -> Sequence[LanguageCounts]:
    parts = rows.partition_by("language", as_dict=True).items()
    found = [
        LanguageCounts(
            language=str(language),
            n_texts=_sum(part, "n"),
            **{f"n_{outcome}": _sum(part.filter(pl.col("outcome") == outcome), "n") for outcome in OUTCOMES},
            mean_probability=_mean_probability(part),
        )
        for (language,), part in parts
    ]
    return sorted(found, key=lambda row: (-row.n_texts, row.language))


def _mean_probability(rows: pl.DataFrame) -> Known[float]:
    n = _sum(rows, "n_probabilities")
    return known(round(float(rows["probabilities"].sum()) / n, 6) if n else None, _NO_PROBABILITY)


def _sum(rows: pl.DataFrame, column: str) -> int:
    return int(rows[column].sum())


def _quorum(gathered: Gathered, counts: Counts) -> Quorum:
    sitting = gathered.sitting if isinstance(gathered.sitting, dict) else {}
    why = gathered.sitting if isinstance(gathered.sitting, str) else "too few texts have a label"
    tallies = gathered.tallies.select("n_pass", "n_fail").to_numpy().astype(np.float64).reshape(-1, 2)
    alpha = krippendorff_alpha(tallies, gathered.tallies["n"].to_numpy().astype(np.float64))
    return Quorum(
        sat_at=known(sitting.get("sat_at"), why),
        alpha=known(_rounded(alpha), _NO_ALPHA),
        n_labelled=int(gathered.bins["n"].sum()),
        calibration_error=known(_rounded(sitting.get("calibration_error")), why),
        bins=tuple(_bin(row) for row in gathered.bins.iter_rows(named=True)),
        members=tuple(_members(gathered, counts.n_judged)),
    )  # fmt: skip


def _bin(row: Mapping[str, Any]) -> Bin:
    low = row["bin"] / 10
    high = (row["bin"] + 1) / 10
    return Bin(low=low, high=high, n=row["n"], mean_probability=row["mean_probability"], share_fit=row["share_fit"])


def _members(gathered: Gathered, n_judged: int) -> Sequence[MemberFigures]:
    seats = {(row["member"], row["member_version"]): row for row in gathered.seats.iter_rows(named=True)}
    reasons = gathered.abstentions.partition_by("member", as_dict=True)
    why = gathered.sitting if isinstance(gathered.sitting, str) else _NO_SEAT
    found = []
    for row in gathered.members.sort("member").iter_rows(named=True):
        seat = seats.get((row["member"], row["member_version"]), {})
        told = reasons.get((row["member"],))
        cells = ("n_true_pass", "n_false_pass", "n_true_fail", "n_false_fail")
        confusion = Confusion(**{name: seat[name] for name in cells}) if "n_true_pass" in seat else None
        measured: dict[str, Any] = {
            name: known(_rounded(seat.get(name)), reason if name in seat else why)
            for name, reason in _WHY_UNMEASURED.items()
        }
        found.append(
            MemberFigures(
                member=row["member"],
                version=row["member_version"],
                family=known(seat.get("family"), why),
                **{name: row[name] for name in ("n_pass", "n_fail", "n_abstain")},
                n_not_asked=max(0, n_judged - row["n_pass"] - row["n_fail"] - row["n_abstain"]),
                abstentions=() if told is None else _commonest(told),
                seconds=known(row["seconds"], "its time was not measured"),
                cost=known(row["cost"], "no price is known: it runs on this machine, or its provider names none"),
                confusion=known(confusion, why),
                n_decisive=known(seat.get("n_decisive"), "not counted" if "n_decisive" in seat else why),
                **measured,
            )
        )
    return found


_WHY_UNMEASURED = {
    "sensitivity": "it never voted",
    "specificity": "it never voted",
    "calibration_error": "it states no probability, or too few of the texts it voted on have a label",
    "marginal_worth": "too few of the texts it voted on have a label",
}


def _commonest(rows: pl.DataFrame) -> tuple[Counted, ...]:
    told = tuple(Counted(name=name, n=n) for name, n in rows.head(REASONS_TOLD).select("name", "n").iter_rows())
    rest = int(rows["n"][REASONS_TOLD:].sum())
    return told if not rest else (*told, Counted(name="other reasons", n=rest))


def _rounded(value: float | None) -> float | None:
    """Six digits: a sum may differ in its last bits from one time to the next, and a report must not."""
    return None if value is None else round(value, 6)


def _texts(gathered: Gathered) -> Sequence[JudgedText]:
    keys = ["pattern_id", "exact_hash"]
    places, findings = (frame.partition_by(keys, as_dict=True) for frame in (gathered.places, gathered.findings))
    found = []
    for row in gathered.texts.iter_rows(named=True):
        key = (row["pattern_id"], row["exact_hash"])
        where = places.get(key)
        if where is None:  # its places were taken out between two looks: a repository is being removed
            continue
        first = where.row(0, named=True)
        told = findings.get(key)
        found.append(
            JudgedText(
                **{name: row[name] for name in (*keys, "language", "outcome", "decision", "reason", "changed")},
                **{name: row[name] for name in ("decided_at", "n_places")},
                kind=first["kind"],
                qualified_name=first["qualified_name"],
                probability=known(_rounded(row["probability"]), "no quorum was reached"),
                places=tuple(_place(place) for place in where.iter_rows(named=True)),
                n_findings=0 if told is None else int(told["n"][0]),
                findings=() if told is None else tuple(_finding(item, first) for item in told.iter_rows(named=True)),
            )
        )
    return found


def _place(row: Mapping[str, Any]) -> Place:
    return Place(**{name: row[name] for name in ("repository", "path", "start_line", "end_line")})


def _finding(row: Mapping[str, Any], place: Mapping[str, Any]) -> Finding:
    """With the line counted in the file, and never outside the text, whatever a member said."""
    line = min(place["start_line"] + max(row["line"] or 1, 1) - 1, place["end_line"])
    severity = row["severity"] if row["severity"] in _SEVERITIES else "low"
    told = {name: row[name] for name in ("member", "vote", "rule")}
    return Finding(**told, severity=severity, line=line, message=row["message"] or "")
