"""Letters that came back, as delivery reports say.

Revision ID: 20261128_bounces
Revises: 20261128_donor_merges
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_bounces"
down_revision = "20261128_donor_merges"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bounces",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("email_id", ID),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("is_permanent", sa.Boolean(), nullable=False),
        sa.Column("bounced_at", UTC, nullable=False),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.Column("closed_at", UTC),
        sa.Column("closed_by", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bounces"),
        sa.UniqueConstraint("key", name="uq_bounces_key"),
        sa.ForeignKeyConstraint(["email_id"], ["emails.id"], name="fk_bounces_email_id"),
    )
    for name in ("email_id", "recipient"):
        op.create_index(f"ix_bounces_{name}", "bounces", [name])
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_bounces_open", "bounces", ["id"], sqlite_where=is_open, postgresql_where=is_open
    )


def downgrade() -> None:
    op.drop_table("bounces")
