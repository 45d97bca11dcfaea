"""The monthly letter to a partner's people: last month's figures, as their page has them.

It is promised once the month is over wherever the scope's codes hold, and up to the tenth, so that
a worker that was away on the first makes up for it. What a page would withhold is withheld here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from babel.dates import format_skeleton
from babel.numbers import format_decimal
from sqlalchemy.orm import Session

from portal.clock import day_in
from portal.codes.models import Scope, read_lineage
from portal.codes.terms import Kind, make_code
from portal.gifts.code_sums import catch_up
from portal.i18n import gettext, use_locale
from portal.jobs.promising import SendPartnerMonth
from portal.logs import get_logger
from portal.mail.outbox import LetterKind, Outgoing, deliver, mark_sent, render_letter
from portal.mail.smtp import Letter
from portal.money import Money, format_money
from portal.records.partner_sums import read_account, sum_currencies
from portal.records.partners import FEWEST_DONORS, Account, Dimension, Figures
from portal.regions.catalogue import Catalogue
from portal.services import Act, Services
from portal.signin.accounts import PartnerUser

log = get_logger()

# The last day of a month on which the letter about the one before is promised.
LAST_DAY = 10


class SumsBehind(Exception):
    """So much waits to be added up that figures would be wrong: the job is tried again later."""


def switch_letter(act: Act, user: PartnerUser, *, is_on: bool) -> None:
    """Let someone have the letter from now on, or no more."""
    if bool(user.monthly_letter) is not is_on:
        user.monthly_letter = is_on
        word = "partner_letter_on" if is_on else "partner_letter_off"
        act.note(word, f"scope:{user.scope_id}", {"account": user.id})


_WAITING = (
    sa.select(PartnerUser, Scope)
    .join(Scope, Scope.id == PartnerUser.scope_id)
    .where(PartnerUser.monthly_letter, PartnerUser.removed_at.is_(None))
    .order_by(PartnerUser.id)
)


def promise_letters(services: Services) -> int:
    """Promise the letters about the month that is over, each once; how many."""
    with services.write() as act:
        due = [
            (user, month)
            for user, scope in act.session.execute(_WAITING)
            if (month := find_month(scope, act.catalogue, act.now)) > user.mailed_month
        ]
        for user, month in due:
            user.mailed_month = month
            act.promise(SendPartnerMonth(user.id, month))
    return len(due)


def find_month(scope: Scope, catalogue: Catalogue, now: datetime) -> str:
    """The month (`2026-10`) to write about now; empty after the first days of the next one."""
    today = min(day_in(zone, now) for zone in list_zones(scope, catalogue))
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}" if today.day <= LAST_DAY else ""


def list_zones(scope: Scope, catalogue: Catalogue) -> set[str]:
    """Those by which gifts of a scope have their day: its issuers', by its terms; else UTC."""
    terms = make_code(
        read_lineage(scope.lineage), code="X", display="X", kind=Kind.PARTNER, is_secret=True
    )
    slugs = {region.slug for region in catalogue.open} - terms.not_regions
    held = slugs if terms.regions is None else slugs & terms.regions
    return {catalogue.timezone_of(slug) for slug in held} or {"UTC"}


@dataclass(frozen=True, slots=True)
class MonthLine:
    """What a month brought in one currency; None where that is withheld."""

    currency: str
    figures: Figures | None


def read_month(session: Session, scope_id: int, month: str) -> list[MonthLine]:
    """A line for each currency in which a gift came, or one may have come that is withheld."""
    accounts = [
        read_account(session, scope_id, currency, total)
        for currency, total in sum_currencies(session, scope_id).items()
    ]
    return [line for account in accounts if (line := _read_line(account, month))]


def _read_line(account: Account, month: str) -> MonthLine | None:
    # A currency that is withheld as a whole has the same line each month, which tells of none.
    months = account.breakdowns.get(Dimension.MONTH)
    if months is None or month in months.hidden:
        return MonthLine(account.currency, None)
    figures = months.find(month)
    return MonthLine(account.currency, figures) if figures and figures.gifts else None


def send_month(services: Services, user_id: int, month: str) -> None:
    """Send someone the letter about a month, once; nothing to who is gone or wants none now."""
    if not catch_up(services.database):
        raise SumsBehind
    with services.database.read() as session:
        user = session.get(PartnerUser, user_id)
        if user is None or user.removed_at is not None or not user.monthly_letter:
            log.info("partner_month_moot", user_id=user_id)
            return
        scope = session.get_one(Scope, user.scope_id)
        lines = read_month(session, scope.id, month)
    letter = write_month(services, user, scope, month, lines)
    key = f"partner-month-{user_id}-{month}"
    outgoing = Outgoing(key, letter, LetterKind.PARTNER_MONTH, user.locale)

    def note(_letter: Outgoing, email_id: int) -> None:
        with services.write() as act:
            mark_sent(act.session, email_id, act.now)

    failed = deliver(services.database, services.settings, [outgoing], services.now(), note)
    for error in failed.values():
        raise error


def write_month(
    services: Services, user: PartnerUser, scope: Scope, month: str, lines: Sequence[MonthLine]
) -> Letter:
    """The letter in its reader's language."""
    base, locale = services.settings.base_url, user.locale
    with use_locale(locale):
        subject, text, html = render_letter(
            LetterKind.PARTNER_MONTH,
            locale,
            partner=scope.name,
            month=format_skeleton("yMMMM", date.fromisoformat(f"{month}-01"), locale=locale),
            lines=[_say(line, locale) for line in lines],
            fewest=FEWEST_DONORS,
            is_withheld=any(line.figures is None for line in lines),
            url=f"{base}/partners/",
            switch_url=f"{base}/partners/people#letter",
        )
    return Letter(recipient=user.email, recipient_name="", subject=subject, text=text, html=html)


def _say(line: MonthLine, locale: str) -> str:
    figures, currency = line.figures, line.currency
    if figures is None:
        return gettext("%(currency)s: withheld", currency=currency)
    return gettext(
        "%(currency)s: raised %(gross)s, after refunds %(net)s, paid gifts %(gifts)s, "
        "donors %(donors)s",
        currency=currency,
        gross=format_money(Money(figures.gross, currency), locale),
        net=format_money(Money(figures.net, currency), locale),
        gifts=format_decimal(figures.gifts, locale=locale),
        donors=format_decimal(figures.donors, locale=locale),
    )
