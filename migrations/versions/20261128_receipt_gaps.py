"""Numbers of receipts that a series left out, and why.

Revision ID: 20261128_receipt_gaps
Revises: 20261128_word_order
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_receipt_gaps"
down_revision = "20261128_word_order"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "receipt_gaps",
        sa.Column("id", ID, nullable=False),
        sa.Column("issuer", sa.String(40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("series", sa.String(12), nullable=False, server_default=""),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_receipt_gaps"),
        sa.UniqueConstraint(
            "issuer", "year", "series", "first", name="uq_receipt_gaps_issuer_year_series_first"
        ),
        sa.CheckConstraint("first <= last", name="ck_receipt_gaps_in_order"),
    )


def downgrade() -> None:
    op.drop_table("receipt_gaps")
