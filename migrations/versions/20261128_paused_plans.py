"""Until when a monthly gift is paused, where its donor said so.

Adds a column that may be empty: quick on both engines, whatever the table's size.

Revision ID: 20261128_paused_plans
Revises: 20261128_code_uploads
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_paused_plans"
down_revision = "20261128_code_uploads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plans", sa.Column("paused_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("plans", "paused_until")
