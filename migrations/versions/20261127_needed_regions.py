"""A region that gifts name stays in the catalogue's table, under its slug.

Deleted by hand, it left its gifts to the rest of the world: another issuer's name on their
receipts, and no way to pay. Takes a short exclusive lock on the regions.

Revision ID: 20261127_needed_regions
Revises: 20261127_letter_jobs
"""

from alembic import op

revision = "20261127_needed_regions"
down_revision = "20261127_letter_jobs"
branch_labels = None
depends_on = None

NEEDED = "EXISTS (SELECT 1 FROM gifts WHERE gifts.region = OLD.slug)"
SAYS = "that gifts name stay: take them out of the catalogue instead"


def upgrade() -> None:
    op.guard_rows("regions", SAYS, columns=("slug",), booked=NEEDED)


def downgrade() -> None:
    op.unguard_rows("regions")
