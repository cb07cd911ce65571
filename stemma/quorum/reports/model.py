"""What a report says, once for every form it is written in: plain values that go to JSON and come back the same.

Where the values come from is told in `build`; how they are shown, in `forms` and the modules it names.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from stemma.ids import content_id

FORMAT: Final = 1

Outcome = Literal["accept", "reject", "needs_review"]
Decision = Literal["auto_apply", "suggest", "review", "refuse"]
Status = Literal["passed", "failed", "warning", "skipped", "error"]

T = TypeVar("T")


class Part(BaseModel):
    """A piece of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Known(Part, Generic[T]):
    """A value, or why there is none: never both, and never neither."""

    value: T | None = None
    unknown_reason: str | None = None

    @model_validator(mode="after")
    def _either(self) -> Known[T]:
        if (self.value is None) == (self.unknown_reason is None):
            raise ValueError("a value, or the reason why it is unknown")
        return self


def known(value: T | None, unknown_reason: str) -> Known[T]:
    """The value, or where it is null the reason for that."""
    return Known(unknown_reason=unknown_reason) if value is None else Known(value=value)


class Counted(Part):
    """A name and how many there are of it."""

    name: str
    n: int


class Subject(Part):
    """What was judged. `location` is where it was read from, without credentials."""

    kind: Literal["repository", "folder", "all"]
    name: str
    location: str | None
    repo_id: str | None
    commit: Known[str]
    committed_at: Known[datetime]
    branch: Known[str]


class LanguageCounts(Part):
    """Texts of one language, by the outcome of the verdict in force."""

    language: str
    n_texts: int
    n_accept: int
    n_reject: int
    n_needs_review: int
    mean_probability: Known[float]


class Counts(Part):
    """How many texts there are and what became of them. A text is one definition, wherever it stands copied."""

    n_texts: int
    n_places: int
    n_judged: int
    outcomes: dict[Outcome, int]
    decisions: dict[Decision, int]
    languages: tuple[LanguageCounts, ...]
    unjudged: tuple[Counted, ...]
    mean_probability: Known[float]


class Bin(Part):
    """Labelled texts whose verdicts state a probability from `low` to below `high`, and the share that is fit."""

    low: float
    high: float
    n: int
    mean_probability: float
    share_fit: float


class Confusion(Part):
    """A member's votes on labelled texts."""

    n_true_pass: int
    n_false_pass: int
    n_true_fail: int
    n_false_fail: int


class MemberFigures(Part):
    """One member: its votes on the texts of this report, and what its votes were worth at the last sitting."""

    member: str
    version: str
    family: Known[str]
    n_pass: int
    n_fail: int
    n_abstain: int
    n_not_asked: int
    abstentions: tuple[Counted, ...]
    seconds: Known[float]
    cost: Known[float]
    confusion: Known[Confusion]
    sensitivity: Known[float]
    specificity: Known[float]
    calibration_error: Known[float]
    marginal_worth: Known[float]
    n_decisive: Known[int]


class Quorum(Part):
    """How far the verdicts can be believed. `alpha` and the members' votes are about the texts of the report; what is
    held against labels is about all labelled texts, for of one repository there are seldom enough.
    """

    sat_at: Known[datetime]
    alpha: Known[float]
    n_labelled: int
    calibration_error: Known[float]
    bins: tuple[Bin, ...]
    members: tuple[MemberFigures, ...]


class RuleCount(Part):
    """A rule that members hold against texts, its gravest finding, and on how many texts."""

    member: str
    rule: str
    severity: str
    n_texts: int


class Place(Part):
    """Where a text stands at the head. Lines count from 1, the last one inclusive."""

    repository: str
    path: str
    start_line: int
    end_line: int


class Finding(Part):
    """What a member says of a text. `line` counts in the file of the first place."""

    member: str
    vote: Literal["pass", "fail", "abstain"]
    rule: str
    severity: str
    line: int
    message: str


class JudgedText(Part):
    """One text that was not accepted. At most some places and findings are named; how many there are is told."""

    pattern_id: str
    exact_hash: str
    language: str
    kind: str
    qualified_name: str
    outcome: Outcome
    decision: Decision
    probability: Known[float]
    reason: str
    changed: str | None
    decided_at: datetime
    n_places: int
    places: tuple[Place, ...]
    n_findings: int
    findings: tuple[Finding, ...]


class GateFigures(Part):
    """How one gate ended."""

    gate: str
    status: Status
    is_blocking: bool
    sentence: str
    score: Known[float]
    threshold: float
    at_least: bool
    unit: str
    seconds: float
    n_findings: int


class Gates(Part):
    """All gates of one run, and what they come to."""

    overall: Literal["passed", "failed"]
    sentence: str
    results: tuple[GateFigures, ...]


class Point(Part):
    """A figure in one saved report."""

    report_id: str
    at: datetime
    commit: str | None
    branch: str | None
    value: float | None


class Trend(Part):
    """One figure over saved reports, oldest first, and whether it moved by more than `margin`."""

    metric: str
    title: str
    is_share: bool
    movement: Literal["improving", "declining", "rising", "falling", "stable", "unknown"]
    reason: str
    change: Known[float]
    margin: float
    points: tuple[Point, ...]


_TIMES: Any = {  # pydantic's own type for it cannot be named
    **dict.fromkeys(("created_at", "trends", "judged_from", "judged_until"), True),
    "quorum": {"sat_at": True, "members": {"__all__": {"seconds"}}},
    "texts": {"__all__": {"decided_at"}},
}


class Report(Part):
    """A report on what the quorum says of a repository, a folder, or everything it reads.

    `texts` are those not accepted, the rejected first; `n_left_out` tells how many more there are. `trends` are about
    other reports beside this one, so they are no part of what is saved, nor of the id.
    """

    format: Literal[1] = FORMAT
    created_at: datetime
    stemma_version: str
    subject: Subject
    judged_from: Known[datetime]
    judged_until: Known[datetime]
    rules: tuple[Counted, ...]
    counts: Counts
    quorum: Quorum
    found: tuple[RuleCount, ...]
    texts: tuple[JudgedText, ...]
    n_left_out: dict[Outcome, int]
    gates: Known[Gates]
    trends: tuple[Trend, ...] = ()

    @property
    def report_id(self) -> str:
        """Hash of what it says, times left out: made again of the same state it is the same report."""
        content = self.model_dump(mode="json", exclude=_TIMES)
        return content_id("report", json.dumps(content, sort_keys=True))

    def content(self) -> str:
        """As it is saved: JSON, from which `Report.model_validate_json` makes the same report again."""
        return self.model_dump_json(exclude={"trends"})
