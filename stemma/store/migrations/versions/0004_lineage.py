"""What lineage over the whole commit graph asks of the tables: order and trailers of commits, parts of a declaration.

Lineage, outcomes and the positions of their steps come of git again: their rows are deleted here, and the next run,
which reads with a newer extractor anyway, writes them anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

SCHEMA = "stemma"
Texts = sa.ARRAY(sa.Text())
Timestamp = sa.DateTime(timezone=True)
DERIVED = ("lineage_edges", "lineage_events", "outcomes", "lineage_nodes", "lineage_progress")


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
    op.alter_column(table, column, comment=comment, schema=SCHEMA, existing_type=kind, nullable=is_nullable)


def _clear() -> None:
    for table in DERIVED:
        op.execute(f"DELETE FROM {SCHEMA}.{table}")


def upgrade() -> None:
    _clear()
    place = "Place in a topological order of the repository: parents have lower ones"
    _add("commits", "position", sa.Integer(), place, "0")
    _add("commits", "trailers", Texts, "Trailers of the message as 'Key: value', at most 50 of 300 characters", "'{}'")
    _add("commits", "traced_by", sa.Text(), "Rules and extractor by which its lineage was traced; null before")
    op.create_index("commits_repo_id_position_idx", "commits", ["repo_id", "position"], schema=SCHEMA)
    _say("file_changes", "sha", sa.Text(), "Commit", is_nullable=False)
    place = "Its position on HEAD's first-parent chain; null when off it"
    _say("file_changes", "first_parent_index", sa.Integer(), place, is_nullable=True)
    op.create_table_comment(
        "file_changes",
        "One row per file of a known language that a commit changed against its first parent.",
        schema=SCHEMA,
    )
    whole = "Hash of the whole docstring or leading comment; null when there is none"
    _add("snippets", "doc_hash", sa.Text(), whole)
    loose = "Hash of its trailing space and of the comment before it, as laid out; null when it has neither"
    _add("snippets", "loose_hash", sa.Text(), loose)
    _declaration_parts()
    _nodes_edges_events()


def _declaration_parts() -> None:
    table = "snippet_texts"
    tokens = "Hash of the body's tokens as written, comments and docstring out; null: no body"
    _add(table, "body_hash", sa.Text(), tokens)
    inside = "Hash of the comments inside it, layout folded; null when there are none"
    _add(table, "comments_hash", sa.Text(), inside)
    written = "Parameters as written, types and defaults included, layout folded"
    _add(table, "parameter_list", sa.Text(), written)
    _add(table, "return_type", sa.Text(), "Return type as written, layout folded; null when none is written")
    marks = "Annotations, attributes or decorators as written, layout folded, in order"
    _add(table, "annotations", Texts, marks, "'{}'")
    named = "Exceptions the declaration names (Java throws), as written, in order"
    _add(table, "raises", Texts, named, "'{}'")


def _nodes_edges_events() -> None:
    nodes = "lineage_nodes"  # empty here: a required column needs no value for rows of before
    _add(nodes, "blob_oid", sa.Text(), "File content it stands in at that commit", "''")
    _add(nodes, "ordinal", sa.Integer(), "Snippet in that content", "0")
    _add(nodes, "authored_at", Timestamp, "Author date of its commit", "now()")
    _say(nodes, "sha", sa.Text(), "Commit that brought this version, on whichever branch", is_nullable=False)
    stands = "Position on HEAD's first-parent chain where it came to stand; null: never"
    _say(nodes, "first_parent_index", sa.Integer(), stands, is_nullable=True)
    _say(nodes, "occurred_at", Timestamp, "Committer date of its commit", is_nullable=False)
    _say(
        "lineage_edges",
        "edge_type",
        sa.Text(),
        "modified_from, renamed_from, moved_from, extracted_from, merged_from, forked_from, copied_from, derived_from; "
        "replaced_by and deprecated_by name a successor, not an origin",
        is_nullable=False,
    )
    alike = "0-1, how alike the two texts are; null when it cannot be said"
    _say("lineage_edges", "weight", sa.REAL(), alike, is_nullable=True)
    sure = "0-1, how sure the pairing is against the others that were possible"
    _say("lineage_edges", "confidence", sa.REAL(), sure, is_nullable=False)
    _say(
        "lineage_events",
        "event_type",
        sa.Text(),
        "introduced, observed (birth unknown), revived, body_changed, signature_changed, documentation_changed, "
        "formatting_changed, renamed, moved_within_file, moved_across_files, file_renamed, extracted, inlined, merged, "
        "split, copied, forked, deprecated or removed",
        is_nullable=False,
    )
    _say("lineage_events", "detail", JSONB(), "From and to, or which parts, where there are any", is_nullable=False)
    op.drop_column("lineage_events", "first_parent_index", schema=SCHEMA)
    op.create_index("lineage_events_repo_id_sha_idx", "lineage_events", ["repo_id", "sha"], schema=SCHEMA)


def downgrade() -> None:
    _clear()
    op.drop_index("lineage_events_repo_id_sha_idx", "lineage_events", schema=SCHEMA)
    _add("lineage_events", "first_parent_index", sa.Integer(), "Position of that commit", "0")
    index = "lineage_events_repo_id_first_parent_index_idx"
    op.create_index(index, "lineage_events", ["repo_id", "first_parent_index"], schema=SCHEMA)
    _say("lineage_nodes", "first_parent_index", sa.Integer(), "Position of that commit", is_nullable=False)
    op.execute(f"DELETE FROM {SCHEMA}.file_changes WHERE first_parent_index IS NULL")
    _say("file_changes", "first_parent_index", sa.Integer(), "Its position on the chain", is_nullable=False)
    for table, columns in (
        ("lineage_nodes", ("blob_oid", "ordinal", "authored_at")),
        (
            "snippet_texts",
            ("body_hash", "comments_hash", "parameter_list", "return_type", "annotations", "raises"),
        ),
        ("snippets", ("doc_hash", "loose_hash")),
        ("commits", ("position", "trailers", "traced_by")),
    ):
        for column in columns:
            op.drop_column(table, column, schema=SCHEMA)
