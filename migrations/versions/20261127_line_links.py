"""A bank line's link to the line it may return, and what it corrects, have columns.

Both are added empty, which rewrites nothing, and filled from the notes that held them. On
PostgreSQL the foreign key is checked on the spot, over a column that is empty.

Revision ID: 20261127_line_links
Revises: 20261127_form_keys
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_line_links"
down_revision = "20261127_form_keys"
branch_labels = None
depends_on = None

TABLE = "statement_lines"
RETURNS, CORRECTS = "may return line ", "corrects "
LINES = sa.table(
    TABLE,
    *(sa.column(name) for name in ("id", "amount_minor", "state", "note", "corrects")),
    sa.column("returns_id", sa.BigInteger),
)


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("corrects", sa.String(80), server_default="", nullable=False))
    # In the column's own definition: SQLite adds no constraint to a table that is there.
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE {TABLE} ADD COLUMN returns_id {kind}"
        f" CONSTRAINT fk_{TABLE}_returns_id REFERENCES {TABLE} (id)"
    )
    _link_returns(op.get_bind())
    corrects = sa.func.substr(LINES.c.note, len(CORRECTS) + 1)
    op.execute(
        sa.update(LINES)
        .where(
            LINES.c.note.startswith(CORRECTS),
            LINES.c.state.in_(("open", "matched")),
            LINES.c.amount_minor > 0,
        )
        .values(corrects=corrects)
    )


def _link_returns(connection: sa.Connection) -> None:
    """Only notes of open lines are the program's own; those of ignored ones a clerk wrote."""
    told = connection.execute(
        sa.select(LINES.c.id, LINES.c.note).where(
            LINES.c.note.startswith(RETURNS), LINES.c.state == "open", LINES.c.amount_minor < 0
        )
    )
    numbers = {line_id: note.removeprefix(RETURNS) for line_id, note in told}
    link = (
        sa.update(LINES)
        .where(LINES.c.id == sa.bindparam("wanted"))
        .values(returns_id=sa.bindparam("returned"), note="")
    )
    for line_id, number in numbers.items():
        if number.isdecimal():
            connection.execute(link, {"wanted": line_id, "returned": int(number)})


def downgrade() -> None:
    """Links become notes of open lines again, as the program before reads them."""
    returned = sa.literal(RETURNS) + sa.cast(LINES.c.returns_id, sa.String)
    op.execute(
        sa.update(LINES)
        .where(LINES.c.returns_id.is_not(None), LINES.c.state == "open")
        .values(note=returned)
    )
    op.execute(
        sa.update(LINES)
        .where(LINES.c.corrects != "", LINES.c.state == "open")
        .values(note=sa.literal(CORRECTS) + LINES.c.corrects)
    )
    op.drop_column(TABLE, "returns_id")
    op.drop_column(TABLE, "corrects")
