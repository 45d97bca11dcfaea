"""Whether a gift's document is its region's, or a mere acknowledgement as its code says.

Takes a short exclusive lock on gifts, for a column with a constant default.

Revision ID: 20261128_receipt_class
Revises: 20261128_pots
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_receipt_class"
down_revision = "20261128_pots"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "gifts",
        sa.Column("is_only_acknowledged", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("gifts", "is_only_acknowledged")
