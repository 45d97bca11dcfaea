"""Triggers that keep booked rows as they are, on both engines.

Takes a short exclusive lock on each guarded table.

Revision ID: 20261123_guards
Revises: 20261123_begin
"""

from alembic import op

revision = "20261123_guards"
down_revision = "20261123_begin"
branch_labels = None
depends_on = None

SAYS = "is booked and stays as it is"

# Rows of these are only ever added.
APPEND_ONLY = ("evidence", "gift_events", "ledger_entries", "audit_entries", "receipt_documents")

# Columns of these never change, and their rows never go.
FROZEN = {
    "receipts": ("issuer", "year", "number", "gift_id", "snapshot", "locale", "reserved_at"),
    "stripe_events": ("stripe_event_id", "type", "livemode", "payload", "created_at"),
}

# Columns of a gift that never change once money was booked for it.
BOOKED_GIFT = ("amount_minor", "currency", "reference")
BOOKED = "EXISTS (SELECT 1 FROM ledger_entries WHERE gift_id = OLD.id)"


def upgrade() -> None:
    for table in APPEND_ONLY:
        op.guard_rows(table, SAYS)
    for table, columns in FROZEN.items():
        op.guard_rows(table, SAYS, columns=columns)
    op.guard_rows("gifts", SAYS, columns=BOOKED_GIFT, booked=BOOKED)


def downgrade() -> None:
    for table in (*APPEND_ONLY, *FROZEN, "gifts"):
        op.unguard_rows(table)
