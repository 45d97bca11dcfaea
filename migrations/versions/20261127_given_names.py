"""Gifts are found by their giver's first name alone.

The column is added with an empty default, which rewrites nothing, and filled some thousand
rows at a time; the index comes last, so that it is built once. On PostgreSQL building it
keeps gifts from being written meanwhile, some seconds for each million. Names are folded by the
rules of the day of this migration.

Revision ID: 20261127_given_names
Revises: 20261126_apostrophes
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "20261127_given_names"
down_revision = "20261126_apostrophes"
branch_labels = None
depends_on = None

BATCH = 5_000
INDEX = "ix_gifts_given_name_created_at_id"


def upgrade() -> None:
    by_prefix = sa.String(110).with_variant(sa.String(110, collation="C"), "postgresql")
    op.add_column("gifts", sa.Column("given_name", by_prefix, server_default="", nullable=False))
    _fill(op.get_bind())
    op.create_index(INDEX, "gifts", ["given_name", "created_at", "id"])


def _fill(connection: sa.Connection) -> None:
    gifts = sa.table("gifts", sa.column("id"), sa.column("first_name"), sa.column("given_name"))
    named = sa.select(gifts.c.id, gifts.c.first_name).order_by(gifts.c.id).limit(BATCH)
    fill = (
        sa.update(gifts)
        .where(gifts.c.id == sa.bindparam("wanted"))
        .values(given_name=sa.bindparam("folded"))
    )
    last = 0
    while rows := connection.execute(named.where(gifts.c.id > last)).all():
        folded = [{"wanted": row.id, "folded": _fold(row.first_name)} for row in rows]
        connection.execute(fill, folded)
        last = rows[-1].id


def _fold(name: str) -> str:
    """No accents, lower case, one kind of apostrophe."""
    plain = name.strip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    flat = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in flat if not unicodedata.combining(char)).casefold()


def downgrade() -> None:
    op.drop_index(INDEX, table_name="gifts")
    op.drop_column("gifts", "given_name")
