"""What the doctor looks at of an installation that has run for a while: clock, backups, people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.audit import AuditEntry
from portal.clock import SystemClock
from portal.commands.backup import BACKUP
from portal.database import Database
from portal.i18n import DEFAULT_LOCALE, language, reviewer
from portal.payments.models import StripeEvent
from portal.regions.queries import load_catalogue
from portal.staff.first_steps import IS_ADMIN

CLOCK_MAY_DIFFER = timedelta(seconds=60)
# One a night, and one may fail.
BACKUP_EVERY = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found."""

    what: str
    is_well: bool
    text: str


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
