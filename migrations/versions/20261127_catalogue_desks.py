"""Issuers of their own, the catalogue's history, drafts and pictures.

New tables only.

Revision ID: 20261127_catalogue_desks
Revises: 20261127_narrow_standing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_catalogue_desks"
down_revision = "20261127_narrow_standing"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
KEPT = ("catalogue_changes", "catalogue_pictures")


def upgrade() -> None:
    op.create_table(
        "issuers",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_issuers"),
    )
    op.create_table(
        "catalogue_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("before", DOCUMENT, nullable=False),
        sa.Column("after", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalogue_changes"),
    )
    op.create_index("ix_catalogue_changes_subject", "catalogue_changes", ["subject", "id"])
    op.create_table(
        "catalogue_drafts",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalogue_drafts"),
    )
    op.create_table(
        "catalogue_pictures",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=20), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_catalogue_pictures"),
    )
    for table in KEPT:
        op.guard_rows(table, "is kept and stays as it is")


def downgrade() -> None:
    for table in KEPT:
        op.unguard_rows(table)
    for table in ("catalogue_pictures", "catalogue_drafts", "catalogue_changes", "issuers"):
        op.drop_table(table)
