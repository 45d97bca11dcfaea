"""The schema: every table of the product, and bringing a database up to date, by Alembic.

Whoever needs all tables imports this one module. Alembic is imported where it works: a web process
asks only whether the schema is current, and Alembic would take 7 MiB of it and a quarter of a
second of its start.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from portal import MIGRATIONS, donors, limits, services
from portal.codes import models as codes
from portal.codes import pots, uploads
from portal.database import Database
from portal.gifts import code_sums
from portal.gifts import models as gifts
from portal.jobs import promising as jobs
from portal.jobs import queue
from portal.mail import bounces, imap
from portal.mail import outbox as mail
from portal.payments import models as payments
from portal.payments import transfers
from portal.payments.statements import models as statements
from portal.receipts import actions, claims, declarations, donor_numbers, runs, schedules
from portal.receipts import register as receipts
from portal.regions import branding
from portal.regions import history as catalogue
from portal.regions import queries as regions
from portal.signin import accounts as staff
from portal.signin import donor_accounts, links

if TYPE_CHECKING:
    from alembic.config import Config


# They register their tables as they are imported.
HAVING_TABLES = (
    actions,
    bounces,
    branding,
    catalogue,
    claims,
    code_sums,
    codes,
    declarations,
    donor_accounts,
    donor_numbers,
    donors,
    gifts,
    imap,
    jobs,
    limits,
    links,
    mail,
    payments,
    pots,
    queue,
    receipts,
    regions,
    runs,
    schedules,
    services,
    staff,
    statements,
    transfers,
    uploads,
)


VERSIONS = MIGRATIONS / "versions"
_REVISION = re.compile(r'^(down_)?revision = "([^"]+)"', re.MULTILINE)


def _run(database: Database, command: Callable[..., Any], *given: str) -> None:
    """An Alembic command on the database, through the connection of our own kind."""
    with _alembic(database) as config:
        command(config, *given)


@contextlib.contextmanager
def _alembic(database: Database) -> "Iterator[Config]":
    from alembic.config import Config  # noqa: PLC0415 - as the module says

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(VERSIONS))
    with database.writer.connect() as connection:
        config.attributes["connection"] = connection
        yield config


def upgrade(database: Database, revision: str = "head") -> None:
    """Create or migrate all tables; safe to run again."""
    from alembic import command  # noqa: PLC0415 - as the module says

    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take our tables back to an earlier revision."""
    from alembic import command  # noqa: PLC0415 - as the module says

    _run(database, command.downgrade, revision)


def check(database: Database) -> None:
    """Fail where the models and the migrations differ."""
    from alembic import command  # noqa: PLC0415 - as the module says

    _run(database, command.check)


def is_current(database: Database) -> bool:
    """Whether the database is at the newest migration."""
    with database.reader.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        at = connection.scalars(sa.text("SELECT version_num FROM alembic_version"))
        return set(at) == _heads()


@cache
def _heads() -> set[str]:
    """The revisions that no other one follows; one, unless two branches were never merged."""
    found = [
        (bool(earlier), name)
        for path in VERSIONS.glob("*.py")
        for earlier, name in _REVISION.findall(path.read_text())
    ]
    followed = {name for is_earlier, name in found if is_earlier}
    return {name for is_earlier, name in found if not is_earlier} - followed
