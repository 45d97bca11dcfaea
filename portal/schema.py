"""Bringing a database up to date: our tables by Alembic, the job tables by DBOS."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from portal.database import Database
from portal.paths import MIGRATIONS


@contextlib.contextmanager
def _alembic(database: Database) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(MIGRATIONS / "versions"))
    with database.writer.connect() as connection:
        config.attributes["connection"] = connection
        yield config


def upgrade(database: Database, revision: str = "head") -> None:
    """Create or migrate all tables; safe to run again."""
    from dbos import DBOS  # noqa: PLC0415 - a third of a second that only this command needs

    with _alembic(database) as config:
        command.upgrade(config, revision)
    DBOS.migrate(dbos_url(database))


def downgrade(database: Database, revision: str) -> None:
    """Take our tables back to an earlier revision."""
    with _alembic(database) as config:
        command.downgrade(config, revision)


def check(database: Database) -> None:
    """Fail where the models and the migrations differ."""
    with _alembic(database) as config:
        command.check(config)


def is_current(database: Database) -> bool:
    """Whether the database is at the newest migration."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    with database.reader.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == (
            scripts.get_current_head()
        )


def dbos_url(database: Database) -> str:
    """The same database, as DBOS wants to be told."""
    url: sa.URL = database.url
    if not database.is_sqlite:
        url = url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
