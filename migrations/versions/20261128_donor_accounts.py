"""Donors' own accounts, and the addresses that are proven to be theirs.

Revision ID: 20261128_donor_accounts
Revises: 20261128_paused_plans
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261128_donor_accounts"
down_revision = "20261128_paused_plans"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "donor_accounts",
        sa.Column("id", ID, nullable=False),
        sa.Column("session_key", sa.String(32), nullable=False),
        sa.Column("locale", sa.String(12), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("signed_in_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_donor_accounts"),
    )
    op.create_table(
        "donor_addresses",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("asked_at", UTC, nullable=False),
        sa.Column("proven_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_donor_addresses"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["donor_accounts.id"], name="fk_donor_addresses_account_id"
        ),
        sa.UniqueConstraint("account_id", "email", name="uq_donor_addresses_account_id_email"),
    )
    op.create_index(
        "uq_donor_addresses_proven",
        "donor_addresses",
        ["email"],
        unique=True,
        sqlite_where=sa.text("proven_at IS NOT NULL"),
        postgresql_where=sa.text("proven_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("donor_addresses")
    op.drop_table("donor_accounts")
