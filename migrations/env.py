"""Alembic's entry: our tables only, on the connection the caller gives."""

from alembic import context

import portal.tables  # noqa: F401 - the tables register themselves
from portal.database import Base


def is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """DBOS keeps its tables in the same database; Alembic leaves them alone."""
    return kind != "table" or name in Base.metadata.tables


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=is_ours,
    compare_type=True,
    render_as_batch=False,
)
with context.begin_transaction():
    context.run_migrations()
