"""Gifts have the day on which they were received, by their issuer's calendar.

The column is added empty, which rewrites nothing, and filled some thousand rows at a time from
the moment of receiving and the zone of the region's issuer, as receipts do it. The index of
totals goes by that day instead of the moment. On PostgreSQL building it keeps gifts from being
written meanwhile, some seconds for each million.

Revision ID: 20261127_received_on
Revises: 20261127_failing_mail
"""

import json
from datetime import UTC
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "20261127_received_on"
down_revision = "20261127_failing_mail"
branch_labels = None
depends_on = None

BATCH = 5_000
BY_DAY = "ix_gifts_currency_received_on"
BY_MOMENT = "ix_gifts_currency_received_at"


def upgrade() -> None:
    op.add_column("gifts", sa.Column("received_on", sa.Date))
    _fill(op.get_bind())
    op.create_index(BY_DAY, "gifts", ["currency", "received_on", "paid_minor"])
    op.drop_index(BY_MOMENT, table_name="gifts")


def _read_zones(connection: sa.Connection) -> tuple[dict[str, ZoneInfo], ZoneInfo]:
    """The zone of each region's issuer, and that of the region for the rest of the world."""
    zones, elsewhere = {}, ZoneInfo("UTC")
    for slug, kept in connection.execute(sa.text("SELECT slug, document FROM regions")):
        document = json.loads(kept) if isinstance(kept, str) else kept
        zones[slug] = ZoneInfo(document["issuer"]["timezone"])
        if not document.get("countries"):
            elsewhere = zones[slug]
    return zones, elsewhere


def _fill(connection: sa.Connection) -> None:
    zones, elsewhere = _read_zones(connection)
    gifts = sa.table(
        "gifts",
        sa.column("id"),
        sa.column("region"),
        sa.column("received_at", sa.DateTime(timezone=True)),
        sa.column("received_on", sa.Date),
    )
    received = (
        sa.select(gifts.c.id, gifts.c.region, gifts.c.received_at)
        .where(gifts.c.received_at.is_not(None))
        .order_by(gifts.c.id)
        .limit(BATCH)
    )
    fill = (
        sa.update(gifts)
        .where(gifts.c.id == sa.bindparam("wanted"))
        .values(received_on=sa.bindparam("day"))
    )
    last = 0
    while rows := connection.execute(received.where(gifts.c.id > last)).all():
        days = []
        for row in rows:
            at = row.received_at
            moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at
            day = moment.astimezone(zones.get(row.region, elsewhere)).date()
            days.append({"wanted": row.id, "day": day})
        connection.execute(fill, days)
        last = rows[-1].id


def downgrade() -> None:
    op.create_index(BY_MOMENT, "gifts", ["currency", "received_at", "paid_minor"])
    op.drop_index(BY_DAY, table_name="gifts")
    op.drop_column("gifts", "received_on")
