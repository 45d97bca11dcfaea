"""Gifts are found by every word of their giver's name and address.

The table is filled some thousand gifts at a time, and its second index built last. The rules are
those of the day of this migration; on PostgreSQL nothing is locked but the new table.

Revision ID: 20261127_words
Revises: 20261127_received_on
"""

import re

import sqlalchemy as sa
from alembic import op
from anyascii import anyascii

revision = "20261127_words"
down_revision = "20261127_received_on"
branch_labels = None
depends_on = None

BATCH = 2_000
TABLE = "gift_words"
INDEX = "ix_gift_words_gift_id_word"
BREAKS = re.compile(r"[\s,;/()\"]+")
INNER = re.compile(r"[-‐‑–'’ʼ‘`´.]+")
SIGNS = re.compile(r"[^a-z0-9]+")
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def upgrade() -> None:
    by_prefix = sa.String(60).with_variant(sa.String(60, collation="C"), "postgresql")
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        TABLE,
        sa.Column("word", by_prefix, primary_key=True),
        sa.Column("gift_id", big_id, sa.ForeignKey("gifts.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind())
    op.create_index(INDEX, TABLE, ["gift_id", "word"])


def _fill(connection: sa.Connection) -> None:
    names = ("id", "first_name", "last_name", "email")
    gifts = sa.table("gifts", *(sa.column(name) for name in names))
    words = sa.table(TABLE, sa.column("word"), sa.column("gift_id"))
    batch = sa.select(*gifts.c).order_by(gifts.c.id).limit(BATCH)
    last = 0
    while rows := connection.execute(batch.where(gifts.c.id > last)).all():
        found = [
            {"word": word, "gift_id": row.id}
            for row in rows
            for word in _list_words(row.first_name, row.last_name, row.email)
        ]
        if found:
            connection.execute(sa.insert(words), found)
        last = rows[-1].id


def _list_words(first: str, last: str, email: str) -> list[str]:
    found = {word for part in _parts(first, last) for word in _fold(part)}
    found |= {re.sub(r"([aou])e", r"\1", word) for word in found}
    local, _, domain = email.lower().rpartition("@")
    if local:
        parts = re.split(r"[.+_-]", f"{local}.{domain}")
        labels = domain.split(".")
        ends = [".".join(labels[at:]) for at in range(max(len(labels) - 1, 1))]
        found |= {part[:60] for part in (local, *ends)} | {one[:60] for one in parts if one[1:]}
    return sorted(found)[:40]


def _parts(first: str, last: str) -> list[str]:
    joined = [
        "".join(BREAKS.split(name)) for name in (first, last, f"{last} {first}", f"{first} {last}")
    ]
    whole = BREAKS.split(f"{first} {last}")
    inner = [part for word in whole for part in INNER.split(word) if len(part) > 1]
    return [*joined, *whole, *inner]


def _fold(text: str) -> set[str]:
    lower = text.casefold()
    folded = {SIGNS.sub("", anyascii(one).casefold()) for one in (lower, lower.translate(UMLAUTS))}
    return {word[:60] for word in folded if word}


def downgrade() -> None:
    op.drop_table(TABLE)
