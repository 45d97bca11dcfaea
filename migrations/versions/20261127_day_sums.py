"""What came and went is summed by day, region and currency.

Two new tables, the first filled from the ledger: its movements are added up by quarters of an
hour in the database, and those by the calendar of the region's issuer as it is now. On
PostgreSQL nothing is locked but the new tables; the ledger is read through, some seconds for
each million.

Revision ID: 20261127_day_sums
Revises: 20261127_gift_standing
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "20261127_day_sums"
down_revision = "20261127_gift_standing"
branch_labels = None
depends_on = None

SUMS, CHANGES = "day_sums", "day_changes"
QUARTER = 900
# What moves money of each kind, what takes it back, and how the ledger's keys begin for both.
KINDS = {
    "received": ("gift", "gift-withdrawn"),
    "refunded": ("refund", "refund-returned"),
    "fee": ("fee", None),
    "lost": ("dispute-lost", None),
}
EPOCH = {
    "sqlite": f"CAST(strftime('%s', e.occurred_at) AS INTEGER) / {QUARTER}",
    "postgresql": f"CAST(floor(extract(epoch FROM e.occurred_at) / {QUARTER}) AS BIGINT)",
}
MOVED = """
SELECT g.region, m.currency, {quarter}, sum(m.amount_minor)
FROM ledger_entries m JOIN evidence e ON e.id = m.evidence_id JOIN gifts g ON g.id = m.gift_id
WHERE m.key LIKE '{name}:%' GROUP BY 1, 2, 3
"""
TAKEN_BACK = """
SELECT g.region, t.currency, {quarter}, -sum(t.amount_minor)
FROM ledger_entries t JOIN ledger_entries m ON m.key = '{name}:' || substr(t.key, {after})
JOIN evidence e ON e.id = m.evidence_id JOIN gifts g ON g.id = t.gift_id
WHERE t.key LIKE '{back}:%' GROUP BY 1, 2, 3
"""


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        SUMS,
        *_key(is_primary=True),
        sa.Column("minor", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        CHANGES,
        sa.Column("id", big_id, primary_key=True),
        *_key(is_primary=False),
        sa.Column("minor", sa.BigInteger, nullable=False),
    )
    _fill(op.get_bind())


def _key(*, is_primary: bool) -> list[sa.Column]:
    types = {
        "kind": sa.String(12),
        "day": sa.Date(),
        "currency": sa.String(3),
        "region": sa.String(20),
    }
    return [
        sa.Column(name, kind, primary_key=is_primary, nullable=False)
        for name, kind in types.items()
    ]


def _fill(connection: sa.Connection) -> None:
    zones, elsewhere = _read_zones(connection)
    days: Counter[tuple[object, ...]] = Counter()
    for kind, region, currency, quarter, minor in _read_ledger(connection):
        at = datetime.fromtimestamp(quarter * QUARTER, UTC)
        day = at.astimezone(zones.get(region, elsewhere)).date()
        days[kind, day, currency, region] += int(minor)
    names = ("kind", "day", "currency", "region")
    rows = [dict(zip(names, key, strict=True)) | {"minor": days[key]} for key in days if days[key]]
    if rows:
        columns = (sa.column(name) for name in (*names, "minor"))
        connection.execute(sa.insert(sa.table(SUMS, *columns)), rows)


def _read_ledger(connection: sa.Connection) -> Iterator[tuple]:
    quarter = EPOCH[connection.dialect.name]
    for kind, (name, back) in KINDS.items():
        statements = [MOVED.format(quarter=quarter, name=name)]
        if back:
            after = len(back) + 2
            statements.append(TAKEN_BACK.format(quarter=quarter, name=name, back=back, after=after))
        for statement in statements:
            for row in connection.execute(sa.text(statement)):
                yield kind, *row


def _read_zones(connection: sa.Connection) -> tuple[dict[str, ZoneInfo], ZoneInfo]:
    """The zone of each region's issuer, and that of the region for the rest of the world."""
    zones, elsewhere = {}, ZoneInfo("UTC")
    for slug, kept in connection.execute(sa.text("SELECT slug, document FROM regions")):
        document = json.loads(kept) if isinstance(kept, str) else kept
        zones[slug] = ZoneInfo(document["issuer"]["timezone"])
        if not document.get("countries"):
            elsewhere = zones[slug]
    return zones, elsewhere


def downgrade() -> None:
    op.drop_table(CHANGES)
    op.drop_table(SUMS)
