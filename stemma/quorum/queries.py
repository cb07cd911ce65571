"""What is asked about the quorum: the verdict in force on a text, or on the worst text of a pattern, with the votes and
findings behind it.

How it is shown lives in `stemma.cli`; code that was never indexed is judged in `given`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.errors import ConfigError, NotFoundError
from stemma.quorum.members.base import TOLD_FINDINGS
from stemma.quorum.scope import SOURCE_SNIPPETS, VERDICTS_IN_FORCE
from stemma.references import resolve, resolve_pattern
from stemma.store.postgres import Database, Transaction

_PATTERN = """
SELECT p.pattern_id, p.language, p.kind, p.name, p.n_lines, p.n_live, p.n_repositories, p.is_trivial
FROM stemma.patterns p WHERE p.pattern_id = $1
"""
_TEXT_OF_ELEMENT = """
SELECT n.exact_hash FROM stemma.lineage_nodes n WHERE n.node_id = $1
"""
# A pattern stands as its worst text does: texts that are refused come first, the least probable before the others.
# Where each stands is the first of its places at a head.
_TEXTS = f"""
WITH in_force AS (
    SELECT exact_hash, outcome, probability, decision, decided_at
    FROM ({VERDICTS_IN_FORCE}) AS v WHERE pattern_id = $1
), places AS (
    SELECT DISTINCT ON (s.exact_hash) s.exact_hash, r.name AS repository, f.path, s.qualified_name, s.start_line,
        count(*) OVER (PARTITION BY s.exact_hash) AS n_places
    FROM {SOURCE_SNIPPETS}
    WHERE s.pattern_id = $1
    ORDER BY s.exact_hash, f.repo_id, f.path, s.ordinal
)
SELECT exact_hash, outcome, probability, decision, decided_at, repository, path, qualified_name, start_line, n_places
FROM in_force LEFT JOIN places USING (exact_hash)
ORDER BY n_places IS NULL, array_position(ARRAY['reject', 'needs_review', 'accept'], outcome),
    probability NULLS FIRST, exact_hash
"""
_VERDICTS = """
SELECT decided_at, outcome, probability, decision, agreement, n_pass, n_fail, n_abstain, n_families, reason, changed,
    rule_version
FROM stemma.verdicts WHERE pattern_id = $1 AND exact_hash = $2
ORDER BY decided_at DESC
"""
_VOTES = """
SELECT DISTINCT ON (member) member, vote, probability, reason, findings::text AS findings, member_version,
    seconds, cost, voted_at
FROM stemma.votes WHERE pattern_id = $1 AND exact_hash = $2
ORDER BY member, voted_at DESC
"""


@dataclass(frozen=True)
class TextVerdict:
    """All the quorum knows of one text of a pattern.

    Attributes:
        verdict: the verdict in force (outcome, probability, decision, agreement, n_pass, n_fail, n_abstain, n_families,
            reason, changed, rule_version, decided_at), the text it is on (exact_hash, repository, path,
            qualified_name, start_line, n_places) and its pattern (pattern_id, language, kind, name, n_lines, n_live,
            n_repositories, is_trivial).
        votes: each member's latest vote; `findings` is a list of {rule, severity, line, message}.
        history: every verdict on it, the latest first.
        texts: every text of the pattern that has a verdict, the worst first: as which the pattern stands.
    """

    verdict: dict[str, Any]
    votes: pl.DataFrame
    history: pl.DataFrame
    texts: pl.DataFrame


def verdict_of(db: Database, reference: str) -> TextVerdict:
    """The verdict on the text a reference means, or on the worst of its pattern's where it means a pattern, or copies.

    What a reference may be is said in `stemma.references`.

    Raises:
        ConfigError: several patterns answer to the reference.
        NotFoundError: none does, or it has no verdict, and then why.
    """
    pattern_id = resolve_pattern(db, reference)
    wanted = _text_of(db, reference, pattern_id)
    with db.transaction() as transaction:
        pattern = transaction.read(_PATTERN, (pattern_id,)).row(0, named=True)
        texts = transaction.read(_TEXTS, (pattern_id,))
        chosen = texts.filter(pl.col("exact_hash") == wanted) if wanted else texts
        if chosen.is_empty():
            raise NotFoundError(f"There is no verdict on {pattern['name']} ({pattern_id}).", _why(pattern))
        return _told(transaction, pattern, chosen.row(0, named=True), texts)


def _told(transaction: Transaction, pattern: dict[str, Any], text: dict[str, Any], texts: pl.DataFrame) -> TextVerdict:
    key = (pattern["pattern_id"], text["exact_hash"])
    history = transaction.read(_VERDICTS, key)
    return TextVerdict(pattern | text | history.row(0, named=True), latest_votes(transaction, key), history, texts)


def latest_votes(transaction: Transaction, text: tuple[str, str]) -> pl.DataFrame:
    """Each member's latest vote on a text (pattern_id, exact_hash), with the findings it told of: by member."""
    return transaction.read(_VOTES, text).with_columns(pl.col("findings").str.json_decode(TOLD_FINDINGS))


def _text_of(db: Database, reference: str, pattern_id: str) -> str | None:
    """The one text a reference means; None where it means its pattern, or copies that need not be alike."""
    if pattern_id.startswith(reference.strip().lower()):
        return None
    try:
        found = resolve(db, reference)
    except ConfigError:  # copies of one name
        return None
    hashes = db.read(_TEXT_OF_ELEMENT, (found["node_id"][0],))["exact_hash"].to_list() if len(found) == 1 else []
    return hashes[0] if hashes else None


def _why(pattern: dict[str, Any]) -> str:
    if pattern["is_trivial"]:
        return "It is too small to be judged. A file is judged as it is on this machine with --fresh."
    if not pattern["n_live"]:
        return "It stands in no source file now, and only what stands is judged."
    return "The quorum has not sat since it was found: `stemma run`."
