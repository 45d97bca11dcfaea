"""Databases that are locked, full or slow, by their own means."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from portal.database import Database

PATIENCE = {"sqlite": "PRAGMA busy_timeout = 200", "postgresql": "SET lock_timeout = '200ms'"}
LOCK = {
    "sqlite": ("BEGIN EXCLUSIVE",),
    "postgresql": ("BEGIN", "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"),
}


def set_connections(database: Database, statement: str) -> Callable[[], None]:
    """Run a statement on every new connection of a writer; undone by what it returns."""

    def run(connection: Any, _record: object) -> None:
        connection.cursor().execute(statement)
        if not database.is_sqlite:
            connection.commit()

    def undo() -> None:
        sa.event.remove(database.writer, "connect", run)
        database.writer.dispose()

    sa.event.listen(database.writer, "connect", run)
    database.writer.dispose()
    return undo


@contextmanager
def locked(database: Database, table: str = "stripe_events") -> Iterator[None]:
    """Another connection holds the database, or one table of it, for itself."""
    stranger = sa.create_engine(database.url, isolation_level="AUTOCOMMIT")
    try:
        with stranger.connect() as connection:
            for statement in LOCK["sqlite" if database.is_sqlite else "postgresql"]:
                connection.exec_driver_sql(statement.format(table=table))
            yield
            connection.exec_driver_sql("ROLLBACK")
    finally:
        stranger.dispose()
