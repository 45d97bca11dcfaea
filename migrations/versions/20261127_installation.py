"""An installation has an id of its own, which it writes to Stripe beside each gift's reference.

Revision ID: 20261127_installation
Revises: 20261127_lines_by_amount
"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "20261127_installation"
down_revision = "20261127_lines_by_amount"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "installations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installations"),
    )
    now = datetime.now(UTC)
    if op.get_bind().dialect.name == "sqlite":
        now = now.replace(tzinfo=None)
    op.bulk_insert(table, [{"id": secrets.token_hex(8), "created_at": now}])


def downgrade() -> None:
    op.drop_table("installations")
