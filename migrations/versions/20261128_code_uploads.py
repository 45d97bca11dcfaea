"""Tables of codes that staff send: how far each is, and the rows that were not taken.

Revision ID: 20261128_code_uploads
Revises: 20261128_code_sums
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_code_uploads"
down_revision = "20261128_code_sums"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "code_uploads",
        sa.Column("id", ID, nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("asked", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("batch_id", ID),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(200), nullable=False, server_default=""),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("ended_at", UTC),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_code_uploads"),
        sa.ForeignKeyConstraint(["batch_id"], ["code_batches.id"], name="fk_code_uploads_batch_id"),
    )
    op.create_table(
        "code_rejects",
        sa.Column("upload_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(60), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "number", name="pk_code_rejects"),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["code_uploads.id"], name="fk_code_rejects_upload_id"
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("code_rejects")
    op.drop_table("code_uploads")
