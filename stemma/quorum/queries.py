"""What is asked about the quorum: the verdict in force on a pattern, with the votes and findings behind it.

How it is shown lives in `stemma.cli`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.store.postgres import Database, Transaction

_SHOWN = 5  # of the patterns that a reference may mean

_FACTS = "p.pattern_id, p.language, p.kind, p.name, p.n_lines, p.n_live, p.n_repositories, p.is_trivial"
_BY_ID = f"""
SELECT {_FACTS} FROM stemma.patterns p
WHERE p.pattern_id >= $1 AND p.pattern_id < $1 || 'g'
ORDER BY p.pattern_id LIMIT {_SHOWN + 1}
"""
_BY_NAME = f"""
SELECT DISTINCT {_FACTS} FROM stemma.occurrences o JOIN stemma.patterns p USING (pattern_id)
WHERE o.valid_to IS NULL AND o.qualified_name = $1 AND ($2 = '' OR o.path = $2)
ORDER BY p.pattern_id LIMIT {_SHOWN + 1}
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

_HINT = "`stemma families` shows pattern ids; `stemma run` reads what is new."


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
    """The verdict on a pattern: by its id, the beginning of it, a qualified name, or `path:qualified name`.

    Raises:
        ConfigError: several patterns answer to the reference.
        NotFoundError: none does, or it has no verdict, and then why.
    """
    with db.transaction() as transaction:
        pattern = _find(transaction, reference.strip().replace("\0", ""))
        history = transaction.read(_VERDICTS, (pattern["pattern_id"],))
        votes = transaction.read(_VOTES, (pattern["pattern_id"],))
    if history.is_empty():
        raise NotFoundError(f"There is no verdict on {pattern['name']} ({pattern['pattern_id']}).", _why(pattern))
    decoded = votes.with_columns(pl.col("findings").str.json_decode(FINDINGS))
    return PatternVerdict(pattern | history.row(0, named=True), decoded, history)


def _find(transaction: Transaction, reference: str) -> dict[str, Any]:
    found = pl.DataFrame()
    if 0 < len(reference) <= 32 and not set(reference.lower()) - set("0123456789abcdef"):
        found = transaction.read(_BY_ID, (reference.lower(),))
    if found.is_empty():
        path, _, name = reference.rpartition(":") if "::" not in reference else ("", "", reference)
        found = transaction.read(_BY_NAME, (name, path))
    if found.is_empty():
        raise NotFoundError(f"No pattern has the id, path or name '{reference}'.", _HINT)
    if len(found) > 1:
        some = ", ".join(found["pattern_id"][:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise ConfigError(f"'{reference}' may mean several patterns: {some}.", "Give one of these ids.")
    return found.row(0, named=True)


def _why(pattern: dict[str, Any]) -> str:
    if pattern["is_trivial"]:
        return "It is too small to be judged."
    if not pattern["n_live"]:
        return "It stands in no source file now, and only what stands is judged."
    return "The quorum has not sat since it was found: `stemma run`."
