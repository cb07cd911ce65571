"""What is asked about the quorum: the verdict in force on a pattern, with the votes and findings behind it.

How it is shown lives in `stemma.cli`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.errors import NotFoundError
from stemma.references import resolve_pattern
from stemma.store.postgres import Database

_PATTERN = """
SELECT p.pattern_id, p.language, p.kind, p.name, p.n_lines, p.n_live, p.n_repositories, p.is_trivial
FROM stemma.patterns p WHERE p.pattern_id = $1
"""
_VERDICTS = """
SELECT decided_at, outcome, score, agreement, n_pass, n_fail, n_abstain, reason
FROM stemma.verdicts WHERE pattern_id = $1
ORDER BY decided_at DESC
"""
_VOTES = """
SELECT DISTINCT ON (member) member, vote, reason, findings::text AS findings, member_version, voted_at
FROM stemma.votes WHERE pattern_id = $1
ORDER BY member, voted_at DESC
"""

FINDINGS = pl.List(pl.Struct({"rule": pl.String, "severity": pl.String, "line": pl.Int64, "message": pl.String}))


@dataclass(frozen=True)
class PatternVerdict:
    """All the quorum knows of one pattern.

    Attributes:
        verdict: the verdict in force (outcome, score, agreement, n_pass, n_fail, n_abstain, reason, decided_at) and
            the pattern it is on (pattern_id, language, kind, name, n_lines, n_live, n_repositories, is_trivial).
        votes: each member's latest vote; `findings` is a list of {rule, severity, line, message}.
        history: every verdict on it, the latest first.
    """

    verdict: dict[str, Any]
    votes: pl.DataFrame
    history: pl.DataFrame


def verdict_of(db: Database, reference: str) -> PatternVerdict:
    """The verdict on the pattern a reference means; what a reference may be is said in `stemma.references`.

    Raises:
        ConfigError: several patterns answer to the reference.
        NotFoundError: none does, or it has no verdict, and then why.
    """
    pattern_id = resolve_pattern(db, reference)
    with db.transaction() as transaction:
        pattern = transaction.read(_PATTERN, (pattern_id,)).row(0, named=True)
        history = transaction.read(_VERDICTS, (pattern["pattern_id"],))
        votes = transaction.read(_VOTES, (pattern["pattern_id"],))
    if history.is_empty():
        raise NotFoundError(f"There is no verdict on {pattern['name']} ({pattern['pattern_id']}).", _why(pattern))
    decoded = votes.with_columns(pl.col("findings").str.json_decode(FINDINGS))
    return PatternVerdict(pattern | history.row(0, named=True), decoded, history)


def _why(pattern: dict[str, Any]) -> str:
    if pattern["is_trivial"]:
        return "It is too small to be judged."
    if not pattern["n_live"]:
        return "It stands in no source file now, and only what stands is judged."
    return "The quorum has not sat since it was found: `stemma run`."
