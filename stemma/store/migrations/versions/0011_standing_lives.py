"""The age of what stands is counted when it is asked for: kept, it changed every row of `lives` with every commit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

SCHEMA = "stemma"
BEFORE = "Days it stood: to its end, or to the date of the head"
STEPS_BEFORE, STEPS_NOW = "occurrences, lineage or outcomes", "occurrences, lineage, outcomes or lives"
NOW = "Days it stood until it ended; null while it stands, which is until the date of the head"


def upgrade() -> None:
    _alter(is_nullable=True, comment=NOW, former=BEFORE)
    _name_steps(STEPS_NOW, STEPS_BEFORE)
    op.execute("UPDATE stemma.lives SET days = NULL WHERE NOT is_ended")


def downgrade() -> None:
    op.execute("DELETE FROM stemma.lives WHERE days IS NULL")
    _alter(is_nullable=False, comment=BEFORE, former=NOW)
    op.execute("DELETE FROM stemma.lineage_progress WHERE step = 'lives'")
    _name_steps(STEPS_BEFORE, STEPS_NOW)


def _name_steps(comment: str, former: str) -> None:
    op.alter_column("lineage_progress", "step", comment=comment, existing_comment=former, schema=SCHEMA)


def _alter(*, is_nullable: bool, comment: str, former: str) -> None:
    op.alter_column(
        "lives",
        "days",
        existing_type=sa.REAL(),
        nullable=is_nullable,
        comment=comment,
        existing_comment=former,
        schema=SCHEMA,
    )
