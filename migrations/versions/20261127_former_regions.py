"""Regions that were taken out of the catalogue, and still serve the gifts begun there.

Revision ID: 20261127_former_regions
Revises: 20261127_unattributed
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_former_regions"
down_revision = "20261127_unattributed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("regions", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("regions", "removed_at")
