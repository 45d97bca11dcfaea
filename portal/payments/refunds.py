"""Giving money back through Stripe: asked for once, booked when Stripe says so."""

import hashlib
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import lock_gift, record_event
from portal.i18n import gettext
from portal.money import Money
from portal.payments.events import apply_reading
from portal.payments.gateway import Gateway, StripeRefused, StripeUnavailable, at
from portal.payments.models import StripeLink
from portal.payments.operations import Desk
from portal.payments.readings import read_refund


class RefundRefused(Exception):
    """The refund can't be made; the text is for the staff member."""


def request_refund(
    database: Database,
    desk: Desk,
    gateway: Gateway,
    gift_id: int,
    money: Money,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Refund a part or all of a gift that was paid through Stripe.

    The wish is on the gift's story before Stripe is asked. The same wish again while the
    first is unanswered is the same request to Stripe, by its idempotency key.
    """
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        payment = _refundable_payment(session, gift, money)
        key = _refund_key(session, gift, money)
        record_event(
            session,
            gift,
            "refund_requested",
            now,
            actor=actor,
            why=reason,
            data={"amount_minor": money.minor, "currency": money.currency},
        )
        reference = gift.reference
    try:
        refund = gateway.refund(payment, money, key=key, reference=reference)
    except StripeRefused as error:
        raise RefundRefused(gettext("Stripe refused: %(why)s", why=error.message)) from error
    except StripeUnavailable as error:
        raise RefundRefused(
            gettext("Stripe can’t be reached. Nothing was refunded; try again in a minute.")
        ) from error
    reading = read_refund(refund, at(refund["created"]))
    if reading is not None:
        with database.write() as session:
            apply_reading(session, desk, reading, now)


def refundable(gift: Gift) -> Money:
    """What is left to give back."""
    return Money(max(gift.paid_minor - gift.refunded_minor, 0), gift.currency)


def _refundable_payment(session: Session, gift: Gift, money: Money) -> str:
    if not gift.status.is_received:
        raise RefundRefused(gettext("This gift has not been paid, so nothing can be refunded."))
    if money.currency != gift.currency or not 0 < money.minor <= refundable(gift).minor:
        raise RefundRefused(
            gettext("Refund at most what is left of the gift, in the gift’s currency.")
        )
    payment = session.scalar(
        sa.select(StripeLink.stripe_id)
        .where(StripeLink.gift_id == gift.id, StripeLink.stripe_id.startswith("pi_"))
        .limit(1)
    )
    if payment is None:
        raise RefundRefused(
            gettext("This gift was not paid through Stripe; give the money back by its own way.")
        )
    return payment


def _refund_key(session: Session, gift: Gift, money: Money) -> str:
    """Stands for this wish until one more refund of the gift is known."""
    known = session.scalar(
        sa.select(sa.func.count())
        .select_from(Evidence)
        .where(Evidence.gift_id == gift.id, Evidence.fact.like(f"{FactKind.REFUNDED.value[:6]}%"))
    )
    digest = hashlib.sha256(f"{gift.reference}:{money}:{known}".encode()).hexdigest()[:32]
    return f"refund-{digest}"
