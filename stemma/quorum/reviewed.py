"""What a person decided goes before what the quorum says, and the verdict says both.

How decisions are kept lives in `labels`; what the quorum says by itself, in `verdicts`; how verdicts are kept, in
`sitting`.
"""

from __future__ import annotations

import polars as pl

from stemma.quorum.evidence import TEXT
from stemma.quorum.labels import REVIEWS_IN_FORCE

REVIEW = "review"
"""The word of a verdict's digest that tells of reviews, `review=pass/Ada/1f2e3d4c`; no member has this name."""

# Names are kept from parting the words of a digest, as rules' names are.
REVIEWS = f"""
SELECT pattern_id, exact_hash, is_fit AS review_is_fit, said AS review_said, reviewed_by, review_reason,
    '{REVIEW}=' || CASE WHEN is_fit THEN 'pass' WHEN NOT is_fit THEN 'fail' ELSE 'silent' END
        || '/' || translate(reviewed_by, ';/=', '___') || '/' || left(md5(said), 8) AS review_digest
FROM ({REVIEWS_IN_FORCE}) AS reviews
"""
"""One row per text that a person decided about, with the word its digest gains."""

REVIEW_COLUMNS = ("review_is_fit", "review_said", "reviewed_by", "review_reason")


def reviewed(decided: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts (schema `VERDICTS`) of the quorum as people's decisions leave them.

    A text that the latest reviews call fit is accepted, and suggested at most, unless the quorum was sure of it anyway;
    one that they call unfit is rejected; where two persons disagree it is for a third. That goes before a veto too,
    for whoever reads the reason sees what was overruled: the quorum's own sentence stands behind the person's.

    Args:
        texts: TEXT and `REVIEW_COLUMNS`, all null where nobody decided anything.
    """
    is_fit, is_reviewed = pl.col("review_is_fit"), pl.col("review_said").is_not_null()
    outcome = (
        pl.when(is_fit).then(pl.lit("accept")).when(~is_fit).then(pl.lit("reject")).otherwise(pl.lit("needs_review"))
    )
    is_sure = pl.col("decision") == "auto_apply"
    decision = (
        pl.when(is_fit)
        .then(pl.when(is_sure).then(pl.lit("auto_apply")).otherwise(pl.lit("suggest")))
        .when(~is_fit)
        .then(pl.lit("refuse"))
        .otherwise(pl.lit("review"))
    )
    theirs = pl.format("Reviewed by {}: {}", "reviewed_by", pl.col("review_reason").fill_null("no reason given"))
    split = pl.format("Reviewers disagree: {}", "review_said")
    said = pl.when(is_fit.is_null()).then(split).otherwise(theirs)
    reason = pl.format("{} The quorum says: {}", _sentence(said), "reason")
    return (
        decided.join(texts.select(*TEXT, *REVIEW_COLUMNS), on=list(TEXT), how="left", maintain_order="left")
        .with_columns(
            outcome=pl.when(is_reviewed).then(outcome).otherwise("outcome"),
            decision=pl.when(is_reviewed).then(decision).otherwise("decision"),
            reason=pl.when(is_reviewed).then(reason).otherwise("reason"),
        )
        .select(decided.columns)
    )


def _sentence(words: pl.Expr) -> pl.Expr:
    return pl.when(words.str.contains(r"[.!?]$")).then(words).otherwise(pl.format("{}.", words))
