"""Numbers that tax laws ask of donors, each encrypted.

Revision ID: 20261128_donor_numbers
Revises: 20261128_gift_aid
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_donor_numbers"
down_revision = "20261128_gift_aid"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "donor_tax_numbers"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", ID, nullable=False),
        sa.Column("donor_id", ID, nullable=False),
        sa.Column("name", sa.String(210), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("encrypted", sa.Text(), nullable=False),
        sa.Column("ending", sa.String(2), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        sa.ForeignKeyConstraint(["donor_id"], ["donors.id"], name=f"fk_{TABLE}_donor_id"),
        sa.UniqueConstraint("donor_id", "name", "kind", name=f"uq_{TABLE}_donor_id_name_kind"),
    )


def downgrade() -> None:
    op.drop_table(TABLE)
