"""Pots that sponsors fill, what they add to gifts, and every move of their money.

Takes a short exclusive lock on gifts, for a column with a constant default.

Revision ID: 20261128_pots
Revises: 20261127_partner_users
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_pots"
down_revision = "20261127_partner_users"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MINOR = sa.BigInteger()
UTC = sa.DateTime(timezone=True)
SAYS = "is booked and stays as it is"


def upgrade() -> None:
    op.create_table(
        "pots",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("sponsor", sa.String(200), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", MINOR, nullable=False),
        sa.Column("promised_minor", MINOR, nullable=False),
        sa.Column("matched_minor", MINOR, nullable=False),
        sa.Column("latest_minor", MINOR, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("closed_at", UTC),
        sa.PrimaryKeyConstraint("id", name="pk_pots"),
        sa.UniqueConstraint("key", name="uq_pots_key"),
        sa.CheckConstraint(
            "promised_minor >= 0 AND matched_minor >= 0", name="ck_pots_not_negative"
        ),
        sa.CheckConstraint(
            "promised_minor + matched_minor <= total_minor", name="ck_pots_not_overdrawn"
        ),
    )
    _make_matches()
    _make_entries()
    op.add_column(
        "gifts", sa.Column("is_matched", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def _make_matches() -> None:
    op.create_table(
        "gift_matches",
        sa.Column("gift_id", ID, nullable=False, autoincrement=False),
        sa.Column("pot_id", ID, nullable=False),
        sa.Column("code_id", ID, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("per", sa.Integer(), nullable=False),
        sa.Column("cap_minor", MINOR),
        sa.Column("full_minor", MINOR, nullable=False),
        sa.Column("most_minor", MINOR, nullable=False),
        sa.Column("wanted_minor", MINOR, nullable=False),
        sa.Column("held_minor", MINOR, nullable=False),
        sa.Column("is_paid", sa.Boolean(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("gift_id", name="pk_gift_matches"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_gift_matches_gift_id"),
        sa.ForeignKeyConstraint(["pot_id"], ["pots.id"], name="fk_gift_matches_pot_id"),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name="fk_gift_matches_code_id"),
        sa.CheckConstraint(
            "held_minor >= 0 AND held_minor <= wanted_minor", name="ck_gift_matches_held_part"
        ),
        sa.CheckConstraint("wanted_minor <= most_minor", name="ck_gift_matches_wanted_part"),
    )
    op.create_index("ix_gift_matches_pot_id", "gift_matches", ["pot_id"])
    op.create_index("ix_gift_matches_code_id", "gift_matches", ["code_id"])


def _make_entries() -> None:
    op.create_table(
        "pot_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("pot_id", ID, nullable=False),
        sa.Column("gift_id", ID),
        sa.Column("debit_account", sa.String(60), nullable=False),
        sa.Column("credit_account", sa.String(60), nullable=False),
        sa.Column("amount_minor", MINOR, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("booked_at", UTC, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pot_entries"),
        sa.ForeignKeyConstraint(["pot_id"], ["pots.id"], name="fk_pot_entries_pot_id"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_pot_entries_gift_id"),
        sa.CheckConstraint("amount_minor > 0", name="ck_pot_entries_amount_positive"),
        sa.CheckConstraint("debit_account <> credit_account", name="ck_pot_entries_two_accounts"),
    )
    op.create_index("ix_pot_entries_pot_id", "pot_entries", ["pot_id"])
    op.create_index("ix_pot_entries_gift_id", "pot_entries", ["gift_id"])
    op.guard_rows("pot_entries", SAYS)


def downgrade() -> None:
    op.drop_column("gifts", "is_matched")
    op.unguard_rows("pot_entries")
    for table in ("pot_entries", "gift_matches", "pots"):
        op.drop_table(table)
