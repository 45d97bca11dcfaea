"""What is left to give back of each payment that came through Stripe."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.evidence import Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence
from portal.gifts.queries import select_payments
from portal.payments.gateway import Gateway

# What takes money out of a payment, and what brings it back.
TAKES = (
    FactKind.REFUND_PENDING,
    FactKind.REFUNDED,
    FactKind.DISPUTE_OPENED,
    FactKind.DISPUTE_LOST,
)
RETURNS = (FactKind.REFUND_FAILED, FactKind.DISPUTE_WON)


def list_paid_subjects(session: Session, gift_id: int) -> list[str]:
    """The payment intents, and the invoices of monthly gifts, that paid a gift; oldest first."""
    return [one.subject for one in _list_payments(session, gift_id)]


def find_intents(gateway: Gateway, subjects: list[str]) -> dict[str, str]:
    """The payment intent of each: refunds are made of those, an invoice's is asked for."""
    found = {
        subject: gateway.find_payment_of_invoice(subject) if subject.startswith("in_") else subject
        for subject in subjects
    }
    return {subject: intent for subject, intent in found.items() if intent is not None}


def count_left(session: Session, gift_id: int, intents: dict[str, str]) -> dict[str, int]:
    """How much is left of each payment intent, in minor units; the oldest payment first."""
    taken = _count_taken(session, gift_id)
    return {
        intents[one.subject]: (one.amount_minor or 0) - taken.get(intents[one.subject], 0)
        for one in _list_payments(session, gift_id)
        if one.subject in intents
    }


def _list_payments(session: Session, gift_id: int) -> list[Evidence]:
    paid = select_payments(gift_id).where(Evidence.source == Source.STRIPE.value)
    return [
        one
        for one in session.scalars(paid.order_by(Evidence.id))
        if one.subject.startswith(("pi_", "in_"))
    ]


def _count_taken(session: Session, gift_id: int) -> dict[str, int]:
    """What refunds and disputes hold of each payment intent."""
    told = session.scalars(
        sa.select(Evidence).where(
            Evidence.gift_id == gift_id, Evidence.fact.in_([*TAKES, *RETURNS])
        )
    ).all()
    returned = {one.subject for one in told if one.fact in RETURNS}
    lost = {one.subject for one in told if one.fact == FactKind.DISPUTE_LOST}
    held = {one.subject: one for one in told if one.fact in TAKES}
    taken: dict[str, int] = {}
    for subject, one in held.items():
        if subject in lost or subject not in returned:
            payment = str(one.detail.get("payment"))
            taken[payment] = taken.get(payment, 0) + (one.amount_minor or 0)
    return taken
