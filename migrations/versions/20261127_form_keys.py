"""The keys of staff's forms, by which a form is acted on once, have a table.

A new table, filled from the audit log, where they stood before; on PostgreSQL nothing is locked
but the new table.

Revision ID: 20261127_form_keys
Revises: 20261127_words
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "20261127_form_keys"
down_revision = "20261127_words"
branch_labels = None
depends_on = None

BATCH = 5_000
TABLE = "form_keys"
ACTS = ("receipt_resend", "refund_request", "gift_receive")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("subject", sa.String(80), primary_key=True),
        sa.Column("act", sa.String(40), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    entries = _table("audit_entries", "id", "act", "subject", "detail")
    keys = _table(TABLE, "subject", "act", "key")
    batch = sa.select(*entries.c).where(entries.c.act.in_(ACTS)).order_by(entries.c.id).limit(BATCH)
    known: set[tuple[str, str, str]] = set()
    last = 0
    while rows := connection.execute(batch.where(entries.c.id > last)).all():
        found = {}
        for row in rows:
            detail = json.loads(row.detail) if isinstance(row.detail, str) else row.detail
            key = (row.subject, row.act, str(detail.get("once") or "")[:64])
            if key[2] and key not in known:
                found.setdefault(key, row.at)
        known |= found.keys()
        if found:
            kept = [
                {"subject": subject, "act": act, "key": key, "at": moment}
                for (subject, act, key), moment in found.items()
            ]
            connection.execute(sa.insert(keys), kept)
        last = rows[-1].id


def _table(name: str, *columns: str) -> sa.TableClause:
    at = sa.column("at", sa.DateTime(timezone=True))
    return sa.table(name, at, *(sa.column(column) for column in columns))


def downgrade() -> None:
    """The audit log has the keys still, from which the program before reads them."""
    op.drop_table(TABLE)
