"""A gift that only stands for money nobody promised says so in a column.

The column has a constant default, which rewrites nothing; the few gifts concerned are updated.

Revision ID: 20261127_unattributed
Revises: 20261127_noted
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_unattributed"
down_revision = "20261127_noted"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "gifts",
        sa.Column("is_unattributed", sa.Boolean, server_default=sa.false(), nullable=False),
    )
    gifts = sa.table("gifts", sa.column("origin"), sa.column("is_unattributed", sa.Boolean))
    op.execute(
        sa.update(gifts)
        .where(gifts.c.origin.startswith("unattributed:"))
        .values(is_unattributed=sa.true())
    )


def downgrade() -> None:
    """The origin still begins with the word."""
    op.drop_column("gifts", "is_unattributed")
