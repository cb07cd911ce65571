"""What copies between repositories ask for: how far they were looked for, their edges found quickly, one rule of fixes.

`stemma.reads_as_fix` is the only place where it is said which subjects read as a fix: outcomes and drift both ask it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SCHEMA = "stemma"
Timestamp = sa.DateTime(timezone=True)

# Words a subject must have, and words that turn it into something else.
_FIX_WORDS = r"\m(fix|fixe[sd]|fixing|bugs?|bugfix(es)?|hotfix(es)?|defects?|regressions?|crash(es|ed|ing)?)\M"
_NOT_A_FIX = r"\m(typos?|spelling|whitespace|indentation|formatting|lint(er|ing)?|docs?|comments?|changelog)\M"
_READS_AS_FIX = f"""
CREATE FUNCTION stemma.reads_as_fix(subject text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN coalesce(subject ~* '{_FIX_WORDS}' AND NOT subject ~* '{_NOT_A_FIX}', false)
"""
_COMMENT = "Whether the first line of a commit message reads as that of a fix; false when there is none."


def upgrade() -> None:
    op.execute(_READS_AS_FIX)
    op.execute(f"COMMENT ON FUNCTION stemma.reads_as_fix(text) IS '{_COMMENT}'")
    op.create_index(
        "lineage_edges_copies_idx",
        "lineage_edges",
        ["repo_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("edge_type = ANY (ARRAY['copied_from'::text, 'forked_from'::text])"),
    )
    op.create_table(
        "copy_progress",
        sa.Column("repo_id", sa.Text(), nullable=False, comment="Repository"),
        sa.Column("version", sa.Text(), nullable=False, comment="Rules by which its copies were looked for"),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=False,
            comment="commits.position of the last traced commit read; -1: none",
        ),
        sa.Column(
            "commits_digest",
            sa.Text(),
            nullable=False,
            comment="Hash of the traced commits up to it; when it differs, the repository is read anew",
        ),
        sa.Column("n_edges", sa.Integer(), nullable=False, comment="Edges of copies and forks it then had"),
        sa.Column(
            "looked_at",
            Timestamp,
            nullable=False,
            comment="matches.matched_at of the newest one seen; 1970 before the first",
        ),
        sa.PrimaryKeyConstraint("repo_id", name="copy_progress_pkey"),
        sa.ForeignKeyConstraint(
            ["repo_id"], [f"{SCHEMA}.repositories.repo_id"], name="copy_progress_repo_id_fkey", ondelete="CASCADE"
        ),
        schema=SCHEMA,
        comment="One row per repository whose copies were looked for: how far along its commits.",
    )


def downgrade() -> None:
    op.drop_table("copy_progress", schema=SCHEMA)
    op.drop_index("lineage_edges_copies_idx", "lineage_edges", schema=SCHEMA)
    op.execute("DROP FUNCTION stemma.reads_as_fix(text)")
