"""Bank statements: files, lines, matches, and how much came for each gift.

`gifts` gets a column and its index over received money is built anew: writers wait for that,
about a second a million gifts. What came so far is summed from the evidence. The lines as the
bank wrote them and the matches as they were made are guarded like all that is booked.

Revision ID: 20261124_statements
Revises: 20261123_guards
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124_statements"
down_revision = "20261123_guards"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

# Columns of these never change, and their rows never go.
FROZEN = {
    "statement_files": (
        "sha256",
        "filename",
        "format",
        "account",
        "line_count",
        "imported_by",
        "imported_at",
    ),
    "statement_lines": (
        "key",
        "file_id",
        "position",
        "booked_on",
        "amount_minor",
        "currency",
        "payer_name",
        "payer_account",
        "payer_email",
        "message",
        "bank_reference",
        "interac_reference",
        "raw",
    ),
    "matches": (
        "subject",
        "line_id",
        "gift_id",
        "amount_minor",
        "currency",
        "is_automatic",
        "reasons",
        "made_by",
        "made_at",
    ),
    "transfer_notices": (
        "key",
        "interac_reference",
        "sender_name",
        "sender_email",
        "amount_minor",
        "currency",
        "message",
        "authentication",
        "received_at",
        "recorded_at",
    ),
}
STANDING = sa.text("undone_at IS NULL")


def upgrade() -> None:
    _count_what_came()
    _create_statements()
    _create_matches()
    _create_notices()
    for table, columns in FROZEN.items():
        op.guard_rows(table, "is kept as it came", columns=columns)


def _count_what_came() -> None:
    op.add_column(
        "gifts", sa.Column("paid_minor", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE gifts SET paid_minor = COALESCE((SELECT SUM(amount_minor) FROM evidence"
        " WHERE evidence.gift_id = gifts.id AND evidence.fact = 'paid'), 0)"
        " WHERE received_at IS NOT NULL"
    )
    op.drop_index("ix_gifts_currency_received_at", "gifts")
    op.create_index(
        "ix_gifts_currency_received_at", "gifts", ["currency", "received_at", "paid_minor"]
    )


def _create_statements() -> None:
    op.create_table(
        "statement_files",
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("format", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("new_count", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.String(length=80), nullable=False),
        sa.Column("imported_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_statement_files"),
        sa.UniqueConstraint("sha256", name="uq_statement_files_sha256"),
    )
    op.create_table(
        "statement_lines",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("file_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("payer_name", sa.String(length=200), nullable=False),
        sa.Column("payer_account", sa.String(length=80), nullable=False),
        sa.Column("payer_email", sa.String(length=254), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("bank_reference", sa.String(length=80), nullable=False),
        sa.Column("interac_reference", sa.String(length=40), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "matched", "ignored", name="linestate", native_enum=False, length=12),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=False),
        sa.Column("decided_at", UTC, nullable=True),
        sa.CheckConstraint("amount_minor <> 0", name="ck_statement_lines_amount_not_zero"),
        sa.ForeignKeyConstraint(
            ["file_id"], ["statement_files.id"], name="fk_statement_lines_file_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_statement_lines"),
        sa.UniqueConstraint("key", name="uq_statement_lines_key"),
    )
    for columns in (("state", "id"), ("file_id", "position"), ("booked_on", "id")):
        op.create_index(f"ix_statement_lines_{'_'.join(columns)}", "statement_lines", columns)


def _create_matches() -> None:
    op.create_table(
        "match_suggestions",
        sa.Column("line_id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["statement_lines.id"], name="fk_match_suggestions_line_id"
        ),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_match_suggestions_gift_id"),
        sa.PrimaryKeyConstraint("line_id", "gift_id", name="pk_match_suggestions"),
    )
    op.create_table(
        "matches",
        sa.Column("id", ID, nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("line_id", ID, nullable=False),
        sa.Column("gift_id", ID, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_at", UTC, nullable=False),
        sa.Column("undone_by", sa.String(length=80), nullable=False),
        sa.Column("undone_at", UTC, nullable=True),
        sa.Column("undo_reason", sa.String(length=300), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="ck_matches_amount_positive"),
        sa.ForeignKeyConstraint(["line_id"], ["statement_lines.id"], name="fk_matches_line_id"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_matches_gift_id"),
        sa.PrimaryKeyConstraint("id", name="pk_matches"),
        sa.UniqueConstraint("subject", name="uq_matches_subject"),
    )
    op.create_index("ix_matches_line_id", "matches", ["line_id"])
    op.create_index("ix_matches_gift_id", "matches", ["gift_id"])
    op.create_index(
        "uq_matches_standing",
        "matches",
        ["line_id", "gift_id"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.create_table(
        "payer_aliases",
        sa.Column("payer_key", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("learnt_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("payer_key", "email", name="pk_payer_aliases"),
    )


def _create_notices() -> None:
    op.create_table(
        "transfer_notices",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("interac_reference", sa.String(length=40), nullable=False),
        sa.Column("sender_name", sa.String(length=200), nullable=False),
        sa.Column("sender_email", sa.String(length=254), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("authentication", sa.String(length=12), nullable=False),
        sa.Column("received_at", UTC, nullable=False),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transfer_notices"),
        sa.UniqueConstraint("key", name="uq_transfer_notices_key"),
    )
    op.create_index(
        "ix_transfer_notices_interac_reference", "transfer_notices", ["interac_reference"]
    )
    op.create_table(
        "mailbox_marks",
        sa.Column("mailbox", sa.String(length=200), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name="pk_mailbox_marks"),
    )


def downgrade() -> None:
    """Statements, matches and notices go; a gift that was paid in part waits again."""
    for table in FROZEN:
        op.unguard_rows(table)
    for table in (
        "mailbox_marks",
        "transfer_notices",
        "payer_aliases",
        "matches",
        "match_suggestions",
        "statement_lines",
        "statement_files",
    ):
        op.drop_table(table)
    op.drop_index("ix_gifts_currency_received_at", "gifts")
    op.create_index(
        "ix_gifts_currency_received_at", "gifts", ["currency", "received_at", "amount_minor"]
    )
    op.drop_column("gifts", "paid_minor")
    op.execute("UPDATE gifts SET status = 'pending' WHERE status = 'partly_paid'")
