"""Putting an installation together, for web requests and commands alike."""

from pathlib import Path

from portal.clock import Clock, SystemClock
from portal.codes.operations import load_sample_codes
from portal.database import POOL_SIZE, Database
from portal.jobs.promising import Jobs
from portal.payments.providers import Providers
from portal.payments.stripe.gateway import Gateway
from portal.payments.stripe.provider import Stripe
from portal.regions.operations import load_region_files
from portal.regions.queries import CatalogueCache, means_of
from portal.schema import upgrade
from portal.services import Services
from portal.settings import Settings
from portal.signin.accounts import Role, add_user


def prepare(settings: Settings) -> None:
    """Tables, and regions of one's own; in a demo the samples, too. Safe to run again."""
    database = Database(settings.database_url)
    upgrade(database)
    now = SystemClock().now()
    with database.write() as session:
        if settings.environment == "demo":
            load_region_files(session, now)
        if settings.regions:
            load_region_files(session, now, Path(settings.regions))
        if settings.environment == "demo":
            load_sample_codes(session, now)
    database.close()


def make_providers(settings: Settings, *, is_background: bool = False) -> Providers:
    """Everybody who can take payments for us, set up or not.

    In the background their requests wait for donors'.
    """
    return Providers(Stripe(Gateway(settings, is_background=is_background)))


def prove_outside(settings: Settings) -> list[tuple[str, bool, str]]:
    """What the doctor finds of address, Stripe and mail: what it calls each, is it well, a text."""
    from portal.commands.doctor import ask_outside

    return [(one.what, one.is_well, one.text) for one in ask_outside(settings)]


def make_services(
    settings: Settings,
    clock: Clock | None = None,
    *,
    pool_size: int = POOL_SIZE,
    is_background: bool = False,
) -> Services:
    """What the web, the worker and the commands work with."""
    database = Database(settings.database_url, pool_size=pool_size)
    providers = make_providers(settings, is_background=is_background)
    return Services(
        settings=settings,
        database=database,
        clock=clock or SystemClock(),
        jobs=Jobs(database),
        providers=providers,
        regions=CatalogueCache(database, means_of(settings, providers)),
    )


def add_staff(settings: Settings, *, email: str, name: str, role: str, password: str) -> None:
    """A staff member who can sign in; ValueError says what is wrong."""
    services = make_services(settings)
    with services.write() as act:
        add_user(act, email, name, Role(role), password)
    services.close()
