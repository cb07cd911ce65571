"""What finding copies asks of the tables: facts of a text, the token sequence, calibrated matches, cohesion, semantics.

Rows made before have no such facts, and all of them come from git again: contents are read anew when the extractor's
version changes, so the columns begin with an empty value that only such rows keep.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

SCHEMA = "stemma"
Texts = sa.ARRAY(sa.Text())


def _required(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _add(table: str, name: str, kind: Any, comment: str, empty: str | None = None) -> None:
    """A column; with `empty` (an SQL literal) it is required, and rows of before get that value."""
    op.add_column(
        table,
        sa.Column(name, kind, nullable=empty is None, server_default=empty and sa.text(empty), comment=comment),
        schema=SCHEMA,
    )
    if empty is not None:
        op.alter_column(table, name, server_default=None, schema=SCHEMA)


def _say(table: str, column: str, kind: Any, comment: str, *, is_nullable: bool) -> None:
    op.alter_column(table, column, comment=comment, schema=SCHEMA, existing_type=kind, existing_nullable=is_nullable)


def upgrade() -> None:
    _add("blobs", "imports", Texts, "Distinct modules, packages or headers it imports, as written, sorted", "'{}'")
    op.create_table(
        "snippet_texts",
        _required("exact_hash", sa.Text(), "Its text"),
        _required("language", sa.Text(), "Language it was parsed as"),
        _required("extractor_version", sa.Text(), "Extractor that read it"),
        _required(
            "token_hash",
            sa.Text(),
            "Hash of language and tokens as written: equal means Type-1",
        ),
        _required("parameters", Texts, "Names of the parameters, in order; receiver and self included"),
        _required("modifiers", Texts, "async, static, test, abstract, public, const, ... as the language names them"),
        _required("calls", Texts, "Distinct names called, qualified as written, in order of first call"),
        _required("defines", Texts, "Distinct names it binds (variables, fields, inner definitions), in order"),
        _required("complexity", sa.Integer(), "Cyclomatic complexity (McCabe 1976): 1 + decisions"),
        sa.PrimaryKeyConstraint("exact_hash", "language", name="snippet_texts_pkey"),
        schema=SCHEMA,
        comment="One row per distinct text of a definition: what can be said of it without what is around it.",
    )
    _say(
        "patterns",
        "is_trivial",
        sa.Boolean(),
        "Too small, or too common a shape, for its equality to mean anything",
        is_nullable=False,
    )
    _add(
        "patterns",
        "trivial_reason",
        sa.Text(),
        "tiny, accessor, constructor, delegate, data or generated; null when it is not trivial",
    )
    _add(
        "patterns",
        "structure",
        sa.Text(),
        "The normal form, one character a token, every identifier the same one",
        "''",
    )
    _add("patterns", "extractor_version", sa.Text(), "Extractor that made it", "''")
    _say(
        "matches",
        "structural",
        sa.REAL(),
        "0-1, share of the two token sequences that aligns; null when either is empty",
        is_nullable=True,
    )
    windows = "0-1, Jaccard of 5-token windows of the normal forms; null when either has none"
    _add("matches", "fingerprint", sa.REAL(), windows)
    calibrated = "0-1, that the two are clones, as calibrated; null under weights of one's own"
    _add("matches", "probability", sa.REAL(), calibrated)
    _add("matches", "confidence", sa.REAL(), "0-1, how far the evidence that is present carries", "0")
    _add("matches", "note", sa.Text(), "Which evidence is absent, and why; null when none is")
    sketch = "Fingerprints it was found by: later patterns are held against them"
    _add("matched_patterns", "sketch", sa.ARRAY(sa.Integer()), sketch, "'{}'")
    _add(
        "families",
        "cohesion",
        sa.REAL(),
        "0-1, mean score of all pairs of members, those that do not match as 0; null when it is one pattern",
    )
    _add(
        "family_members",
        "similarity",
        sa.REAL(),
        "0-1, score with the medoid; null for the medoid and where they were never matched",
    )
    op.create_table(
        "pattern_semantics",
        sa.Column(
            "pattern_id",
            sa.Text(),
            sa.ForeignKey(
                f"{SCHEMA}.patterns.pattern_id", ondelete="CASCADE", name="pattern_semantics_pattern_id_fkey"
            ),
            nullable=False,
            comment="Pattern",
        ),
        _required("analyser", sa.Text(), "Analyser, its version and what it was asked"),
        _required("concepts", Texts, "Words that tell it from the rest of the corpus, strongest first"),
        _required("themes", Texts, "What kind of work it does, strongest first"),
        _required("domains", Texts, "Fields it belongs to, strongest first"),
        _required("detail", JSONB(), "Evidence: weights of the concepts, what named each theme and domain"),
        _required("analysed_at", sa.DateTime(timezone=True), "When"),
        sa.PrimaryKeyConstraint("pattern_id", "analyser", name="pattern_semantics_pkey"),
        schema=SCHEMA,
        comment="One row per pattern under one semantic analyser.",
    )
    op.create_table(
        "token_statistics",
        _required("language", sa.Text(), "Language"),
        _required("token", sa.Text(), "Sub-token of identifiers, found in two patterns at least"),
        _required("n_patterns", sa.Integer(), "Live patterns of the language that have it"),
        _required("language_patterns", sa.Integer(), "Live patterns of the language"),
        _required("language_tokens", sa.BigInteger(), "Sum of n_patterns over all of the language's sub-tokens"),
        _required("n_corpus", sa.Integer(), "Live patterns of all languages when it was counted"),
        _required("counted_at", sa.DateTime(timezone=True), "When"),
        sa.PrimaryKeyConstraint("language", "token", name="token_statistics_pkey"),
        schema=SCHEMA,
        comment="One row per language and sub-token: how common it was when the corpus had last doubled or halved.",
    )
    _add("runs", "degraded", sa.Text(), "What it had to do without, and why; null when it had everything")


def downgrade() -> None:
    op.drop_column("runs", "degraded", schema=SCHEMA)
    op.drop_table("token_statistics", schema=SCHEMA)
    op.drop_table("pattern_semantics", schema=SCHEMA)
    op.drop_table("snippet_texts", schema=SCHEMA)
    for table, columns in (
        ("blobs", ("imports",)),
        ("patterns", ("trivial_reason", "structure", "extractor_version")),
        ("matches", ("fingerprint", "probability", "confidence", "note")),
        ("matched_patterns", ("sketch",)),
        ("families", ("cohesion",)),
        ("family_members", ("similarity",)),
    ):
        for column in columns:
            op.drop_column(table, column, schema=SCHEMA)
