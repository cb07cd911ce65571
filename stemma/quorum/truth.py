"""What is known of texts: the labels in force. How labels come about lives in `labels`; what is learned from them, in
`learning`.
"""

from __future__ import annotations

import polars as pl

from stemma.quorum.scales import LABELLED
from stemma.store.postgres import Database, Transaction

# Of one labeller the latest counts; a person who looked goes before a file, and that before what became of the text.
# Where the best who spoke disagree, nothing is known. The transform layer's int_labels_in_force says the same.
_IN_FORCE = """
WITH latest AS (
    SELECT DISTINCT ON (pattern_id, exact_hash, source, labelled_by) pattern_id, exact_hash, source, is_fit,
        CASE source WHEN 'review' THEN 0 WHEN 'file' THEN 1 ELSE 2 END AS precedence
    FROM stemma.labels
    ORDER BY pattern_id, exact_hash, source, labelled_by, labelled_at DESC, label_id
), ranked AS (
    SELECT *, min(precedence) OVER (PARTITION BY pattern_id, exact_hash) AS best FROM latest
)
SELECT pattern_id, exact_hash, bool_and(is_fit) AS is_fit, pattern_id AS "group", min(source) AS source
FROM ranked WHERE precedence = best
GROUP BY pattern_id, exact_hash
"""
_AGREED = f"{_IN_FORCE} HAVING bool_and(is_fit) = bool_or(is_fit) ORDER BY pattern_id, exact_hash"
_OPEN = f"{_IN_FORCE} HAVING bool_and(is_fit) <> bool_or(is_fit) ORDER BY pattern_id, exact_hash"


def labels_in_force(db: Database | Transaction) -> pl.DataFrame:
    """Schema `LABELLED`: texts of which something is known; those of one pattern are a group."""
    return db.read(_AGREED, (), LABELLED)


def labels_at_odds(db: Database | Transaction) -> pl.DataFrame:
    """Texts whose labels contradict each other (pattern_id, exact_hash, source): of these nothing is known."""
    return db.read(_OPEN, (), LABELLED).select("pattern_id", "exact_hash", "source")


def labelled_by_outcome(db: Database | Transaction) -> pl.DataFrame:
    """TEXT of those labelled by what became of them, whatever was said of them besides: nobody chose these."""
    return db.read("SELECT DISTINCT pattern_id, exact_hash FROM stemma.labels WHERE source = 'outcome'")
