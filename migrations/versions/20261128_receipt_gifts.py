"""A receipt may cover many gifts, and a gift is never on two that stand; series have names.

A new table says which gifts a receipt covers; triggers write it for receipts of one gift, and let
its rows stand no longer when their receipt is voided. It is filled from all receipts, which takes
some seconds for each million and keeps receipts from being written on PostgreSQL. SQLite changes
no constraint, so receipts and their series are laid anew there, without their documents.

Revision ID: 20261128_receipt_gifts
Revises: 20261128_partner_letters
"""

import sqlalchemy as sa
from alembic import op

revision = "20261128_receipt_gifts"
down_revision = "20261128_partner_letters"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SAYS = "is booked and stays as it is"
GIFTS = "receipt_gifts"
FROZEN = ("issuer", "year", "number", "gift_id", "snapshot", "locale", "reserved_at")
AMOUNTS = {
    "sqlite": "coalesce(json_extract({}.snapshot, '$.amount_minor'), 0)",
    "postgresql": "coalesce(CAST({}.snapshot ->> 'amount_minor' AS BIGINT), 0)",
}
STAND_NO_LONGER = (
    "UPDATE receipt_gifts SET stands = (NEW.voided_at IS NULL) WHERE receipt_id = NEW.id"
)
# How SQLite knows the tables, before and from now on.
BEFORE = {
    "gift": "gift_id BIGINT NOT NULL",
    "receipts": "CONSTRAINT uq_receipts_issuer_year_number UNIQUE (issuer, year, number)",
    "receipt_series": "CONSTRAINT pk_receipt_series PRIMARY KEY (issuer, year)",
}
AFTER = {
    "gift": "gift_id BIGINT",
    "receipts": (
        "CONSTRAINT uq_receipts_issuer_year_number_series UNIQUE (issuer, year, number, series)"
    ),
    "receipt_series": "CONSTRAINT pk_receipt_series PRIMARY KEY (issuer, year, series)",
}


def upgrade() -> None:
    op.unguard_rows("receipts")
    for table in ("receipts", "receipt_series"):
        name = sa.Column("series", sa.String(12), server_default="", nullable=False)
        op.add_column(table, name)
    if op.get_bind().dialect.name == "sqlite":
        _lay_all_anew(BEFORE, AFTER)
    else:
        op.alter_column("receipts", "gift_id", nullable=True)
        _constrain("uq_receipts_issuer_year_number", ("issuer", "year", "number"), named=True)
    op.guard_rows("receipts", SAYS, columns=(*FROZEN, "series"))
    _make_table()


def _make_table() -> None:
    op.create_table(
        GIFTS,
        sa.Column("receipt_id", ID, autoincrement=False, nullable=False),
        sa.Column("gift_id", ID, autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("stands", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["receipts.id"], name="fk_receipt_gifts_receipt_id"
        ),
        sa.PrimaryKeyConstraint("receipt_id", "gift_id", name="pk_receipt_gifts"),
    )
    amount = AMOUNTS[op.get_bind().dialect.name]
    op.execute(
        sa.text(
            f"INSERT INTO {GIFTS} (receipt_id, gift_id, amount_minor, stands)"  # noqa: S608
            f" SELECT r.id, r.gift_id, {amount.format('r')}, r.voided_at IS NULL FROM receipts r"
        )
    )
    op.create_index("ix_receipt_gifts_gift_id", GIFTS, ["gift_id"])
    op.create_index(
        "uq_receipt_gifts_standing",
        GIFTS,
        ["gift_id"],
        unique=True,
        sqlite_where=sa.text("stands"),
        postgresql_where=sa.text("stands"),
    )
    op.guard_rows(GIFTS, SAYS, columns=("receipt_id", "gift_id", "amount_minor"))
    values = {
        "receipt_id": "NEW.id",
        "gift_id": "NEW.gift_id",
        "amount_minor": amount.format("NEW"),
        "stands": "NEW.voided_at IS NULL",
    }
    op.note_changes("receipt_gifts_add", "receipts", GIFTS, values, where="NEW.gift_id IS NOT NULL")
    op.run_after("receipt_gifts_void", "receipts", ("voided_at",), STAND_NO_LONGER)


def downgrade() -> None:
    """A receipt of many gifts is called its first one's; a series' name joins its issuer's."""
    op.unnote_changes("receipt_gifts_void", "receipts")
    op.unnote_changes("receipt_gifts_add", "receipts")
    op.unguard_rows(GIFTS)
    op.unguard_rows("receipts")
    op.execute(
        "UPDATE receipts SET gift_id = (SELECT min(gift_id) FROM receipt_gifts WHERE"
        " receipt_id = receipts.id) WHERE gift_id IS NULL"
    )
    op.drop_table(GIFTS)
    for table in ("receipts", "receipt_series"):
        op.execute(
            f"UPDATE {table} SET issuer = issuer || '/' || series WHERE series <> ''"  # noqa: S608
        )
    if op.get_bind().dialect.name == "sqlite":
        _lay_all_anew(AFTER, BEFORE)
    else:
        op.alter_column("receipts", "gift_id", nullable=False)
        _constrain("uq_receipts_issuer_year_number", ("issuer", "year", "number"), named=False)
    for table in ("receipts", "receipt_series"):
        op.drop_column(table, "series")
    op.guard_rows("receipts", SAYS, columns=FROZEN)


def _constrain(name: str, columns: tuple[str, ...], *, named: bool) -> None:
    """Let numbers be told apart by their series' names too, or no longer, on PostgreSQL."""
    own = f"{name}_series"
    old, new, more = (name, own, ("series",)) if named else (own, name, ())
    op.drop_constraint(old, "receipts")
    op.create_unique_constraint(new, "receipts", [*columns, *more])
    op.drop_constraint("pk_receipt_series", "receipt_series")
    op.create_primary_key("pk_receipt_series", "receipt_series", ["issuer", "year", *more])


def _lay_all_anew(was: dict[str, str], becomes: dict[str, str]) -> None:
    for table in ("receipts", "receipt_series"):
        changes = [(was[table], becomes[table])]
        if table == "receipts":
            changes.append((was["gift"], becomes["gift"]))
        _lay_anew(table, changes)


def _lay_anew(table: str, changes: list[tuple[str, str]]) -> None:
    """The table with other constraints, on SQLite.

    Documents point at receipts: until those are back, that is a fault which waits for the end of
    the transaction (https://www.sqlite.org/foreignkeys.html#fk_deferred).
    """
    connection = op.get_bind()
    schema = "SELECT sql FROM sqlite_master WHERE tbl_name = '{}' AND type {} AND sql <> ''"
    made = connection.scalar(sa.text(schema.format(table, "= 'table'")))
    indexes = connection.scalars(sa.text(schema.format(table, "= 'index'"))).all()
    for was, becomes in changes:
        if was not in made:
            raise LookupError(was)
        made = made.replace(was, becomes)
    for statement in (
        "PRAGMA defer_foreign_keys = ON",
        f"CREATE TABLE laid_aside AS SELECT * FROM {table}",  # noqa: S608 - one of two names
        f"DROP TABLE {table}",
        made,
        f"INSERT INTO {table} SELECT * FROM laid_aside",  # noqa: S608 - as above
        "DROP TABLE laid_aside",
        *indexes,
    ):
        connection.exec_driver_sql(statement)
