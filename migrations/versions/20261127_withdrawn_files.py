"""A bank's file that was read wrongly can be withdrawn, and then imported again.

Only what stands is told once, by partial indexes instead of constraints. On PostgreSQL building
them keeps lines from being written meanwhile, about a second for each million; SQLite can drop
no constraint, so both tables are laid anew there, with their indexes and guards.

Revision ID: 20261127_withdrawn_files
Revises: 20261127_given_names
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "20261127_withdrawn_files"
down_revision = "20261127_given_names"
branch_labels = None
depends_on = None

FILES, LINES = "statement_files", "statement_lines"
# What of each table is told once, and which rows stand.
ONCE = {FILES: ("sha256", "withdrawn_at IS NULL"), LINES: ("key", "state <> 'withdrawn'")}
# The program before knows no withdrawn ones: to it they are ignored lines of an unknown file.
FORGET = {
    FILES: "UPDATE {table} SET sha256 = 'withdrawn-' || id WHERE withdrawn_at IS NOT NULL",
    LINES: "UPDATE {table} SET key = 'withdrawn-' || id, state = 'ignored'"
    " WHERE state = 'withdrawn'",
}


def upgrade() -> None:
    op.add_column(FILES, sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    for name, width in (("withdrawn_by", 80), ("withdrawn_why", 300)):
        op.add_column(FILES, sa.Column(name, sa.String(width), server_default="", nullable=False))
    for table, (column, stands) in ONCE.items():
        if _is_sqlite():
            _lay_anew(table, is_once=False)
        else:
            op.drop_constraint(_constraint(table), table)
        op.create_index(
            f"uq_{table}_standing",
            table,
            [column],
            unique=True,
            sqlite_where=sa.text(stands),
            postgresql_where=sa.text(stands),
        )


def downgrade() -> None:
    """Withdrawn files become unknown ones with ignored lines; nothing of them goes."""
    for table, (column, _stands) in ONCE.items():
        op.drop_index(f"uq_{table}_standing", table)
        if _is_sqlite():
            _lay_anew(table, is_once=True)
            continue
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER guard_{table}_update")
        op.execute(FORGET[table].format(table=table))
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER guard_{table}_update")
        op.create_unique_constraint(_constraint(table), table, [column])
    for name in ("withdrawn_at", "withdrawn_by", "withdrawn_why"):
        op.drop_column(FILES, name)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _constraint(table: str) -> str:
    return f"uq_{table}_{ONCE[table][0]}"


def _lay_anew(table: str, *, is_once: bool) -> None:
    """The table once more with or without its constraint, on SQLite.

    Rows that point at it are missing theirs meanwhile, which SQLite lets be until the commit.
    """
    schema = "SELECT sql FROM sqlite_master WHERE tbl_name = '{}' AND type IN ({}) AND sql <> ''"
    connection = op.get_bind()
    made = connection.scalar(sa.text(schema.format(table, "'table'")))
    beside = connection.scalars(sa.text(schema.format(table, "'index', 'trigger'"))).all()
    told_once = f', CONSTRAINT {_constraint(table)} UNIQUE ("{ONCE[table][0]}")'
    loose = re.sub(rf",\s*CONSTRAINT {_constraint(table)} UNIQUE \(\W?\w+\W?\)", "", made)
    again = loose.rstrip().removesuffix(")") + told_once + ")" if is_once else loose
    for statement in (
        "PRAGMA defer_foreign_keys = ON",
        f"CREATE TABLE kept AS SELECT * FROM {table}",  # noqa: S608 - one of two names
        *([FORGET[table].format(table="kept")] if is_once else []),
        f"DROP TABLE {table}",
        again,
        f"INSERT INTO {table} SELECT * FROM kept",  # noqa: S608 - one of two names
        "DROP TABLE kept",
        *beside,
    ):
        connection.exec_driver_sql(statement)
