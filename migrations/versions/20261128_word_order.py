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
WORD = sa.String(60).with_variant(sa.String(60, collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _replace(
        ("word", "created_at", "gift_id"),
        "SELECT w.word, g.created_at, w.gift_id FROM gift_words w JOIN gifts g ON g.id = w.gift_id"
        " ORDER BY w.word, g.created_at, w.gift_id",
    )


def downgrade() -> None:
    _replace(("word", "gift_id"), "SELECT word, gift_id FROM gift_words ORDER BY word, gift_id")


def _replace(key: tuple[str, ...], rows: str) -> None:
    types = {"word": WORD, "created_at": sa.DateTime(timezone=True), "gift_id": ID}
    op.drop_index(INDEX, TABLE)
    if op.get_bind().dialect.name == "postgresql":
        # Its name is the whole schema's.
        op.drop_constraint("pk_gift_words", TABLE, type_="primary")
    op.create_table(
        NEW,
        *(sa.Column(name, types[name], nullable=False) for name in key),
        sa.PrimaryKeyConstraint(*key, name="pk_gift_words"),
        sa.ForeignKeyConstraint(["gift_id"], ["gifts.id"], name="fk_gift_words_gift_id"),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO {NEW} ({', '.join(key)}) {rows}")
    op.drop_table(TABLE)
    op.rename_table(NEW, TABLE)
    op.create_index(INDEX, TABLE, ["gift_id", "word"])
