"""What nobody reads of where a gift stands is kept no more.

Months were summed along an index of the day of receiving; the sums of days took its place. Each
booking wrote it all the same, on PostgreSQL with every index of the narrow table, since a change
that is in one index is written to all.

On PostgreSQL gifts can't be written while this runs, which is a moment: a column that goes leaves
its bytes behind. On SQLite, as always, nothing can.

Revision ID: 20261127_narrow_standing
Revises: 20261127_day_sums
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_narrow_standing"
down_revision = "20261127_day_sums"
branch_labels = None
depends_on = None

TABLE, INDEX = "gift_standing", "ix_gift_standing_received"
BEFORE = (("status", "received_on", "paid_minor"), ("created_at", "currency"))
AFTER = (("status",), ("created_at",))
# With what stands in them until they are filled.
GONE: tuple[tuple[str, sa.types.TypeEngine[object], str | None], ...] = (
    ("currency", sa.String(3), ""),
    ("received_on", sa.Date(), None),
    ("paid_minor", sa.BigInteger(), "0"),
)
FILL = f"""
UPDATE {TABLE} SET
  currency = (SELECT currency FROM gifts WHERE gifts.id = gift_id),
  received_on = (SELECT received_on FROM gifts WHERE gifts.id = gift_id),
  paid_minor = (SELECT paid_minor FROM gifts WHERE gifts.id = gift_id)
"""  # noqa: S608 - constants of this file


def upgrade() -> None:
    op.unmirror_rows("gifts", TABLE, BEFORE)
    op.drop_index(INDEX, table_name=TABLE)
    for name, _, _ in GONE:
        op.drop_column(TABLE, name)
    op.mirror_rows("gifts", TABLE, "gift_id", AFTER)


def downgrade() -> None:
    op.unmirror_rows("gifts", TABLE, AFTER)
    for name, kind, usual in GONE:
        is_needed = usual is not None
        op.add_column(TABLE, sa.Column(name, kind, nullable=not is_needed, server_default=usual))
    op.execute(FILL)
    if op.get_bind().dialect.name != "sqlite":
        for name, _, usual in GONE:
            if usual is not None:
                op.alter_column(TABLE, name, server_default=None)
    received = sa.text("received_on IS NOT NULL")
    op.create_index(
        INDEX,
        TABLE,
        ["currency", "received_on", "paid_minor"],
        sqlite_where=received,
        postgresql_where=received,
    )
    op.mirror_rows("gifts", TABLE, "gift_id", BEFORE)
