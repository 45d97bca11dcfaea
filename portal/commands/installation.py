"""Putting an installation together for commands that are not web requests."""

from pathlib import Path

from portal.clock import SystemClock
from portal.codes.operations import load_sample_codes
from portal.database import Database
from portal.jobs import Jobs
from portal.payments.stripe.comparison import Bench
from portal.payments.stripe.gateway import Gateway
from portal.regions.operations import load_region_files
from portal.regions.queries import CatalogueCache
from portal.regions.workable import means_of
from portal.schema import upgrade
from portal.settings import Settings
from portal.signin.accounts import add_user
from portal.signin.models import Role
from portal.worker import Work


def prepare(settings: Settings) -> None:
    """Tables and regions; in a demo the sample codes too. Safe to run again."""
    database = Database(settings.database_url)
    upgrade(database)
    now = SystemClock().now()
    with database.write() as session:
        if settings.environment == "demo" or not settings.regions:
            load_region_files(session, now)
        if settings.regions:
            load_region_files(session, now, Path(settings.regions))
        if settings.environment == "demo":
            load_sample_codes(session, now)
    database.close()


def make_work(settings: Settings) -> Work:
    """What the worker and the commands work with."""
    database = Database(settings.database_url)
    bench = Bench(
        database=database,
        jobs=Jobs(database),
        clock=SystemClock(),
        gateway=Gateway(settings),
        catalogue=CatalogueCache(database, means_of(settings)),
    )
    return Work(settings=settings, bench=bench)


def add_staff(settings: Settings, *, email: str, name: str, role: str, password: str) -> None:
    """A staff member who can sign in; ValueError says what is wrong."""
    database = Database(settings.database_url)
    with database.write() as session:
        add_user(session, email, name, Role(role), password, now=SystemClock().now())
    database.close()
