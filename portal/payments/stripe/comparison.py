"""Work that follows evidence and asks Stripe: events that wait, missed deliveries, fees."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from portal.database import Document
from portal.gifts.lifecycle import FactKind
from portal.logs import get_logger
from portal.money import Money
from portal.payments.models import (
    Checkout,
    CheckoutState,
    Comparison,
    EventState,
    LinkKind,
    Outcome,
    Problem,
    StripeEvent,
)
from portal.payments.operations import accept
from portal.payments.providers import StillWaiting
from portal.payments.stripe.events import apply_reading, reapply_event, receive_event
from portal.payments.stripe.gateway import (
    Gateway,
    StripeMissing,
    StripeRefused,
    StripeUnavailable,
    at,
    gateway_of,
)
from portal.payments.stripe.readers import READERS, read_checkout
from portal.payments.stripe.reading import STRIPE, Reading, kind_of, stripe_claim
from portal.services import Services

log = get_logger()

CHECKOUT_GRACE = timedelta(minutes=2)
# Stripe lists events of the last 30 days; an hour of overlap costs nothing.
EVENTS_KEPT = timedelta(days=30)
OVERLAP = timedelta(hours=1)
TYPES_PER_CALL = 20


def retry_event(services: Services, event_id: int) -> Outcome:
    """Apply a stored event again, asking Stripe whose payment it speaks of.

    `StillWaiting` where another try may help; what became of it where none does.
    """
    outcome = _reapply(services, event_id)
    if outcome.waits_for:
        _resolve(services, event_id, outcome.waits_for)
        outcome = _reapply(services, event_id)
    if outcome.is_worth_another_try:
        raise StillWaiting(outcome)
    return outcome


def claim_event(services: Services, event_id: int) -> Outcome:
    """Book an event that names another, because a person says that it is ours."""
    return _reapply(services, event_id, is_claimed=True)


def _reapply(services: Services, event_id: int, *, is_claimed: bool = False) -> Outcome:
    return reapply_event(
        services,
        event_id,
        livemode=gateway_of(services).livemode,
        is_claimed=is_claimed,
    )


def _resolve(services: Services, event_id: int, stripe_id: str) -> None:
    """Learn from Stripe which gift an object belongs to; give up where it is none of ours.

    Only Stripe's word that it knows no such object, or no gift of it, says so: a key that is
    refused says nothing of whose the money is, and the job tries again.
    """
    reading = _look_up(gateway_of(services), stripe_id)
    if reading is None:
        _set_aside(services, event_id, Outcome(EventState.IGNORED, problem=Problem.NOT_A_GIFT))
        return
    with services.write() as act:
        outcome = apply_reading(act, reading)
    if outcome.state is EventState.NOT_OURS:
        _set_aside(services, event_id, outcome)


def _look_up(gateway: Gateway, stripe_id: str) -> Reading | None:
    """Truth about a payment intent or invoice, as a reading; None where it isn't ours."""
    invoice_id: str | None = stripe_id
    try:
        if kind_of(stripe_id) is LinkKind.PAYMENT_INTENT:
            intent = gateway.retrieve_payment_intent(stripe_id)
            if "portal_gift" in (intent.get("metadata") or {}):
                return _paid_reading("payment_intent.succeeded", intent)
            invoice_id = gateway.find_invoice_of_payment(stripe_id)
        if invoice_id is None or kind_of(invoice_id) is not LinkKind.INVOICE:
            return None
        reading = _paid_reading("invoice.paid", gateway.retrieve_invoice(invoice_id))
    except StripeMissing:
        return None
    if reading is None or kind_of(stripe_id) is not LinkKind.PAYMENT_INTENT:
        return reading
    return replace(reading, links=(*reading.links, stripe_id))


def _paid_reading(event_type: str, thing: Document) -> Reading | None:
    reader = READERS[event_type]
    is_paid = thing.get("status") in {"succeeded", "paid"}
    return reader(thing, at(thing["created"])) if is_paid else None


def _set_aside(services: Services, event_id: int, outcome: Outcome) -> None:
    """Another's payment on the same Stripe account: kept, and not ours."""
    with services.database.write() as session:
        session.execute(
            sa.update(StripeEvent)
            .where(StripeEvent.id == event_id, StripeEvent.state == EventState.WAITING)
            .values(state=outcome.state, problem=outcome.problem)
        )


def compare_with_stripe(services: Services) -> dict[str, int]:
    """Webhook-optional truth: look up open hand-offs and events that never arrived.

    Returns how many of each were looked at and how many brought news. A hand-off that Stripe
    doesn't know (a test account that was emptied, another account's key) holds up no other.
    """
    counts = {"checkouts": 0, "checkouts_changed": 0, "events": 0, "events_new": 0}
    started = services.clock.now()
    for session_id in _stale_checkouts(services):
        counts["checkouts"] += 1
        try:
            counts["checkouts_changed"] += look_up_checkout(services, session_id)
        except StripeRefused:
            log.warning("checkout_refused", stripe_session=session_id)
    since, types = _last_comparison(services), tuple(READERS)
    for start in range(0, len(types), TYPES_PER_CALL):
        for event in gateway_of(services).list_events(types[start : start + TYPES_PER_CALL], since):
            counts["events"] += 1
            counts["events_new"] += _receive_if_missed(services, event)
    with services.database.write() as session:
        session.add(Comparison(at=started, found=dict(counts)))
    return counts


def _last_comparison(services: Services) -> datetime:
    """From when on Stripe's events may not have been looked through."""
    with services.database.read() as session:
        last = session.scalar(sa.select(sa.func.max(Comparison.at)))
    oldest = services.clock.now() - EVENTS_KEPT
    return max(last - OVERLAP, oldest) if last else oldest


def _stale_checkouts(services: Services) -> list[str]:
    with services.database.read() as session:
        found = session.scalars(
            sa.select(Checkout.stripe_session_id).where(
                Checkout.provider == STRIPE,
                Checkout.state == CheckoutState.OPEN,
                Checkout.stripe_session_id.is_not(None),
                Checkout.created_at < services.clock.now() - CHECKOUT_GRACE,
            )
        )
        return [session_id for session_id in found if session_id]


def look_up_checkout(services: Services, session_id: str) -> bool:
    """Ask Stripe how a hand-off stands and book it; whether it is over.

    Stripe's errors pass. A session of the other mode, test or live, is none of ours.
    """
    checkout = gateway_of(services).retrieve_checkout(session_id)
    is_ours = checkout.get("livemode") is gateway_of(services).livemode
    if not is_ours or checkout.get("status") == "open":
        return False
    reading = read_checkout(checkout, services.now())
    with services.write() as act:
        apply_reading(act, reading)
    return True


def _receive_if_missed(services: Services, event: Document) -> bool:
    with services.database.read() as session:
        known = session.scalar(
            sa.select(StripeEvent.id).where(
                StripeEvent.provider == STRIPE, StripeEvent.stripe_event_id == event["id"]
            )
        )
    if known is not None:
        return False
    receive_event(
        services,
        event,
        livemode=gateway_of(services).livemode,
    )
    return True


# How far back a list is read: a page, and one more for each ten that are wanted.
PAGE, MOST_PAGES, WANTED_A_PAGE = 100, 5, 10


@dataclass(frozen=True, slots=True)
class FeeWanted:
    """A balance transaction, and the gift whose charge it tells of."""

    transaction_id: str
    gift_id: int


def fetch_fees(
    services: Services, wanted: Sequence[FeeWanted], *, until: datetime
) -> dict[FeeWanted, Exception]:
    """Book what these charges cost; the errors of those that could not be asked for or booked.

    `until` is when the last of them was heard of. Once Stripe is away, nothing more is asked.
    """
    failed: dict[FeeWanted, Exception] = {}
    away: StripeUnavailable | None = None
    found: dict[str, Document] = {}
    try:
        found = _list(services, {fee.transaction_id for fee in wanted}, until)
    except StripeUnavailable as error:
        away = error
    for fee in wanted:
        try:
            if fee.transaction_id not in found and away is not None:
                raise away
            _book(services, fee, found.get(fee.transaction_id) or _ask(services, fee))
        except StripeUnavailable as error:
            failed[fee] = away = error
        except Exception as error:  # noqa: BLE001 - one that can't be booked holds up no other
            failed[fee] = error
    return failed


def _list(services: Services, wanted: set[str], until: datetime) -> dict[str, Document]:
    """Those of the wanted transactions that are among the newest before a time.

    What is not among them, since the news of it came late, is asked for alone; and so is one
    that nobody else is asked for with.
    """
    found: dict[str, Document] = {}
    if len(wanted) < 2:
        return found
    most = PAGE * min(MOST_PAGES, 1 + len(wanted) // WANTED_A_PAGE)
    with suppress(StripeRefused):
        for transaction in islice(gateway_of(services).list_balance_transactions(until), most):
            if transaction["id"] in wanted:
                found[transaction["id"]] = transaction
                if len(found) == len(wanted):
                    break
    return found


def _ask(services: Services, fee: FeeWanted) -> Document:
    return gateway_of(services).retrieve_balance_transaction(fee.transaction_id)


def _book(services: Services, fee: FeeWanted, transaction: Document) -> None:
    claim = stripe_claim(
        fact=FactKind.FEE,
        subject=fee.transaction_id,
        occurred_at=at(transaction["created"]),
        money=Money.from_stripe(transaction["fee"], transaction["currency"]),
        detail={"object": fee.transaction_id, "net": transaction["net"]},
    )
    with services.write() as act:
        accept(act, fee.gift_id, [claim])
