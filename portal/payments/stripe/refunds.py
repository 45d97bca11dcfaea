"""Giving money back through Stripe: asked for once, booked when Stripe says so."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Document
from portal.gifts.evidence import Provider, Source
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import lock_gift, record_event
from portal.gifts.queries import select_payments
from portal.i18n import current_locale, gettext
from portal.money import Money, format_money
from portal.payments.models import LinkKind, Refund, RefundState, find_installation
from portal.payments.stripe.events import apply_reading
from portal.payments.stripe.gateway import Gateway, StripeRefused, StripeUnavailable, at
from portal.payments.stripe.kinds import kind_of
from portal.payments.stripe.readers import read_refund
from portal.plain import clean_line
from portal.services import Act, Services

# Stripe knows a key for at least a day (https://docs.stripe.com/api/idempotent_requests).
KEY_KEPT = timedelta(hours=23)


class RefundRefused(Exception):
    """The refund can't be made; the text is for the staff member."""


class RefundUnanswered(Exception):
    """The form's refund may have been made; the text says how to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one form asks for; `once` names the form, and so the wish."""

    money: Money
    once: str
    reason: str
    actor: str


def request_refund(services: Services, gift_id: int, wish: Wish) -> None:
    """Refund a part or all of a gift that was paid through Stripe.

    Its row is committed before Stripe is asked. Asked again it is the same request to Stripe,
    by its idempotency key, whatever was booked since.
    """
    with services.database.read() as session:
        subjects = list_paid_subjects(session, gift_id)
    with _plain_sentences():
        intents = find_intents(services.gateway, subjects)
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        refund = _find_asked(act, gift, wish) or _keep_wish(act, gift, wish, intents)
        reference, installation = gift.reference, find_installation(act.session)
    try:
        with _plain_sentences():
            made = services.gateway.refund(
                refund.payment,
                refund.money,
                key=refund.idempotency_key,
                reference=reference,
                installation=installation,
            )
    except RefundRefused:
        with services.write() as act:
            _keep_answer(act, refund, RefundState.REFUSED)
        raise
    _book_answer(services, refund, made)


def _book_answer(services: Services, refund: Refund, made: Document) -> None:
    """What Stripe made of it: kept with the row, and booked as far as it says where money is."""
    reading = read_refund(made, at(made["created"]))
    with services.write() as act:
        _keep_answer(act, refund, RefundState.MADE, stripe_refund_id=made["id"])
        if reading is not None:
            apply_reading(act, reading)


def _keep_answer(act: Act, refund: Refund, state: RefundState, **made: str) -> None:
    act.session.execute(sa.update(Refund).where(Refund.id == refund.id).values(state=state, **made))


@contextlib.contextmanager
def _plain_sentences() -> Iterator[None]:
    """What went wrong at Stripe, in words for staff."""
    try:
        yield
    except StripeRefused as error:
        raise RefundRefused(
            gettext("Stripe refused: %(why)s", why=clean_line(error.message))
        ) from error
    except StripeUnavailable as error:
        raise RefundUnanswered(
            gettext(
                "Stripe did not answer, so we don’t know yet whether this was refunded. Press "
                "again in a minute: from this form it is refunded once at most. Before you leave "
                "it for a new one, look in Stripe’s own list."
            )
        ) from error


def refundable(gift: Gift) -> Money:
    """What is left to give back."""
    return Money(max(gift.paid_minor - gift.refunded_minor, 0), gift.currency)


def _refundable_payment(session: Session, gift: Gift, intents: dict[str, str], money: Money) -> str:
    """The payment that has most left, the newest of equals: it may be one too many."""
    if not gift.status.is_received:
        raise RefundRefused(gettext("This gift has not been paid, so nothing can be refunded."))
    if money.currency != gift.currency or not 0 < money.minor <= refundable(gift).minor:
        raise RefundRefused(
            gettext("Refund at most what is left of the gift, in the gift’s currency.")
        )
    left = count_left(session, gift.id, intents)
    if not left:
        raise RefundRefused(
            gettext("This gift was not paid through Stripe; give the money back by its own way.")
        )
    payment = max(reversed(left), key=left.__getitem__)
    if money.minor > left[payment]:
        most = Money(max(left[payment], 0), gift.currency)
        raise RefundRefused(
            gettext(
                "No payment of this gift through Stripe has that much left. Refund at most "
                "%(amount)s at once.",
                amount=format_money(most, current_locale()),
            )
        )
    return payment


def _find_asked(act: Act, gift: Gift, wish: Wish) -> Refund | None:
    """The refund that this wish asked for when it was first made; None for a new one.

    Stripe takes a key again only with what it came with at first, so the payment stays.
    """
    asked = act.session.scalar(
        sa.select(Refund).where(Refund.gift_id == gift.id, Refund.once == wish.once)
    )
    if asked is not None:
        _check_wish(asked.money, wish.money, act.now - asked.asked_at)
    return asked


def _check_wish(before: Money, money: Money, age: timedelta) -> None:
    """A wish is for one amount, and only as old as its key is known to Stripe."""
    if before != money:
        raise RefundUnanswered(
            gettext(
                "This form asked for %(amount)s before, and that may have been refunded. Ask for "
                "the same again to find out, or open this page anew for another refund.",
                amount=format_money(before, current_locale()),
            )
        )
    if age > KEY_KEPT:
        raise RefundRefused(
            gettext(
                "This was asked for a day ago or more. See in the gift’s story what became of it "
                "before you ask anew."
            )
        )


def _keep_wish(act: Act, gift: Gift, wish: Wish, intents: dict[str, str]) -> Refund:
    """The row of a new wish, and its line in the gift's story."""
    refund = Refund(
        gift_id=gift.id,
        once=wish.once,
        provider=Provider.STRIPE,
        payment=_refundable_payment(act.session, gift, intents, wish.money),
        amount_minor=wish.money.minor,
        currency=wish.money.currency,
        reason=wish.reason,
        actor=wish.actor,
        asked_at=act.now,
        idempotency_key=_refund_key(gift.reference, wish),
        state=RefundState.ASKED,
        stripe_refund_id=None,
    )
    act.session.add(refund)
    act.session.flush()
    data = {"amount_minor": wish.money.minor, "currency": wish.money.currency}
    record_event(act, gift, "refund_requested", actor=wish.actor, why=wish.reason, data=data)
    return refund


def _refund_key(reference: str, wish: Wish) -> str:
    """Stands for one form's wish, however often the form is sent."""
    digest = hashlib.sha256(f"{reference}:{wish.money}:{wish.once}".encode()).hexdigest()[:32]
    return f"refund-{digest}"


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
        subject: gateway.find_payment_of_invoice(subject) if _is_invoice(subject) else subject
        for subject in subjects
    }
    return {subject: intent for subject, intent in found.items() if intent is not None}


def _is_invoice(subject: str) -> bool:
    return kind_of(subject) is LinkKind.INVOICE


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
        if kind_of(one.subject) in {LinkKind.PAYMENT_INTENT, LinkKind.INVOICE}
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
            payment = one.payment or ""
            taken[payment] = taken.get(payment, 0) + (one.amount_minor or 0)
    return taken
