"""`portal doctor` looks at all that an installation leans on; `portal init` is its first run."""

import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import click
import requests
import sqlalchemy as sa

from portal.clock import SystemClock
from portal.commands.backup import BACKUP
from portal.commands.doctor_outside import (
    Finding,
    Resolver,
    examine_bounces,
    examine_endpoints,
    examine_portal,
    examine_sender,
)
from portal.commands.donors import examine_numbers
from portal.commands.installation import (
    add_staff,
    make_providers,
    make_services,
    prepare,
    prove_outside,
)
from portal.commands.seal_key import ensure_key, examine_seal
from portal.database import Database, DatabaseUnavailable
from portal.gifts.queries import list_regions
from portal.i18n import DEFAULT_LOCALE, language, reviewer
from portal.jobs.promising import DEAD_AFTER, Worker
from portal.jobs.queue import count_failed, find_next_due
from portal.mail.smtp import MailNotSent, try_sender
from portal.payments.models import EventState, StripeEvent
from portal.payments.stripe.gateway import Gateway, StripeBusy, StripeRefused, StripeUnavailable
from portal.proxies import UNKNOWN_PROXY
from portal.regions.queries import (
    Lack,
    list_lacks,
    list_official,
    load_catalogue,
    means_of,
    narrow,
)
from portal.schema import is_current
from portal.services import AuditEntry
from portal.settings import Settings, SettingsError, load_settings
from portal.staff.queries import IS_ADMIN, FirstStep, StepState, add_findings, list_steps

CLOCK_MAY_DIFFER = timedelta(seconds=60)
# One a night, and one may fail.
BACKUP_EVERY = timedelta(days=2)


def ago(at: datetime) -> str:
    """How long ago, in the largest whole unit."""
    passed = SystemClock().now() - at
    for unit, word in (
        (timedelta(days=1), "days"),
        (timedelta(hours=1), "hours"),
        (timedelta(minutes=1), "minutes"),
    ):
        if passed >= 2 * unit:
            return f"{passed // unit} {word}"
    return "a minute"


def examine_staff(database: Database) -> Finding:
    with database.read() as session:
        count = session.scalar(sa.select(sa.func.count()).where(*IS_ADMIN)) or 0
    text = f"{count} can administer" if count else "nobody can: portal user add … --role admin"
    return Finding("staff", count > 0, text)


def examine_clock(database: Database) -> Finding:
    """Against the database's server, and Stripe's newest events: none comes before it happened."""
    with database.read() as session:
        is_elsewhere = session.get_bind().dialect.name == "postgresql"
        there = session.scalar(sa.select(sa.func.clock_timestamp())) if is_elsewhere else None
        newest = session.execute(NEWEST).all()
    early = [created_at - received_at for created_at, received_at in newest]
    off = max([abs(SystemClock().now() - there) if there else timedelta(), *early])
    if off > CLOCK_MAY_DIFFER:
        by = int(off.total_seconds())
        return Finding("clock", False, f"this machine's differs by {by} seconds: let NTP set it")
    return Finding("clock", True, "agrees with all that was heard of others")


NEWEST = (
    sa.select(StripeEvent.created_at, StripeEvent.received_at)
    .order_by(StripeEvent.id.desc())
    .limit(100)
)


def examine_backups(database: Database) -> Finding:
    """When `portal backup` last ended well; a server's own backups are nobody's to see here."""
    newest = sa.select(sa.func.max(AuditEntry.at)).where(
        AuditEntry.subject == "installation", AuditEntry.act == BACKUP
    )
    with database.read() as session:
        at = session.scalar(newest)
    if at is None:
        is_elsewhere = not database.is_sqlite
        more = "; see that the server keeps its own" if is_elsewhere else ": run portal backup"
        return Finding("backups", is_elsewhere, f"none was made by portal backup{more}")
    is_new = SystemClock().now() - at < BACKUP_EVERY
    return Finding("backups", is_new, f"the last was made {ago(at)} ago")


def examine_languages(database: Database) -> Finding:
    """Which of the languages that regions offer no native speaker has read; that is no fault."""
    with database.read() as session:
        regions = load_catalogue(session).regions.values()
    spoken = {language(locale) for region in regions for locale in region.locales}
    unread = sorted(lang for lang in spoken - {DEFAULT_LOCALE} if not reviewer(lang))
    text = f"no native reader has reviewed {', '.join(unread)}" if unread else "all were reviewed"
    return Finding("languages", True, text)


LEAST_FREE_BYTES = 500_000_000
ASK_SECONDS = 5
# Due so long ago: no worker comes to it.
LATE_AFTER = timedelta(minutes=5)
MOST_READ = 2000


def examine(settings: Settings, resolver: str = "") -> list[Finding]:
    """Every finding, the good ones too; a `resolver` is asked in place of the machine's own."""
    database = Database(settings.database_url)
    findings = [_examine_database(database)]
    if findings[-1].is_well:
        findings += [look(database) for look in (_examine_workers, _examine_jobs, _examine_events)]
        for look_in in (_examine_regions, examine_portal):
            findings += look_in(database, settings)
        further = (examine_staff, examine_clock, examine_backups, examine_languages)
        findings += [*(look(database) for look in further), *examine_receipts(database)]
        findings += examine_numbers(database, settings)
    database.close()
    beside = (_examine_disk, _examine_uploads, examine_seal)
    outside = [*ask_outside(settings), *examine_sender(settings, Resolver(resolver))]
    return [*outside, *findings, *(look(settings) for look in beside)]


def ask_outside(settings: Settings) -> list[Finding]:
    """What only others can tell: the address that donors see, Stripe, the mail servers."""
    outside = (_examine_base_address, _examine_stripe, _examine_mail, examine_bounces)
    asked = [look(settings) for look in outside]
    return [*_examine_settings(settings), *asked, *examine_endpoints(settings)]


def _examine_settings(settings: Settings) -> Iterator[Finding]:
    is_secure = settings.is_secure or settings.environment == "demo"
    yield Finding(
        "address",
        is_secure,
        settings.base_url if is_secure else "PORTAL_BASE_URL should begin with https://",
    )
    if settings.has_stripe and not settings.stripe_webhook_secrets:
        yield Finding(
            "webhooks", False, "PORTAL_STRIPE_WEBHOOK_SECRETS is empty: no event can be believed"
        )


def _examine_base_address(settings: Settings) -> Finding:
    """Ask the address that donors see, as they do, and say what answered."""
    asked = f"{settings.base_url}/readyz"
    try:
        answer = requests.get(asked, timeout=ASK_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return Finding("proxy", False, f"{asked} does not answer ({type(error).__name__})")
    if UNKNOWN_PROXY in answer.text[:MOST_READ]:
        return Finding(
            "proxy",
            False,
            f"{asked} answers through a proxy, and PORTAL_TRUSTED_PROXIES is 0: set it to how "
            "many proxies stand in front",
        )
    is_ours = answer.status_code == HTTPStatus.OK and '"migrated"' in answer.text[:MOST_READ]
    what = "as it should" if is_ours else "but not as this portal does"
    return Finding("proxy", is_ours, f"{asked} answers {answer.status_code}, {what}")


def _examine_database(database: Database) -> Finding:
    try:
        current = is_current(database)
    except (sa.exc.SQLAlchemyError, DatabaseUnavailable) as error:
        return Finding("database", False, f"can't be opened ({type(error).__name__})")
    text = database.url.get_backend_name() if current else "not up to date: run portal db upgrade"
    return Finding("database", current, text)


def _examine_workers(database: Database) -> Finding:
    since = SystemClock().now() - DEAD_AFTER
    with database.read() as session:
        count = session.scalar(sa.select(sa.func.count()).where(Worker.seen_at > since)) or 0
        seen_at = session.scalar(sa.select(sa.func.max(Worker.seen_at)))
    if count:
        return Finding("worker", True, f"{count} running")
    last = f", the last was seen {ago(seen_at)} ago" if seen_at else ""
    return Finding("worker", False, f"none runs{last}: start portal worker")


def _examine_jobs(database: Database) -> Finding:
    with database.read() as session:
        failed, due = count_failed(session), find_next_due(session)
    if failed:
        return Finding("jobs", False, f"{failed} gave up: see /staff/events, and try them again")
    late = SystemClock().now() - due if due else timedelta()
    if late > LATE_AFTER:
        return Finding("jobs", False, f"they wait for {late // timedelta(minutes=1)} minutes")
    return Finding("jobs", True, "none gave up, none is late")


def _examine_events(database: Database) -> Finding:
    open_states = (EventState.WAITING, EventState.FAILED)
    with database.read() as session:
        count = (
            session.scalar(sa.select(sa.func.count()).where(StripeEvent.state.in_(open_states)))
            or 0
        )
    text = (
        f"{count} of Stripe's events are not booked: see /staff/events" if count else "all booked"
    )
    return Finding("events", count == 0, text)


LACKS = {
    Lack.OWN_REGION: "the regions are samples; make them yours by portal regions export --own "
    "and portal regions import",
    Lack.PROVIDER: "nobody who takes them is set up; for Stripe, PORTAL_STRIPE_SECRET_KEY is empty",
    Lack.MONTHLY: "who takes them charges nothing every month: offer them once only",
    Lack.RECIPIENT: "no recipient or account is set",
}


def _examine_regions(database: Database, settings: Settings) -> Iterator[Finding]:
    """Whether something can be given, and which modes are not offered, and why."""
    means = means_of(settings, make_providers(settings))
    with database.read() as session:
        catalogue = load_catalogue(session)
        unknown = [slug for slug in list_regions(session) if catalogue.known(slug) is None]
    if unknown:
        yield Finding("regions", False, f"gifts name regions that are gone: {', '.join(unknown)}")
    lacking = list(list_lacks(catalogue, means))
    is_open = bool(narrow(catalogue, means).open)
    text = (
        "giving is set up" if is_open else "nothing can be given: no region has a mode that works"
    )
    yield Finding("regions", is_open, text)
    for lack, why in LACKS.items():
        found = sorted({f"{region}/{mode}" for kind, region, mode in lacking if kind is lack})
        if found:
            yield Finding("modes", False, f"not offered: {', '.join(found)}: {why}")


def examine_receipts(database: Database) -> Iterator[Finding]:
    """What is missing before official receipts go out, and where nobody has confirmed that."""
    with database.read() as session:
        known = list(list_official(load_catalogue(session), SystemClock().now().date()))
    for one in known:
        what = f"{one.region.slug}: {one.scheme.key}"
        if one.is_ready:
            yield Finding("receipts", True, f"{what} is given out")
        elif one.is_confirmed:
            lacking = [name.value for name in one.missing]
            lacking += [] if one.is_reviewed else ["official_reviewer and official_reviewed_on"]
            yield Finding("receipts", False, f"{what} waits for: {', '.join(lacking)}")
        else:
            yield Finding(
                "receipts", True, f"{what} is not given out: the issuer sets official_receipts_from"
            )


def _examine_stripe(settings: Settings) -> Finding:
    if not settings.has_stripe:
        return Finding("stripe", False, "PORTAL_STRIPE_SECRET_KEY is empty: no card can be taken")
    try:
        account = Gateway(settings).check_account()
    except StripeBusy as error:
        return Finding("stripe", False, f"Stripe {error}: run this again then")
    except (StripeUnavailable, StripeRefused) as error:
        return Finding("stripe", False, f"the key did not work ({error})")
    return Finding("stripe", True, f"{account}, {'live' if settings.is_live else 'test'} mode")


def _examine_mail(settings: Settings) -> Finding:
    parts = urlsplit(settings.mail_url)
    if not parts.hostname:
        return Finding("mail", False, "PORTAL_MAIL_URL is empty: no receipt can be sent")
    try:
        try_sender(settings)
    except MailNotSent as error:
        return Finding("mail", False, f"{parts.hostname}: {error}")
    signed_in = f"signed in as {parts.username}, " if parts.username else ""
    return Finding("mail", True, f"{parts.hostname}: {signed_in}takes {settings.mail_from}")


def _examine_disk(settings: Settings) -> Finding:
    path = settings.sqlite_path
    if path is None:
        return Finding("disk", True, "the database is elsewhere")
    free = shutil.disk_usage(path.parent).free
    return Finding(
        "disk", free > LEAST_FREE_BYTES, f"{free // 1_000_000} MB free beside the database"
    )


def _examine_uploads(settings: Settings) -> Finding:
    folder = settings.uploads_path
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding("uploads", True, f"{folder} can be written")
    except OSError as error:
        return Finding("uploads", False, f"{folder} can't be written ({type(error).__name__})")


NEEDED = """Put this into the environment, then run portal init again:

  export PORTAL_SECRET_KEY={key}
  export PORTAL_BASE_URL=https://give.example.org
  export PORTAL_DATABASE_URL=sqlite:////var/lib/portal/portal.db
"""
PAGES = {FirstStep.ISSUER: "/staff/issuers", FirstStep.REGION: "/staff/regions"}


def run_init(email: str, password: str | None) -> bool:
    """Whether every step is done; each is told with its tick."""
    settings = _load()
    prepare(settings)
    with suppress(OSError):
        ensure_key(settings)
    states = find_steps(settings)
    if not _is_done(states, FirstStep.STAFF):
        _add_first(settings, email, password)
        states = find_steps(settings)
    for state in states:
        click.echo(_tell(state, settings))
    seal = examine_seal(settings)
    click.echo(f"{'[x]' if seal.is_well else '[ ]'} Seal: {seal.text}")
    return all(state.is_done for state in states)


def _load() -> Settings:
    """The settings; where they are wrong or missing, what to set."""
    try:
        return load_settings()
    except SettingsError as error:
        click.echo(NEEDED.format(key=secrets.token_urlsafe(48)))
        raise click.ClickException(str(error)) from None


def find_steps(settings: Settings) -> list[StepState]:
    """Every step, with what the doctor finds of the world outside."""
    services = make_services(settings)
    try:
        with services.database.read() as session:
            states = list_steps(session, settings, services.catalogue)
    finally:
        services.close()
    return add_findings(states, prove_outside(settings))


def _is_done(states: list[StepState], step: FirstStep) -> bool:
    return any(state.is_done for state in states if state.step is step)


def _add_first(settings: Settings, email: str, password: str | None) -> None:
    """Add the first administrator; without an address, nobody is."""
    email = email or (click.prompt("Your e-mail address") if sys.stdin.isatty() else "")
    if not email:
        return
    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        add_staff(settings, email=email, name=email, role="admin", password=password)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _tell(state: StepState, settings: Settings) -> str:
    """A line: its tick, what it is, and what to do or what was found."""
    page = f"{settings.base_url}{PAGES[state.step]}: " if state.step in PAGES else ""
    rest = state.found if state.is_done else f"{page}{state.advice} {state.found}".strip()
    return f"{'[x]' if state.is_done else '[ ]'} {state.step.label}{': ' if rest else ''}{rest}"
