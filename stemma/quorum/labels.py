"""Labels of texts, as they are written: what a person decided, and what became of the code. What is waiting for a
person lives in `review`; which labels are in force, in `truth`; what is learned from them, in `learning`.

Reviews are only ever added, the latest of one person in force. Labels by outcome follow the outcomes they were read
from: one whose evidence is gone, or has turned, goes too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from stemma.errors import ConfigError
from stemma.ids import content_id
from stemma.quorum.members.tests import TEST_PATH
from stemma.row_ids import row_ids
from stemma.secrets import redact_text
from stemma.store.postgres import Database, Transaction
from stemma.tables import labels, polars_schema

REVIEW, OUTCOME = "review", "outcome"
MAX_NAME, MAX_REASON = 200, 2_000

RULE = "outcome rules 1"
"""Who labels by outcomes; another rule is another labeller, and the labels of the former go."""

SOON_DAYS = 90
MAX_ENDED = 5
"""Lives one commit may have ended for its word to be about each of them: a larger one that calls itself a fix also
changes what needed none (the noise that da Costa et al., TSE 2017, find in SZZ)."""


# --- reviews -----------------------------------------------------------------------------------------------------


def record_review(db: Database, text: tuple[str, str], *, is_fit: bool, name: str, reason: str) -> dict[str, Any]:
    """Write what a person decided about a text; returns the row of `labels`.

    Args:
        text: pattern_id and exact_hash.
        reason: why, in their words; secrets are taken out of it.

    Raises:
        ConfigError: name or reason is empty or too long.
    """
    name = _words(name, "name", MAX_NAME, "Give it with --as, or set git's user.name.")
    reason = _words(reason, "reason", MAX_REASON, "Say why with --reason: others and the calibration go by it.")
    with db.transaction() as transaction:
        now = transaction.read("SELECT clock_timestamp() AS now")["now"][0]
        row = {
            "label_id": content_id("label", *text, REVIEW, name, now.isoformat()),
            "pattern_id": text[0],
            "exact_hash": text[1],
            "is_fit": is_fit,
            "source": REVIEW,
            "labelled_by": name,
            "reason": reason,
            "labelled_at": now,
        }
        transaction.insert(labels, pl.DataFrame([row], schema=polars_schema(labels)))
    return row


_HISTORY = """
SELECT l.labelled_at, l.labelled_by, l.is_fit, l.reason, p.name, p.language, l.pattern_id, l.exact_hash,
    row_number() OVER (
        PARTITION BY l.pattern_id, l.exact_hash, l.labelled_by ORDER BY l.labelled_at DESC, l.label_id
    ) = 1 AS is_in_force
FROM stemma.labels l LEFT JOIN stemma.patterns p USING (pattern_id)
WHERE l.source = 'review' AND ($1 = '' OR (l.pattern_id = $1 AND l.exact_hash = $2))
ORDER BY l.labelled_at DESC, l.label_id LIMIT $3::bigint
"""


def reviews(db: Database, text: tuple[str, str] | None = None, limit: int = 20) -> pl.DataFrame:
    """What people decided, the latest first: labelled_at, labelled_by, is_fit, reason, name, language, pattern_id,
    exact_hash, is_in_force. Name and language are null where the pattern is gone; the review stays."""
    return db.read(_HISTORY, [*(text or ("", "")), limit])


REVIEWS_IN_FORCE = """
WITH latest AS (
    SELECT DISTINCT ON (pattern_id, exact_hash, labelled_by) pattern_id, exact_hash, labelled_by, is_fit, reason,
        labelled_at, label_id
    FROM stemma.labels WHERE source = 'review'
    ORDER BY pattern_id, exact_hash, labelled_by, labelled_at DESC, label_id
)
SELECT pattern_id, exact_hash,
    CASE WHEN bool_and(is_fit) = bool_or(is_fit) THEN bool_and(is_fit) END AS is_fit,
    string_agg(
        labelled_by || CASE WHEN is_fit THEN ' (fit): ' ELSE ' (unfit): ' END || coalesce(reason, 'no reason'), '; '
        ORDER BY labelled_at, label_id
    ) AS said,
    (array_agg(labelled_by ORDER BY labelled_at DESC, label_id))[1] AS reviewed_by,
    (array_agg(reason ORDER BY labelled_at DESC, label_id))[1] AS review_reason,
    max(labelled_at) AS reviewed_at
FROM latest GROUP BY pattern_id, exact_hash
"""
"""One row per text that a person decided about: is_fit (null where two persons disagree), said (all of them, in words),
and of the latest reviewed_by, review_reason, reviewed_at."""


def reviews_in_force(db: Database | Transaction) -> pl.DataFrame:
    """The rows of `REVIEWS_IN_FORCE`."""
    return db.read(REVIEWS_IN_FORCE)


def _words(text: str, what: str, most: int, hint: str) -> str:
    """Somebody's words as Postgres can hold them and all may read them: on one line, without secrets."""
    clean, _ = redact_text(text.encode("utf-8", "replace").decode())
    clean = " ".join(clean.split())
    if not clean:
        raise ConfigError(f"The {what} of a review is empty.", hint)
    if len(clean) > most:
        raise ConfigError(f"The {what} of a review is {len(clean):,} characters long.", f"At most {most:,}.")
    return clean


# --- outcomes ----------------------------------------------------------------------------------------------------

# Of each text, over all places and versions in which a life of it began: whether it stood, and whether it was soon
# ended by a commit that is about it and calls itself a fix, or takes back what an earlier one did. A life is told at
# the version it began with, and goes on while only names, places, layout and comments change (`feedback.life_sql`).
_EVIDENCE = f"""
WITH ended AS (
    SELECT repo_id, sha, count(DISTINCT node_id) AS n FROM stemma.outcomes
    WHERE outcome IN ('replaced', 'removed') GROUP BY repo_id, sha
), told AS (
    SELECT n.pattern_id, n.exact_hash, o.outcome, o.decided_at, o.age_days, o.sha, r.name AS repository,
        o.outcome = 'fixed' OR (o.outcome IN ('replaced', 'removed') AND c.subject LIKE 'Revert "%') AS is_against,
        e.n <= {MAX_ENDED} AND o.age_days <= {SOON_DAYS} AS is_telling
    FROM stemma.outcomes o
    JOIN stemma.lineage_nodes n USING (node_id)
    JOIN stemma.repositories r ON r.repo_id = o.repo_id
    JOIN stemma.patterns p ON p.pattern_id = n.pattern_id AND NOT p.is_trivial
    JOIN stemma.snippets s ON s.blob_oid = n.blob_oid AND s.ordinal = n.ordinal
        AND s.extractor_version = p.extractor_version
    LEFT JOIN stemma.commits c ON c.repo_id = o.repo_id AND c.sha = o.sha
    LEFT JOIN ended e ON e.repo_id = o.repo_id AND e.sha = o.sha
    WHERE NOT s.is_test AND n.path !~* '{TEST_PATH}'
), texts AS (
    SELECT pattern_id, exact_hash,
        bool_or(outcome = 'survived_90d') AS has_stood,
        bool_or(is_against) AS has_ended_badly,
        bool_or(is_against AND is_telling) AS is_told_against,
        min(decided_at) FILTER (WHERE outcome = 'survived_90d') AS stood_at,
        (array_agg(decided_at ORDER BY decided_at, sha) FILTER (WHERE is_against AND is_telling))[1] AS ended_at,
        (array_agg(
            format('%s after %s days by %s in %s', CASE outcome WHEN 'fixed' THEN 'Fixed' ELSE 'Taken back' END,
                floor(age_days)::int, left(sha, 10), repository)
            ORDER BY decided_at, sha, outcome) FILTER (WHERE is_against AND is_telling))[1] AS against
    FROM told GROUP BY pattern_id, exact_hash
)
SELECT pattern_id, exact_hash, is_told_against IS NOT TRUE AS is_fit,
    CASE WHEN is_told_against THEN ended_at ELSE stood_at END AS labelled_at,
    CASE WHEN is_told_against THEN against || '.' ELSE 'It stood {SOON_DAYS} days, and no fix followed.' END AS reason
FROM texts
WHERE (is_told_against AND NOT has_stood) OR (has_stood AND has_ended_badly IS NOT TRUE)
ORDER BY pattern_id, exact_hash
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stemma.labels'))"
_GONE = "WHERE l.source = 'outcome' AND l.label_id NOT IN (SELECT label_id FROM {found})"


@dataclass(frozen=True)
class LabelCounts:
    """Labels by outcome that were written or changed, and those that no longer hold."""

    n_written: int = 0
    n_retired: int = 0


def label_outcomes(db: Database) -> LabelCounts:
    """Bring the labels by outcome to where `outcomes` is: weak evidence, and the last to be asked.

    A text is unfit where a commit that ended at most `MAX_ENDED` lives ended it within `SOON_DAYS` days, and says that
    it fixes something or reverts what was done before; unless the text stood so long elsewhere. It is fit where it
    stood `SOON_DAYS` days somewhere, and nowhere a fix or a revert ended it. Of every other text nothing is known, and
    none is labelled: one that is young, one that was fixed late or in a large commit, one whose birth is unknown, and
    no test, which a fix of what it tests adapts.

    That code stood does not show that it is sound, only that nobody changed it: these labels are held apart by their
    source. A member that votes by how long code stood must not be measured on them.
    """
    with db.transaction() as transaction:
        transaction.execute(_LOCK)
        found = transaction.read(_EVIDENCE).with_columns(source=pl.lit(OUTCOME), labelled_by=pl.lit(RULE))
        keys = found.select("pattern_id", "exact_hash", "source", "labelled_by", _day())
        found = found.with_columns(label_id=row_ids(keys.with_columns(pl.lit("label").alias("kind"))))
        with transaction.staged("found_labels", found.select("label_id")) as staged:
            n_retired = transaction.execute(f"DELETE FROM stemma.labels l {_GONE.format(found=staged)}")
        n_written = transaction.insert(labels, found, "update")
    return LabelCounts(n_written, n_retired)


def _day() -> pl.Expr:
    return pl.col("labelled_at").dt.to_string("iso:strict").alias("at")
