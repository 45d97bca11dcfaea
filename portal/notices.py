"""Letters about a gift other than its receipt: one message a fact, sent once."""

from typing import Any

import sqlalchemy as sa

from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import record_event
from portal.i18n import pick, use_locale
from portal.mail import Letter, deliver, register_email
from portal.messages import render_letter
from portal.money import Money, format_money
from portal.payments.followups import Bench
from portal.regions.catalogue import Region
from portal.settings import Settings


def send_notice(settings: Settings, bench: Bench, message: str, gift_id: int, *, key: str) -> None:
    """Write to the giver about one fact; `key` is `<message>:<gift>:<subject>`."""
    now = bench.clock.now()
    with bench.database.read() as session:
        gift = session.get_one(Gift, gift_id)
        money = _money_of(
            session.scalar(
                sa.select(Evidence)
                .where(Evidence.subject == key.split(":", 2)[2], Evidence.gift_id == gift_id)
                .limit(1)
            ),
            gift,
        )
    catalogue = bench.catalogue.get()
    region = catalogue.by_slug(gift.region) or catalogue.rest
    if region is None:
        raise LookupError("the catalogue has no region for this gift")
    letter = write_notice(settings, message, gift, region, money)
    with bench.database.write() as session:
        email = register_email(
            session,
            key.replace(":", "-"),
            letter,
            message=message,
            locale=gift.locale,
            now=now,
            gift_id=gift_id,
        )
    if deliver(bench.database, settings, email.id, letter, now):
        with bench.database.write() as session:
            record_event(
                session, gift, "letter_sent", now, actor="system", data={"message": message}
            )


def _money_of(evidence: Evidence | None, gift: Gift) -> Money:
    if evidence is None or evidence.amount_minor is None or evidence.currency is None:
        return gift.money
    return Money(evidence.amount_minor, evidence.currency)


def _instructions(gift: Gift, region: Region) -> dict[str, Any]:
    """How to send the money, where the gift's mode is one of instructions."""
    mode = region.mode(gift.mode)
    if mode is None or mode.is_stripe:
        return {}
    amount = format_money(gift.money, gift.locale)
    return {
        "mode": pick(mode.label),
        "steps": mode.filled_steps(amount=amount, reference=gift.reference),
        "details": [(pick(detail.label), detail.value) for detail in mode.particulars],
    }


def write_notice(
    settings: Settings, message: str, gift: Gift, region: Region, money: Money
) -> Letter:
    """The letter in the giver's language."""
    with use_locale(gift.locale):
        subject, text, html = render_letter(
            message,
            gift.locale,
            gift=gift,
            amount=format_money(money, gift.locale),
            issuer=region.issuer,
            gift_url=f"{settings.base_url}/gift/{gift.token}",
            **_instructions(gift, region),
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
