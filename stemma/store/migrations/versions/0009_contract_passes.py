"""Up to where each table was last found to keep its contract, so that the next check reads what was written since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

SCHEMA = "stemma"
Timestamp = sa.DateTime(timezone=True)


def upgrade() -> None:
    horizon = "Transaction before which every row was in place (pg_snapshot_xmin); rows since are still to be read"
    op.create_table(
        "contract_passes",
        sa.Column("table_name", sa.Text(), nullable=False, comment="Table"),
        sa.Column("contract", sa.Text(), nullable=False, comment="Hash of the rules it kept"),
        sa.Column("cluster", sa.Text(), nullable=False, comment="Postgres cluster the transactions are numbered by"),
        sa.Column("horizon", sa.BigInteger(), nullable=False, comment=horizon),
        sa.Column("passed_at", Timestamp, nullable=False, comment="When"),
        sa.Column("whole_at", Timestamp, nullable=False, comment="When all of its rows were last read"),
        sa.PrimaryKeyConstraint("table_name", name="contract_passes_pkey"),
        schema=SCHEMA,
        comment="One row per table whose contract was kept when it was last checked.",
    )


def downgrade() -> None:
    op.drop_table("contract_passes", schema=SCHEMA)
