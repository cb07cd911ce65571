"""What `verdicts.votes_digest` holds is said as it is: the votes themselves, in short."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

SCHEMA = "stemma"
BEFORE = "Hash of the votes and the rule that gave it"
NOW = "The votes and reviews it rests on, each in a word"


def upgrade() -> None:
    _comment(NOW, BEFORE)


def downgrade() -> None:
    _comment(BEFORE, NOW)


def _comment(comment: str, former: str) -> None:
    op.alter_column(
        "verdicts", "votes_digest", existing_type=sa.Text(), comment=comment, existing_comment=former, schema=SCHEMA
    )
