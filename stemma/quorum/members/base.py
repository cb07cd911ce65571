"""What a quorum member is: a batch of texts in, one vote each out. The members themselves are one module each beside
this one; how a batch is asked, and asked again in halves, lives in `stemma.quorum.ask`.

To add a member: write a module with a class that satisfies `Member`, and name it in `members.open_members`.
Its vote is decided by published rules, and it abstains where it cannot know. What a vote is worth is learned, in
`stemma.quorum.calibration`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypedDict

import polars as pl

from stemma.ids import content_id
from stemma.quorum.process import Limits, NoAnswerError

Severity = Literal["low", "medium", "high"]
Family = Literal[
    "structure", "correctness", "security", "dead code", "documentation", "tests", "history", "compliance", "judges"
]

FILES = "files"
"""Folder, in the one a member is given, of the whole files that the texts of its batch stand in."""

# One row per text: a definition, as it stands in one file. `unit` numbers them from 0; `path` is the file's in its
# repository, and `file` its name below FILES, made of its content's id and the language's ending; lines count from 1.
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


class Finding(TypedDict):
    """One thing a member saw; `line` counts from 1 in the text itself, not in its file."""

    rule: str
    severity: Severity
    line: int
    message: str


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
        it is asked about every text in every run, so it must be cheap."""
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
    findings: Mapping[str, Sequence[Finding]],
    failed: frozenset[str] | set[str],
    abstained: Mapping[str, str],
) -> pl.DataFrame:
    """Votes on a whole batch from what is remarkable about a few: all others pass without findings.

    Args:
        findings: by pattern id.
        failed: pattern ids that fail.
        abstained: reason by pattern id; an abstention goes before a failure.
    """
    remarkable = sorted(findings.keys() | failed | abstained.keys())
    told = pl.DataFrame(
        {
            "pattern_id": remarkable,
            "vote": ["abstain" if key in abstained else "fail" if key in failed else "pass" for key in remarkable],
            "reason": [abstained.get(key) for key in remarkable],
            "findings": [as_json(findings.get(key, ())) for key in remarkable],
        },
        schema=VOTES,
    )
    return (
        batch.select("pattern_id")
        .join(told, on="pattern_id", how="left", maintain_order="left")
        .with_columns(pl.col("vote").fill_null("pass"), pl.col("findings").fill_null("[]"))
    )


def as_json(findings: Sequence[Finding]) -> str:
    """Findings as Postgres takes them: in order of lines, without NUL or half a surrogate pair."""
    clean = [{**finding, "message": storable(finding["message"])} for finding in findings]
    return json.dumps(sorted(clean, key=lambda finding: (finding["line"], finding["rule"])))


def storable(text: str) -> str:
    """At most 500 characters of a tool's words, in what a Postgres text can hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:500]
