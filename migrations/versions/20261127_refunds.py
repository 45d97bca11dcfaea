"""Refunds that are asked for have a table; evidence has the payment a refund takes from.

The table is filled from gifts' stories, where wishes stood before, with the keys by which Stripe
knows them. Evidence gets an empty column, filled from its details some thousand rows at a time;
its guard is off meanwhile, within this transaction. On PostgreSQL that keeps evidence from being
written until the migration is done, some seconds for each million refunds.

Revision ID: 20261127_refunds
Revises: 20261127_line_links
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261127_refunds"
down_revision = "20261127_line_links"
branch_labels = None
depends_on = None

BATCH = 5_000
# As 20261123_guards said it.
SAYS = "is booked and stays as it is"
TAKING = (
    "refund_pending",
    "refunded",
    "refund_failed",
    "dispute_opened",
    "dispute_won",
    "dispute_lost",
)
ZERO_DECIMAL = set("BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split())
THREE_DECIMAL = set("BHD JOD KWD OMR TND".split())
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "refunds",
        sa.Column("id", big_id, nullable=False),
        sa.Column("gift_id", big_id, nullable=False),
        sa.Column("once", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(12), nullable=False),
        sa.Column("payment", sa.String(80), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("asked_at", UTC, nullable=False),
        sa.Column("idempotency_key", sa.String(80), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("stripe_refund_id", sa.String(80)),
        sa.PrimaryKeyConstraint("id", name="pk_refunds"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_refunds_gift_id"),
        sa.UniqueConstraint("gift_id", "once", name="uq_refunds_gift_id_once"),
        sa.UniqueConstraint(
            "provider", "stripe_refund_id", name="uq_refunds_provider_stripe_refund_id"
        ),
        sa.UniqueConstraint(
            "provider", "idempotency_key", name="uq_refunds_provider_idempotency_key"
        ),
        sa.CheckConstraint("amount_minor > 0", name="ck_refunds_amount_positive"),
    )
    op.add_column("evidence", sa.Column("payment", sa.String(80)))
    connection = op.get_bind()
    _keep_wishes(connection)
    op.unguard_rows("evidence")
    _fill_payments(connection)
    op.guard_rows("evidence", SAYS)


def _table(name: str, *columns: str, at: str | None = None) -> Any:
    timed = [sa.column(at, UTC)] if at else []
    return sa.table(name, *timed, *(sa.column(column) for column in columns))


def _read(kept: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept) if isinstance(kept, str) else kept
    return found


def _keep_wishes(connection: sa.Connection) -> None:
    names = ("id", "gift_id", "kind", "actor", "why", "data")
    events, gifts = (
        _table("gift_events", *names, at="at"),
        _table("gifts", "id", "reference"),
    )
    asked = (
        sa.select(*events.c, gifts.c.reference)
        .join(gifts, gifts.c.id == events.c.gift_id)
        .where(events.c.kind == "refund_requested")
        .order_by(events.c.id)
    )
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for event in connection.execute(asked):
        wish = _read(event.data)
        if wish.get("once") and wish.get("payment"):
            rows.setdefault((event.gift_id, wish["once"]), _wish_row(event, wish))
    if rows:
        connection.execute(sa.insert(_refunds()), list(rows.values()))


def _refunds() -> Any:
    return _table(
        "refunds",
        "gift_id",
        "once",
        "provider",
        "payment",
        "amount_minor",
        "currency",
        "reason",
        "actor",
        "idempotency_key",
        "state",
        at="asked_at",
    )


def _wish_row(event: Any, wish: dict[str, Any]) -> dict[str, Any]:
    minor, currency = wish["amount_minor"], wish["currency"]
    wanted = f"{event.reference}:{currency} {_plain(minor, currency)}:{wish['once']}"
    return {
        "gift_id": event.gift_id,
        "once": wish["once"],
        "provider": "stripe",
        "payment": wish["payment"],
        "amount_minor": minor,
        "currency": currency,
        "reason": event.why,
        "actor": event.actor,
        "asked_at": event.at,
        "idempotency_key": f"refund-{hashlib.sha256(wanted.encode()).hexdigest()[:32]}",
        "state": "asked",
    }


def _plain(minor: int, currency: str) -> str:
    """As keys have it: `75.53`, without decimals where the currency has none."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    whole, part = divmod(minor, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


def _fill_payments(connection: sa.Connection) -> None:
    evidence = _table("evidence", "id", "fact", "detail", "payment")
    taking = (
        sa.select(evidence.c.id, evidence.c.detail)
        .where(evidence.c.fact.in_(TAKING))
        .order_by(evidence.c.id)
        .limit(BATCH)
    )
    fill = (
        sa.update(evidence)
        .where(evidence.c.id == sa.bindparam("wanted"))
        .values(payment=sa.bindparam("taken_from"))
    )
    last = 0
    while rows := connection.execute(taking.where(evidence.c.id > last)).all():
        told = [(row.id, _read(row.detail).get("payment")) for row in rows]
        found = [{"wanted": one, "taken_from": payment} for one, payment in told if payment]
        if found:
            connection.execute(fill, found)
        last = rows[-1].id


def downgrade() -> None:
    """The program before reads payments from evidence's details, where they still stand.

    A wish that it doesn't find it makes again by the same key, which Stripe knows.
    """
    op.drop_column("evidence", "payment")
    op.drop_table("refunds")
