"""Alembic's entry: our tables only, on the connection the caller gives."""

from pathlib import Path

import sqlalchemy as sa
from alembic import context
from alembic.util import load_python_file

import portal.schema  # noqa: F401 - the tables register themselves
from portal.database import Base

# Revisions that got another name before the first release, and the name they have now.
RENAMED = {
    "20261128_withdrawn_files": "20261127_withdrawn_files",
    "20261129_lines_by_amount": "20261127_lines_by_amount",
}
MARK = sa.table("alembic_version", sa.column("version_num"))


def is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Others may keep tables in the same database, as the former job library did; leave them."""
    return kind != "table" or name in Base.metadata.tables


def follow_renames(connection: sa.Connection) -> None:
    """A database that stands at a revision's former name stands at the same revision."""
    if sa.inspect(connection).has_table(MARK.name):
        for former, name in RENAMED.items():
            stands = MARK.c.version_num == former
            connection.execute(sa.update(MARK).where(stands).values(version_num=name))


# Gives `op` the guards; loaded by its place, since no folder of ours is on Python's path.
load_python_file(str(Path(__file__).parent), "guards.py")

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=is_ours,
    compare_type=True,
    render_as_batch=False,
)
with context.begin_transaction():
    follow_renames(connection)
    context.run_migrations()
