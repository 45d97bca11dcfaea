"""The words of gifts stand in the order of the list, so that a page of them is read as it is.

On both engines they go into a table of their own, which takes the place of the former one.

Revision ID: 20261128_word_order
Revises: 20261128_bounces
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_word_order"
down_revision = "20261128_bounces"
branch_labels = None
depends_on = None

TABLE, NEW = "gift_words", "gift_words_in_order"
INDEX = "ix_gift_words_gift_id_word"
TYPES = {
    "word": sa.String(60).with_variant(sa.String(60, collation="C"), "postgresql"),
    "created_at": sa.DateTime(timezone=True),
    "gift_id": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
}


def upgrade() -> None:
    _replace(
        ("word", "created_at", "gift_id"),
        "SELECT w.word, g.created_at, w.gift_id FROM gift_words w JOIN gifts g ON g.id = w.gift_id"
        " ORDER BY w.word, g.created_at, w.gift_id",
    )


def downgrade() -> None:
    _replace(("word", "gift_id"), "SELECT word, gift_id FROM gift_words ORDER BY word, gift_id")


def _replace(key: tuple[str, ...], rows: str) -> None:
    """Another table in the place of this one; PostgreSQL lays its keys once it is filled."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    own = sa.PrimaryKeyConstraint(*key, name="pk_gift_words")
    gifts = sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_gift_words_gift_id")
    op.create_table(
        NEW,
        *(sa.Column(name, TYPES[name], nullable=False) for name in key),
        *((own, gifts) if is_sqlite else ()),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO {NEW} ({', '.join(key)}) {rows}")
    op.drop_table(TABLE)
    op.rename_table(NEW, TABLE)
    if not is_sqlite:
        op.create_primary_key("pk_gift_words", TABLE, list(key))
        op.create_foreign_key("fk_gift_words_gift_id", TABLE, "gifts", ["gift_id"], ["id"])
    op.create_index(INDEX, TABLE, ["gift_id", "word"])
