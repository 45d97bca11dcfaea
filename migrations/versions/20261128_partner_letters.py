"""Which of a partner's people have a letter each month, and about which month the last one was.

Adds columns with a constant default: quick on both engines, whatever the table's size.

Revision ID: 20261128_partner_letters
Revises: 20261128_donor_accounts
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_partner_letters"
down_revision = "20261128_donor_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    letter = sa.Column("monthly_letter", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("partner_users", letter)
    month = sa.Column("mailed_month", sa.String(7), nullable=False, server_default="")
    op.add_column("partner_users", month)


def downgrade() -> None:
    op.drop_column("partner_users", "mailed_month")
    op.drop_column("partner_users", "monthly_letter")
