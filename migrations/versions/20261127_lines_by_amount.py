"""Bank lines are found by day and amount: another export may have told the same payment.

The new index does what the one by day and id did, too. On PostgreSQL building it keeps lines
from being written meanwhile, about a second for each million.

Revision ID: 20261127_lines_by_amount
Revises: 20261127_withdrawn_files
"""

from alembic import op

revision = "20261127_lines_by_amount"
down_revision = "20261127_withdrawn_files"
branch_labels = None
depends_on = None

TABLE = "statement_lines"
BY_AMOUNT = "ix_statement_lines_booked_on_amount_minor"
BY_ID = "ix_statement_lines_booked_on_id"


def upgrade() -> None:
    op.create_index(BY_AMOUNT, TABLE, ["booked_on", "amount_minor"])
    op.drop_index(BY_ID, TABLE)


def downgrade() -> None:
    op.create_index(BY_ID, TABLE, ["booked_on", "id"])
    op.drop_index(BY_AMOUNT, TABLE)
