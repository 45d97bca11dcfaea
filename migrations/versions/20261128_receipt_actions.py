"""What finance has to decide of receipts, and periods that are locked; runs over a year's receipts.

Four new tables, empty: quick on both engines.

Revision ID: 20261128_receipt_actions
Revises: 20261128_receipt_gifts
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_receipt_actions"
down_revision = "20261128_receipt_gifts"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "receipt_actions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("receipt_id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("opened_at", UTC, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("closed_at", UTC),
        sa.Column("closed_by", sa.String(80), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name="fk_receipt_actions_receipt_id"
        ),
    )
    op.create_index(
        "uq_receipt_actions_open",
        "receipt_actions",
        ["receipt_id", "gift_id", "kind"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "receipt_locks",
        sa.Column("issuer", sa.String(40), primary_key=True),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("set_at", UTC, nullable=False),
        sa.Column("set_by", sa.String(80), nullable=False),
    )
    _make_runs()


def _make_runs() -> None:
    op.create_table(
        "receipt_runs",
        sa.Column("id", ID, primary_key=True),
        sa.Column("issuer", sa.String(40), nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("rule", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("prepared_at", UTC),
        sa.Column("ended_at", UTC),
    )
    op.create_index(
        "uq_receipt_runs_open",
        "receipt_runs",
        ["issuer", "year"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "receipt_run_items",
        sa.Column("id", ID, primary_key=True),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("gift_ids", JSON, nullable=False),
        sa.Column("has_email", sa.Boolean, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("why", sa.String(20), nullable=False),
        sa.Column("receipt_id", ID),
        sa.ForeignKeyConstraint(
            ["run_id"], ["receipt_runs.id"], name="fk_receipt_run_items_run_id"
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name="fk_receipt_run_items_receipt_id"
        ),
    )
    op.create_index(
        "ix_receipt_run_items_run_id_state_id", "receipt_run_items", ["run_id", "state", "id"]
    )
    op.create_index("ix_receipt_run_items_receipt_id", "receipt_run_items", ["receipt_id"])


def downgrade() -> None:
    for table in ("receipt_run_items", "receipt_runs", "receipt_locks", "receipt_actions"):
        op.drop_table(table)
