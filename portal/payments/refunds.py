"""Giving money back through who took it: asked for once, booked when they say so.

What was asked for and not answered is asked about later, and nothing is asked for anew: staff
may have given the money back in another way meanwhile.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.gifts.evidence import Provider, Source, name_of, own_id
from portal.gifts.lifecycle import EventKind, FactKind
from portal.gifts.models import Evidence, Gift
from portal.gifts.operations import lock_gift, record_event
from portal.gifts.queries import select_payments
from portal.i18n import current_locale, gettext
from portal.logs import get_logger
from portal.money import Money, format_money
from portal.payments.models import Refund, RefundState, find_installation
from portal.payments.operations import accept_for
from portal.payments.providers import (
    PaymentProvider,
    ProviderBusy,
    ProviderRefused,
    ProviderUnavailable,
    RefundMade,
    RefundOrder,
    Refunds,
)
from portal.plain import clean_line
from portal.services import Act, Services


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


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that can be refunded: who took it, and what they call it."""

    provider: Provider
    own_id: str

    @property
    def name(self) -> str:
        return name_of(self.provider, self.own_id)


def request_refund(services: Services, gift_id: int, wish: Wish) -> None:
    """Refund a part or all of a gift through the provider that took it.

    Its row is committed before the provider is asked. Asked again it is the same request, by
    its idempotency key, whatever was booked since.
    """
    payments = find_payments(services, gift_id)
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        refund = _find_asked(act, gift, wish) or _keep_wish(act, gift, wish, payments)
        order = order_of(act.session, refund, find_installation(act.session))
    provider, refunds = _find_refunds(services, refund.provider)
    try:
        with _plain_sentences(provider):
            made = refunds.refund(order)
    except RefundRefused:
        with services.write() as act:
            keep_answer(act, refund, RefundState.REFUSED)
        raise
    book_answer(services, refund, made)


def order_of(session: Session, refund: Refund, installation: str) -> RefundOrder:
    """What its provider is asked for, and knows it by."""
    return RefundOrder(
        payment=refund.payment,
        money=refund.money,
        key=refund.idempotency_key,
        reference=session.get_one(Gift, refund.gift_id).reference,
        installation=installation,
    )


def book_answer(services: Services, refund: Refund, made: RefundMade) -> None:
    """What was made of it: kept with the row, and booked as far as it says where money is."""
    with services.write() as act:
        gift = lock_gift(act.session, refund.gift_id)
        keep_answer(act, refund, RefundState.MADE, stripe_refund_id=made.refund_id)
        accept_for(act, gift, made.claims)


def keep_answer(act: Act, refund: Refund, state: RefundState, **made: str) -> None:
    """How far a refund is, and by what id of its provider's."""
    act.session.execute(sa.update(Refund).where(Refund.id == refund.id).values(state=state, **made))


@contextlib.contextmanager
def _plain_sentences(provider: PaymentProvider) -> Iterator[None]:
    """What went wrong at the provider, in words for staff."""
    try:
        yield
    except ProviderRefused as error:
        raise RefundRefused(say_refused(provider.title, error)) from error
    except ProviderBusy as error:
        raise RefundUnanswered(
            gettext(
                "%(provider)s takes no more requests at this moment. Press again in a minute: "
                "from this form it is refunded once at most. Before you leave it for a new one, "
                "look in the list that %(provider)s keeps.",
                provider=provider.title,
            )
        ) from error
    except ProviderUnavailable as error:
        raise RefundUnanswered(
            gettext(
                "%(provider)s did not answer, so we don’t know yet whether this was refunded. "
                "Press again in a minute: from this form it is refunded once at most. Before you "
                "leave it for a new one, look in the list that %(provider)s keeps.",
                provider=provider.title,
            )
        ) from error


def say_refused(title: str, error: ProviderRefused) -> str:
    """A provider's no, in its own words."""
    return gettext("%(provider)s refused: %(why)s", provider=title, why=clean_line(error.message))


def refundable(gift: Gift) -> Money:
    """What is left to give back."""
    return Money(max(gift.paid_minor - gift.refunded_minor, 0), gift.currency)


def _refundable_payment(
    session: Session, gift: Gift, payments: dict[str, Payment], money: Money
) -> Payment:
    """The payment that has most left, the newest of equals: it may be one too many."""
    if not gift.status.is_received:
        raise RefundRefused(gettext("This gift has not been paid, so nothing can be refunded."))
    if money.currency != gift.currency or not 0 < money.minor <= refundable(gift).minor:
        raise RefundRefused(
            gettext("Refund at most what is left of the gift, in the gift’s currency.")
        )
    left = count_left(session, gift.id, payments)
    if not left:
        raise RefundRefused(
            gettext("Nobody who took this gift can refund it; give the money back by its own way.")
        )
    payment = max(reversed(left), key=left.__getitem__)
    if money.minor > left[payment]:
        most = Money(max(left[payment], 0), gift.currency)
        raise RefundRefused(
            gettext(
                "No single payment of this gift has that much left. Refund at most "
                "%(amount)s at once.",
                amount=format_money(most, current_locale()),
            )
        )
    return payment


def _find_asked(act: Act, gift: Gift, wish: Wish) -> Refund | None:
    """The refund that this wish asked for when it was first made; None for a new one.

    A key is taken again only with what it came with at first, so the payment stays.
    """
    asked = act.session.scalar(
        sa.select(Refund).where(Refund.gift_id == gift.id, Refund.once == wish.once)
    )
    if asked is not None:
        kept = _find_refunds(act.services, asked.provider)[1].key_kept
        _check_wish(asked.money, wish.money, is_late=act.now - asked.asked_at > kept)
    return asked


def _check_wish(before: Money, money: Money, *, is_late: bool) -> None:
    """A wish is for one amount, and only as old as its key is known to the provider."""
    if before != money:
        raise RefundUnanswered(
            gettext(
                "This form asked for %(amount)s before, and that may have been refunded. Ask for "
                "the same again to find out, or open this page anew for another refund.",
                amount=format_money(before, current_locale()),
            )
        )
    if is_late:
        raise RefundRefused(
            gettext(
                "This was asked for a day ago or more. See in the gift’s history what became of it "
                "before you ask anew."
            )
        )


def _keep_wish(act: Act, gift: Gift, wish: Wish, payments: dict[str, Payment]) -> Refund:
    """The row of a new wish, and its line in the gift's history."""
    payment = _refundable_payment(act.session, gift, payments, wish.money)
    refund = Refund(
        gift_id=gift.id,
        once=wish.once,
        provider=payment.provider,
        payment=payment.own_id,
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
    record_event(
        act, gift, EventKind.REFUND_REQUESTED, actor=wish.actor, why=wish.reason, data=data
    )
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


def find_payments(services: Services, gift_id: int) -> dict[str, Payment]:
    """What of a gift can be refunded, by the names of what was booked as paid; oldest first."""
    with services.database.read() as session:
        paid = _list_payments(session, gift_id)
    found: dict[str, Payment] = {}
    for provider in services.providers:
        evidence = [own_id(one.source, one.subject) for one in paid if one.source == provider.name]
        if not evidence or provider.refunds is None:
            continue
        with _plain_sentences(provider):
            own_ids = provider.refunds.find_payments(evidence)
        found |= {
            name_of(provider.name, subject): Payment(provider.name, payment)
            for subject, payment in own_ids.items()
        }
    return found


def _find_refunds(services: Services, name: str) -> tuple[PaymentProvider, Refunds]:
    """Who gives back what a row says; `RefundRefused` where they are no longer here."""
    provider = services.providers.find(name)
    if provider is None or provider.refunds is None:
        raise RefundRefused(
            gettext("Nobody who took this gift can refund it; give the money back by its own way.")
        )
    return provider, provider.refunds


def count_left(session: Session, gift_id: int, payments: dict[str, Payment]) -> dict[Payment, int]:
    """How much is left of each payment, in minor units; the oldest payment first."""
    taken = _count_taken(session, gift_id)
    return {
        payment: (one.amount_minor or 0) - taken.get(payment.name, 0)
        for one in _list_payments(session, gift_id)
        if (payment := payments.get(one.subject)) is not None
    }


def _list_payments(session: Session, gift_id: int) -> Sequence[Evidence]:
    """What providers said was paid, oldest first."""
    paid = select_payments(gift_id).where(Evidence.source.not_in([*Source]))
    return session.scalars(paid.order_by(Evidence.id)).all()


def _count_taken(session: Session, gift_id: int) -> dict[str, int]:
    """What refunds and disputes hold of each payment, by its name."""
    evidence = session.scalars(
        sa.select(Evidence).where(
            Evidence.gift_id == gift_id, Evidence.fact.in_([*TAKES, *RETURNS])
        )
    ).all()
    returned = {one.subject for one in evidence if one.fact in RETURNS}
    lost = {one.subject for one in evidence if one.fact == FactKind.DISPUTE_LOST}
    held = {one.subject: one for one in evidence if one.fact in TAKES}
    taken: dict[str, int] = {}
    for subject, one in held.items():
        if subject in lost or subject not in returned:
            payment = one.payment or ""
            taken[payment] = taken.get(payment, 0) + (one.amount_minor or 0)
    return taken


log = get_logger()

# So long its answer may still be on its way.
GRACE = timedelta(minutes=2)


def settle_unanswered(services: Services, provider: PaymentProvider) -> int:
    """Learn what became of each; how many are settled now.

    One that is not there and whose key is no longer known can't be made by its form any more,
    so it is refused, and the gift's history says so. The provider's errors pass.
    """
    if provider.refunds is None:
        return 0
    asked = _list_asked(services, provider)
    return sum(_settle(services, provider.refunds, one) for one in asked)


def _list_asked(services: Services, provider: PaymentProvider) -> Sequence[Refund]:
    with services.database.read() as session:
        return session.scalars(
            sa.select(Refund)
            .where(
                Refund.provider == provider.name,
                Refund.state == RefundState.ASKED,
                Refund.asked_at < services.now() - GRACE,
            )
            .order_by(Refund.id)
        ).all()


def _settle(services: Services, refunds: Refunds, refund: Refund) -> bool:
    with services.database.read() as session:
        order = order_of(session, refund, find_installation(session))
    made = refunds.find_refund(order)
    if made is not None:
        book_answer(services, refund, made)
        log.info("refund_found", refund_id=refund.id)
        return True
    if services.now() - refund.asked_at <= refunds.key_kept:
        return False
    with services.write() as act:
        keep_answer(act, refund, RefundState.REFUSED)
        act.note("refund_not_made", f"gift:{refund.gift_id}", {"amount": str(refund.money)})
    return True
