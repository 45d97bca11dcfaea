"""Batches of codes that are made together, and how far that is.

Revision ID: 20261127_code_batches
Revises: 20261127_code_policies
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_code_batches"
down_revision = "20261127_code_policies"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "code_batches",
        sa.Column("id", ID, nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("prefix", sa.String(32), nullable=False),
        sa.Column("tag", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("is_secret", sa.Boolean(), nullable=False),
        sa.Column("policy_id", ID, nullable=False),
        sa.Column("scope_id", ID),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("ended_at", UTC),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_code_batches"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name="fk_code_batches_policy_id"),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name="fk_code_batches_scope_id"),
    )
    op.create_index("ix_code_batches_sha256", "code_batches", ["sha256"])


def downgrade() -> None:
    op.drop_table("code_batches")
