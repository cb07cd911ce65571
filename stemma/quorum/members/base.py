"""What a quorum member is: a batch of texts in, one vote each out. The members themselves are one module each beside
this one; how a batch is asked, and asked again in halves, lives in `stemma.quorum.ask`.

To add a member: write a module with a class that satisfies `Member`, and name it in `members.open_members`.
Its vote is decided by published rules, and it abstains where it cannot know. What a vote is worth is learned, in
`stemma.quorum.calibration`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import polars as pl

from stemma.ids import content_id
from stemma.quorum.process import Limits, NoAnswerError

Severity = Literal["low", "medium", "high"]
Family = Literal[
    "structure", "correctness", "security", "dead code", "documentation", "tests", "history", "compliance", "judges"
]

FILES = "files"
"""Folder, in the one a member is given, of the whole files that the texts of its batch stand in."""

# One row per text: a definition, as it stands in one file. `unit` numbers them; `path` is the file's in its repository,
# and `file` its name below FILES, made of its content's id and the language's ending, so that no name means anything to
# a tool; lines count from 1, and end in LF or CRLF.
BATCH = pl.Schema(
    {
        "unit": pl.Int32,
        "pattern_id": pl.String,
        "exact_hash": pl.String,
        "language": pl.String,
        "kind": pl.String,
        "name": pl.String,
        "qualified_name": pl.String,
        "path": pl.String,
        "file": pl.String,
        "start_line": pl.Int32,
        "end_line": pl.Int32,
        "code": pl.String,
    }
)
VOTES = pl.Schema(
    {
        "unit": pl.Int32,
        "vote": pl.String,
        "probability": pl.Float64,
        "reason": pl.String,
        "findings": pl.String,
        "cost": pl.Float64,
    }
)

# What a tool said of whole files, one row per finding: `file` as in BATCH, lines count from 1 in the file. `end_line`
# is null where only one line is told. A finding that is not failing is told, and held against nobody.
FINDINGS = pl.Schema(
    {
        "file": pl.String,
        "rule": pl.String,
        "severity": pl.String,
        "line": pl.Int32,
        "end_line": pl.Int32,
        "message": pl.String,
        "is_failing": pl.Boolean,
    }
)
TOLD_FINDINGS = pl.List(pl.Struct({"rule": pl.String, "severity": pl.String, "line": pl.Int64, "message": pl.String}))
"""What the `findings` of a vote hold, once decoded from JSON; lines count from the text's first."""

GRAVITY = pl.Enum(["high", "medium", "low"])
"""Severities as they sort: the gravest first."""

DOES_NOT_PARSE = "its file does not parse"
"""How an abstention's reason begins where a tool cannot read the file for an error that need not be the text's."""

MAX_FINDINGS = 100
"""Of one text that a vote tells, the gravest first."""


class MemberMissingError(NoAnswerError):
    """The member's tool is not installed."""


class Member(Protocol):
    """One analyser with a seat in the quorum."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> Family:
        """What it judges; members of one family see with the same eyes, and a quorum counts families."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Languages it reads; on texts in others it abstains without being asked."""
        ...

    @property
    def is_lasting(self) -> bool:
        """Whether the same version says the same of the same text for ever. If not, as of what a text's history says,
        it is asked about every text in every run, so it must be cheap: it is given no files and no code, and judges by
        the texts' ids and places."""
        ...

    def version(self) -> str:
        """Version of the tool and digest of the rules it is asked to apply: votes are renewed when it changes.

        Raises:
            MemberMissingError: the tool is not installed.
        """
        ...

    def judge(self, batch: pl.DataFrame, folder: Path, limits: Limits) -> pl.DataFrame:
        """Vote on a batch (schema `BATCH`, languages its own), using `folder`, in which there is `FILES` and nothing
        else; returns schema `VOTES`.

        Raises:
            NoAnswerError: nothing usable came back; none of the batch has a vote.
        """
        ...


def version_of(tool: str, tool_version: str, *rules: object) -> str:
    """`ruff 0.17.5 (rules 1a2b3c4d)`: a member's version from its tool's and everything that steers it."""
    return f"{tool} {tool_version} (rules {content_id(*(repr(rule) for rule in rules))[:8]})"


def votes_from(
    batch: pl.DataFrame,
    findings: pl.DataFrame,
    *,
    unread: Mapping[str, str] | None = None,
    unsure: Mapping[int, str] | None = None,
) -> pl.DataFrame:
    """Votes (schema `VOTES`) on a batch from what a tool found in its files: a text without a failing finding passes.

    A finding is a text's where it lies whole within its lines; its line is then told from the text's first. What
    stands around a text is not held against it, and a definition inside another is held against both.

    Args:
        findings: schema `FINDINGS`.
        unread: why the tool could judge nothing of a file, by file; its texts abstain.
        unsure: why a text's silence is not a clean bill, by unit; it abstains, unless a finding fails it.
    """
    found = _within(batch, findings)
    silenced = pl.DataFrame({"file": list(unread or {}), "unread": list((unread or {}).values())}, schema=_UNREAD)
    doubted = pl.DataFrame({"unit": list(unsure or {}), "unsure": list((unsure or {}).values())}, schema=_UNSURE)
    is_failed = pl.col("is_failed").fill_null(False)
    reason = pl.coalesce("unread", pl.when(~is_failed).then("unsure"))
    votes = (
        batch.select("unit", "file")
        .join(found, on="unit", how="left", maintain_order="left")
        .join(silenced, on="file", how="left", maintain_order="left")
        .join(doubted, on="unit", how="left", maintain_order="left")
        .with_columns(
            vote=pl.when(reason.is_not_null())
            .then(pl.lit("abstain"))
            .when(is_failed)
            .then(pl.lit("fail"))
            .otherwise(pl.lit("pass")),
            reason=reason.map_elements(storable, pl.String),
            probability=None,
            cost=None,
            findings=pl.col("findings").fill_null("[]"),
        )
    )
    return votes.select(VOTES.names()).cast(dict(VOTES))  # type: ignore[arg-type]


_UNREAD = pl.Schema({"file": pl.String, "unread": pl.String})
_UNSURE = pl.Schema({"unit": pl.Int32, "unsure": pl.String})
_LINES = 1 << 32  # more than a file can have


def inside(batch: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """The findings (`file`, `line`, `end_line` and whatever else) that lie whole within a text, with its `unit`: one
    row per text and finding, with lines of the text. Of the findings in order of lines a text has a run, found by
    bisection.
    """
    file = pl.col("file").cast(pl.Enum(batch["file"].unique().sort()), strict=False).to_physical().cast(pl.Int64)
    here = findings.with_columns(at=file * _LINES + pl.col("line")).filter(pl.col("at").is_not_null()).sort("at")
    bounds = batch.select(first=file * _LINES + pl.col("start_line"), last=file * _LINES + pl.col("end_line"))
    begin = here["at"].search_sorted(bounds["first"], "left").to_numpy().astype(np.int64)
    count = here["at"].search_sorted(bounds["last"], "right").to_numpy().astype(np.int64) - begin
    of = np.repeat(np.arange(len(batch)), count)
    at = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + begin[of]
    texts = batch.select("unit", "start_line", last_line="end_line")[of]
    pairs: pl.DataFrame = pl.concat([texts, here.drop("file", "at")[at]], how="horizontal")
    return pairs.filter(pl.coalesce("end_line", "line") <= pl.col("last_line")).select(
        "unit",
        pl.col("line", "end_line") - pl.col("start_line") + 1,
        *(name for name in findings.columns if name not in ("file", "line", "end_line")),
    )


def _within(batch: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """unit, findings as JSON, is_failed: of the texts that have a finding."""
    told = pl.struct("rule", "severity", "line", "message")
    return (
        inside(batch, findings)
        .unique(["unit", "rule", "line", "message"])
        .sort("unit", pl.col("severity").cast(GRAVITY), "line", "rule", "message")
        .group_by("unit", maintain_order=True)
        .agg(findings=told.head(MAX_FINDINGS), is_failed=pl.col("is_failing").any())
        .with_columns(pl.col("findings").map_elements(_as_json, pl.String))
    )


def _as_json(findings: pl.Series) -> str:
    """Findings as Postgres takes them: in order of lines, without NUL or half a surrogate pair."""
    clean = [{**finding, "message": storable(finding["message"])} for finding in findings]
    return json.dumps(sorted(clean, key=lambda finding: (finding["line"], finding["rule"])))


@dataclass(frozen=True)
class Ground:
    """What may be held against a text, by its columns: a rule, how grave it is, when it applies and what is said."""

    rule: str
    severity: str
    applies: pl.Expr
    message: pl.Expr
    is_failing: bool = True


def findings_on(texts: pl.DataFrame, grounds: Sequence[Ground]) -> pl.DataFrame:
    """Findings (schema `FINDINGS`) on whole texts (file, start_line, end_line and what the grounds look at)."""
    found = [
        texts.filter(ground.applies.fill_null(False)).select(
            "file",
            rule=pl.lit(ground.rule),
            severity=pl.lit(ground.severity),
            line="start_line",
            end_line="end_line",
            message=ground.message,
            is_failing=pl.lit(ground.is_failing),
        )
        for ground in grounds
    ]
    return pl.concat(found).select(FINDINGS.names()).cast(dict(FINDINGS))  # type: ignore[arg-type]


def storable(text: str) -> str:
    """At most 500 characters of a tool's words, in what a Postgres text can hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:500]
