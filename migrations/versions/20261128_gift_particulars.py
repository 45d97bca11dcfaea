"""What a receipt says of a gift beside the money: what was got in return, or given in kind.

Takes a short exclusive lock on gifts, for a column with a constant default.

Revision ID: 20261128_gift_particulars
Revises: 20261128_receipt_actions
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_gift_particulars"
down_revision = "20261128_receipt_actions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "gifts",
        sa.Column("has_particulars", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "gift_particulars",
        sa.Column(
            "gift_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("gifts.id", name="fk_gift_particulars_gift_id_gifts"),
            nullable=False,
        ),
        sa.Column("advantage_minor", sa.BigInteger(), nullable=False),
        sa.Column("advantage", sa.String(300), nullable=False),
        sa.Column("is_intangible", sa.Boolean(), nullable=False),
        sa.Column("given", sa.String(300), nullable=False),
        sa.Column("appraiser", sa.String(300), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("gift_id", name="pk_gift_particulars"),
        sa.CheckConstraint(
            "advantage_minor >= 0", name="ck_gift_particulars_advantage_not_negative"
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("gift_particulars")
    op.drop_column("gifts", "has_particulars")
