"""Transfers that are looked after, and the proofs givers send.

New tables only; their foreign keys take a short lock on gifts that no reader waits for.

Revision ID: 20261125_proofs
Revises: 20261124_statements
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_proofs"
down_revision = "20261124_statements"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
IS_SET = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "transfer_watches",
        sa.Column("gift_id", ID, autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("begun_at", UTC, nullable=False),
        sa.Column("reminded", sa.Integer(), nullable=False),
        sa.Column("next_at", UTC, nullable=True),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("word_at", UTC, nullable=True),
        sa.Column("stopped_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_transfer_watches_gift_id"),
        sa.PrimaryKeyConstraint("gift_id", name="pk_transfer_watches"),
    )
    op.create_index(
        "ix_transfer_watches_next_at",
        "transfer_watches",
        ["next_at"],
        unique=False,
        sqlite_where=IS_SET,
        postgresql_where=IS_SET,
    )
    op.create_table(
        "proof_files",
        sa.Column("id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("stored_name", sa.String(length=40), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("uploaded_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_proof_files_gift_id"),
        sa.PrimaryKeyConstraint("id", name="pk_proof_files"),
        sa.UniqueConstraint("gift_id", "sha256", name="uq_proof_files_gift_id_sha256"),
        sa.UniqueConstraint("stored_name", name="uq_proof_files_stored_name"),
    )


def downgrade() -> None:
    op.drop_table("proof_files")
    op.drop_index("ix_transfer_watches_next_at", table_name="transfer_watches")
    op.drop_table("transfer_watches")
