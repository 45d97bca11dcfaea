"""What donors and partners pledge, and the history of each pledge.

Two new tables; nothing else is touched.

Revision ID: 20261128_commitments
Revises: 20261128_document_hashes
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261128_commitments"
down_revision = "20261128_document_hashes"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NAME = "commitments"
OWNERS = ("donor", "scope", "code")


def upgrade() -> None:
    op.create_table(
        NAME,
        sa.Column("id", ID, nullable=False),
        *(sa.Column(f"{owner}_id", ID) for owner in OWNERS),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("rhythm", sa.String(10), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date()),
        sa.Column("fund", sa.String(40), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("cancelled_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_commitments"),
        *(
            sa.ForeignKeyConstraint(
                [f"{owner}_id"], [f"{owner}s.id"], name=f"fk_commitments_{owner}_id"
            )
            for owner in OWNERS
        ),
        sa.CheckConstraint("amount_minor > 0", name="ck_commitments_amount_positive"),
        sa.CheckConstraint("until IS NULL OR until >= since", name="ck_commitments_span_forward"),
        sa.CheckConstraint(
            "donor_id IS NOT NULL OR scope_id IS NOT NULL OR code_id IS NOT NULL",
            name="ck_commitments_of_somebody",
        ),
    )
    for owner in OWNERS:
        op.create_index(f"ix_commitments_{owner}_id", NAME, [f"{owner}_id"])
    _make_changes()


def _make_changes() -> None:
    op.create_table(
        "commitment_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("commitment_id", ID, nullable=False),
        sa.Column("what", sa.String(10), nullable=False),
        sa.Column("said", DOCUMENT, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_commitment_changes"),
        sa.ForeignKeyConstraint(
            ["commitment_id"], ["commitments.id"], name="fk_commitment_changes_commitment_id"
        ),
    )
    op.create_index("ix_commitment_changes_commitment_id", "commitment_changes", ["commitment_id"])
    op.guard_rows("commitment_changes", "is history and stays as it is")


def downgrade() -> None:
    op.unguard_rows("commitment_changes")
    for table in ("commitment_changes", NAME):
        op.drop_table(table)
