"""Letters about a gift other than its receipt: one message a fact, sent once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.gifts.lifecycle import EventKind, Status
from portal.gifts.models import Evidence, Gift, Plan
from portal.gifts.operations import record_event
from portal.gifts.queries import count_received, is_superseded
from portal.i18n import pick, use_locale
from portal.logs import get_logger
from portal.mail.outbox import LetterKind, Outgoing, deliver, mark_sent, render_letter
from portal.mail.smtp import Letter
from portal.money import Money, format_money
from portal.payments.transfers import find_watch, is_wanted
from portal.receipts.declarations import confirm_by_key, find_declaration, letter_values
from portal.regions.catalogue import Region
from portal.services import Services
from portal.settings import Settings

log = get_logger()

# Letters about a monthly gift as a whole, not about one month of it.
ABOUT_PLANS = frozenset({LetterKind.RENEWAL_FAILED, LetterKind.MONTHLY_ENDED})
ABOUT_DECLARATIONS = frozenset({LetterKind.GIFT_AID_CONFIRMATION})


def send_letter(services: Services, kind: LetterKind, gift_id: int, *, about: str) -> None:
    """Write to the donor about one thing that happened, once."""
    now = services.clock.now()
    with services.database.read() as session:
        gift = session.get_one(Gift, gift_id)
        if not gift.email:
            # Its donor was forgotten while the letter waited.
            log.info("letter_without_reader", gift_id=gift_id, letter=kind)
            return
        if kind in IS_MOOT and IS_MOOT[kind](session, gift, about):
            log.info("letter_moot", gift_id=gift_id, letter=kind)
            return
        sums = _sums_of(session, gift, about)
        more = letter_values(session, about) if kind in ABOUT_DECLARATIONS else {}
        if kind in ABOUT_PLANS:
            sums = replace(sums, money=_monthly(session, gift))
    region = services.catalogue.home_of(gift).region
    letter = write_letter(services.settings, kind, gift, region, sums, more=more)
    key = f"{kind}-{gift_id}-{about}".replace(":", "-")
    outgoing = Outgoing(key, letter, kind, gift.locale, gift_id)

    def note(_letter: Outgoing, email_id: int) -> None:
        with services.write() as act:
            if kind in ABOUT_DECLARATIONS:
                confirm_by_key(act, about)
            if mark_sent(act.session, email_id, act.now):
                record_event(
                    act, gift, EventKind.LETTER_SENT, actor="system", data={"message": kind}
                )

    failed = deliver(services.database, services.settings, [outgoing], now, note)
    for error in failed.values():
        raise error


@dataclass(frozen=True, slots=True)
class Sums:
    """What a letter is about, and what has come and is still open for the gift."""

    money: Money
    received: Money
    due: Money


def _sums_of(session: Session, gift: Gift, subject: str) -> Sums:
    evidence = session.scalar(
        sa.select(Evidence)
        .where(Evidence.subject == subject, Evidence.gift_id == gift.id)
        .order_by(Evidence.id)
        .limit(1)
    )
    received = count_received(session, gift)
    due = gift.money - received if received < gift.money else gift.money
    return Sums(_money_of(evidence, gift), received, due)


def _monthly(session: Session, gift: Gift) -> Money:
    """What the plan brings each month, which may not be what its first gift was."""
    plan = session.get(Plan, gift.plan_id) if gift.plan_id else None
    return plan.money if plan else gift.money


def _is_reminder_moot(session: Session, gift: Gift, subject: str) -> bool:
    """Whether the gift was paid, its donor wrote, or its mode changed since it was promised."""
    watch = find_watch(session, gift.id)
    return not is_wanted(gift, watch) or not subject.startswith(f"{watch.round if watch else 0}-")


def _are_instructions_moot(_session: Session, gift: Gift, _subject: str) -> bool:
    return gift.status.is_received


def _is_part_moot(_session: Session, gift: Gift, _subject: str) -> bool:
    """Whether the rest came, or the part went, while the letter waited."""
    return gift.status is not Status.PARTLY_PAID


def _is_processing_moot(_session: Session, gift: Gift, _subject: str) -> bool:
    """Whether the next word came first: the receipt's or the failure's letter says it."""
    return gift.status is not Status.PROCESSING


def _is_end_moot(session: Session, gift: Gift, subject: str) -> bool:
    """Whether another subscription took the place of the one that ended."""
    return gift.plan_id is not None and is_superseded(session, gift.plan_id, subject)


def _is_confirmation_moot(session: Session, _gift: Gift, subject: str) -> bool:
    """Whether the declaration was confirmed otherwise, or cancelled, or is gone."""
    found = find_declaration(session, subject)
    return found is None or not found.needs_confirmation


# Letters that say what may no longer be so when their turn comes.
IS_MOOT: dict[LetterKind, Callable[[Session, Gift, str], bool]] = {
    LetterKind.GIFT_INSTRUCTIONS: _are_instructions_moot,
    LetterKind.GIFT_REMINDER: _is_reminder_moot,
    LetterKind.PART_RECEIVED: _is_part_moot,
    LetterKind.PAYMENT_PROCESSING: _is_processing_moot,
    LetterKind.MONTHLY_ENDED: _is_end_moot,
    LetterKind.GIFT_AID_CONFIRMATION: _is_confirmation_moot,
}


def _money_of(evidence: Evidence | None, gift: Gift) -> Money:
    if evidence is None or evidence.amount_minor is None or evidence.currency is None:
        return gift.money
    return Money(evidence.amount_minor, evidence.currency)


def _instructions(gift: Gift, region: Region, due: str) -> dict[str, Any]:
    """How to send the money; no steps where somebody else takes it."""
    mode = region.mode(gift.mode)
    if mode is None or not mode.is_instructed:
        return {"mode": pick(mode.label) if mode else gift.mode, "steps": [], "details": []}
    return {
        "mode": pick(mode.label),
        "steps": mode.filled_steps(amount=due, reference=gift.reference),
        "details": [(pick(detail.label), detail.value) for detail in mode.particulars],
    }


def write_letter(
    settings: Settings,
    kind: LetterKind,
    gift: Gift,
    region: Region,
    sums: Sums,
    *,
    more: Document | None = None,
) -> Letter:
    """The letter in the donor's language; `more` is what its kind alone says."""
    gift_url = f"{settings.base_url}/gift/{gift.token}"
    with use_locale(gift.locale):
        due = format_money(sums.due, gift.locale)
        subject, text, html = render_letter(
            kind,
            gift.locale,
            gift=gift,
            amount=format_money(sums.money, gift.locale),
            whole=format_money(gift.money, gift.locale),
            received=format_money(sums.received, gift.locale),
            due=due,
            issuer=region.issuer,
            gift_url=gift_url,
            stop_url=f"{gift_url}/reminders",
            monthly_url=f"{gift_url}/monthly",
            account_url=f"{settings.base_url}/account/",
            **_instructions(gift, region, due),
            **(more or {}),
        )
    return Letter(
        recipient=gift.email,
        recipient_name=gift.name,
        subject=subject,
        text=text,
        html=html,
        sender_name=region.issuer.legal_name,
        reply_to=region.issuer.email,
    )
