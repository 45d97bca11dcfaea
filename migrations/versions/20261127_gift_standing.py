"""Where a gift stands is indexed in a narrow table of its own, which triggers keep.

A booking changes the status and the day of receiving. While indexes of the wide table held them,
PostgreSQL wrote all its eighteen anew for each; now it writes the row alone, beside itself on
its page, for which new pages keep a fifth free.

The new table is filled some thousand gifts at a time, with nothing locked. Only then gifts can't
be written, while what changed meanwhile is caught up: some seconds for each million. There is no
foreign key, which would lock them from the first; gifts are never deleted but by hand, and the
triggers see that, too. A migration that lays `gifts` anew on SQLite must lay the triggers again.

Revision ID: 20261127_gift_standing
Revises: 20261127_needed_regions
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_gift_standing"
down_revision = "20261127_needed_regions"
branch_labels = None
depends_on = None

TABLE = "gift_standing"
BATCH = 10_000
# What a booking changes, and what it leaves.
GROUPS = (("status", "received_on", "paid_minor"), ("created_at", "currency"))
KEPT = [name for group in GROUPS for name in group]
NAMES = ", ".join(KEPT)
FORMER = {
    "ix_gifts_status_created_at_id": ("status", "created_at", "id"),
    "ix_gifts_currency_received_on": ("currency", "received_on", "paid_minor"),
}
FILL = f"""
INSERT INTO {TABLE} (gift_id, {NAMES})
SELECT id, {NAMES} FROM gifts WHERE id > :after AND id <= :until
"""  # noqa: S608 - constants of this file
CATCH_UP = f"""
INSERT INTO {TABLE} (gift_id, {NAMES})
SELECT gifts.id, {", ".join(f"gifts.{name}" for name in KEPT)}
FROM gifts LEFT JOIN {TABLE} AS kept ON kept.gift_id = gifts.id
WHERE kept.gift_id IS NULL
   OR kept.status <> gifts.status OR kept.paid_minor <> gifts.paid_minor
   OR kept.created_at <> gifts.created_at OR kept.currency <> gifts.currency
   OR COALESCE(kept.received_on, DATE '1000-01-01')
      <> COALESCE(gifts.received_on, DATE '1000-01-01')
ON CONFLICT (gift_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in KEPT)}
"""  # noqa: S608 - constants of this file


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        TABLE,
        sa.Column(
            "gift_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("received_on", sa.Date),
        sa.Column("paid_minor", sa.BigInteger, nullable=False),
        postgresql_with={"fillfactor": 80},
    )
    _fill(op.get_bind())
    op.create_index(
        "ix_gift_standing_status_created_at_gift_id", TABLE, ["status", "created_at", "gift_id"]
    )
    received = sa.text("received_on IS NOT NULL")
    op.create_index(
        "ix_gift_standing_received",
        TABLE,
        ["currency", "received_on", "paid_minor"],
        sqlite_where=received,
        postgresql_where=received,
    )
    if not is_sqlite:
        op.execute("LOCK TABLE gifts IN SHARE ROW EXCLUSIVE MODE")
        op.execute(CATCH_UP)
    op.mirror_rows("gifts", TABLE, "gift_id", GROUPS)
    for name in FORMER:
        op.drop_index(name, table_name="gifts")
    if not is_sqlite:
        op.execute("ALTER TABLE gifts SET (fillfactor = 80)")


def _fill(connection: sa.Connection) -> None:
    last = connection.scalar(sa.text("SELECT max(id) FROM gifts")) or 0
    for after in range(0, last, BATCH):
        connection.execute(sa.text(FILL), {"after": after, "until": after + BATCH})


def downgrade() -> None:
    for name, columns in FORMER.items():
        op.create_index(name, "gifts", list(columns))
    op.unmirror_rows("gifts", TABLE, GROUPS)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE gifts RESET (fillfactor)")
    op.drop_table(TABLE)
