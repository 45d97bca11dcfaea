"""What Stripe's events say, in our words: pure, one function a kind of event.

A reading names the gift (by a Stripe object that is linked to it, or by the reference in our
metadata, which anybody with the account may have cleared) and what is claimed of it. Nothing
here looks anything up.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from portal.database import Document
from portal.gifts.lifecycle import FactKind
from portal.gifts.models import PlanStatus
from portal.money import Money
from portal.payments.models import CheckoutState
from portal.payments.stripe.reading import (
    LONGEST_REFERENCE,
    PlanChange,
    Reading,
    Renewal,
    UnreadableEvent,
    own_id,
    read_id,
    read_ids,
    read_installation,
    read_money,
    read_reference,
    read_time,
    read_word,
    shown,
    stripe_claim,
    subscription_details,
)


def read_event(event: Document) -> Reading | None:
    """What an event says; None where its type, or its object, is none of our business.

    `UnreadableEvent` where it lacks what it must have, or has something else in its place.
    """
    if not isinstance(event.get("type"), str):
        raise UnreadableEvent("no type")
    reader = READERS.get(event["type"])
    if reader is None:
        return None
    try:
        return reader(event["data"]["object"], read_time(event["created"]))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        raise UnreadableEvent(type(error).__name__) from error


def read_checkout(session: Document, at: datetime) -> Reading:
    """A Checkout Session, from an event or looked up: paid, on its way, or over."""
    reference = read_reference(session)
    payment = read_id(session.get("payment_intent")) or read_id(session.get("invoice"))
    reading = Reading(
        reference=reference,
        installation=read_installation(session),
        mention=read_word(session.get("client_reference_id"))[:LONGEST_REFERENCE] or None,
        known_by=(own_id(session),),
        may_wait=reference is not None,
        links=read_ids(own_id(session), session.get("payment_intent"), session.get("invoice")),
        plan=_plan_of_session(session, at),
        checkout_state=_SESSION_STATES.get(str(session.get("status"))),
    )
    fact = _SESSION_FACTS.get((str(session.get("status")), str(session.get("payment_status"))))
    if fact is None:
        return reading
    subject = own_id(session) if fact is FactKind.EXPIRED else payment
    is_paid = fact is FactKind.PAID
    claim = stripe_claim(
        fact=fact,
        subject=subject or own_id(session),
        occurred_at=_paid_at(session) or at if is_paid else at,
        money=read_money(session["amount_total"], session["currency"]) if is_paid else None,
        detail={"object": own_id(session)},
    )
    return replace(reading, claims=(claim,))


def _paid_at(session: Document) -> datetime | None:
    """When a session that was looked up was paid, as far as what it names is shown with it.

    A look-up may come long after, and a receipt's year follows from the day of the payment:
    that of the balance, because a bank debit is charged days before its money comes.
    """
    charge = shown(shown(session, "payment_intent"), "latest_charge")
    balance = shown(charge, "balance_transaction")
    transitions = shown(session, "invoice").get("status_transitions") or {}
    seconds = transitions.get("paid_at") or balance.get("created") or charge.get("created")
    return read_time(seconds) if seconds else None


_SESSION_STATES = {
    "open": CheckoutState.OPEN,
    "complete": CheckoutState.COMPLETE,
    "expired": CheckoutState.EXPIRED,
}
_SESSION_FACTS = {
    ("complete", "paid"): FactKind.PAID,
    ("complete", "unpaid"): FactKind.PROCESSING,
    ("expired", "unpaid"): FactKind.EXPIRED,
}


def _plan_of_session(session: Document, at: datetime) -> PlanChange | None:
    subscription = read_id(session.get("subscription"))
    if subscription is None:
        return None
    paid = session.get("payment_status") == "paid"
    return PlanChange(
        subscription_id=subscription,
        at=at,
        status=PlanStatus.ACTIVE if paid else None,
        customer_id=read_id(session.get("customer")),
    )


def read_failed_checkout(session: Document, at: datetime) -> Reading:
    """A bank debit that was on its way and didn't come."""
    reading = read_checkout(session, at)
    subject = (
        read_id(session.get("payment_intent")) or read_id(session.get("invoice")) or own_id(session)
    )
    claim = stripe_claim(
        fact=FactKind.FAILED,
        subject=subject,
        occurred_at=at,
        why="the bank did not pay",
        detail={"object": own_id(session)},
    )
    return replace(reading, claims=(claim,))


def read_payment(intent: Document, at: datetime) -> Reading:
    """A payment that succeeded, of a gift given once; months are told by their invoices."""
    reference = read_reference(intent)
    claim = stripe_claim(
        fact=FactKind.PAID,
        subject=own_id(intent),
        occurred_at=at,
        money=read_money(intent["amount_received"], intent["currency"]),
        detail={"object": own_id(intent)},
    )
    return Reading(
        reference=reference,
        installation=read_installation(intent),
        known_by=(own_id(intent),),
        may_wait=reference is not None,
        is_once=True,
        links=read_ids(own_id(intent), intent.get("latest_charge")),
        claims=(claim,),
    )


def read_charge(charge: Document, _at: datetime) -> Reading | None:
    """A charge whose fee became known: `balance_transaction` comes after the success."""
    payment, transaction = (
        read_id(charge.get("payment_intent")),
        read_id(charge.get("balance_transaction")),
    )
    if payment is None or transaction is None or not charge.get("paid"):
        return None
    return Reading(known_by=(payment,), links=(own_id(charge),), fee_of=transaction)


def read_refund(refund: Document, at: datetime) -> Reading | None:
    """A refund: on its way, done, or come back although it was done."""
    fact = _REFUND_FACTS.get(str(refund.get("status")))
    known_by = read_ids(refund.get("payment_intent"), refund.get("charge"))
    if fact is None or not known_by:
        return None
    claim = stripe_claim(
        fact=fact,
        subject=own_id(refund),
        occurred_at=at,
        money=read_money(refund["amount"], refund["currency"]),
        why=read_word(refund.get("failure_reason") or refund.get("reason")),
        payment=read_id(refund.get("payment_intent")),
        detail={"object": own_id(refund), "payment": read_id(refund.get("payment_intent"))},
    )
    return Reading(
        reference=read_reference(refund),
        installation=read_installation(refund),
        known_by=known_by,
        claims=(claim,),
    )


_REFUND_FACTS = {
    "pending": FactKind.REFUND_PENDING,
    "requires_action": FactKind.REFUND_PENDING,
    "succeeded": FactKind.REFUNDED,
    "failed": FactKind.REFUND_FAILED,
    "canceled": FactKind.REFUND_FAILED,
}


def read_dispute(dispute: Document, at: datetime) -> Reading | None:
    """A dispute; inquiries (`warning_…`) and prevented ones take no money and are none."""
    status = str(dispute.get("status"))
    known_by = read_ids(dispute.get("payment_intent"), dispute.get("charge"))
    if status.startswith("warning_") or status == "prevented" or not known_by:
        return None
    claim = stripe_claim(
        fact=_DISPUTE_FACTS.get(status, FactKind.DISPUTE_OPENED),
        subject=own_id(dispute),
        occurred_at=at,
        money=read_money(dispute["amount"], dispute["currency"]),
        why=read_word(dispute.get("reason")),
        payment=read_id(dispute.get("payment_intent")),
        detail={"object": own_id(dispute), "payment": read_id(dispute.get("payment_intent"))},
    )
    return Reading(known_by=known_by, claims=(claim,))


_DISPUTE_FACTS = {"won": FactKind.DISPUTE_WON, "lost": FactKind.DISPUTE_LOST}


def read_invoice(invoice: Document, at: datetime) -> Reading | None:
    """A paid month. The first one is the gift the donor started; later ones are new gifts."""
    parent = subscription_details(invoice)
    subscription = read_id(parent.get("subscription"))
    if subscription is None or not invoice.get("amount_paid"):
        return None
    money = read_money(invoice["amount_paid"], invoice["currency"])
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at")
    is_first = invoice.get("billing_reason") == "subscription_create"
    claim = stripe_claim(
        fact=FactKind.PAID,
        subject=own_id(invoice),
        occurred_at=read_time(paid_at) if paid_at else at,
        money=money,
        detail={"object": own_id(invoice)},
    )
    return Reading(
        reference=read_reference(parent),
        installation=read_installation(parent),
        known_by=(subscription,),
        links=(own_id(invoice),),
        claims=(claim,),
        plan=PlanChange(
            subscription_id=subscription,
            at=at,
            status=PlanStatus.ACTIVE,
            customer_id=read_id(invoice.get("customer")),
        ),
        renewal=None if is_first else Renewal(invoice_id=own_id(invoice), money=money),
    )


def read_failed_invoice(invoice: Document, at: datetime) -> Reading | None:
    """A month that could not be charged; Stripe tries again by itself."""
    parent = subscription_details(invoice)
    subscription = read_id(parent.get("subscription"))
    if subscription is None or invoice.get("billing_reason") == "subscription_create":
        return None
    return Reading(
        reference=read_reference(parent),
        installation=read_installation(parent),
        known_by=(subscription,),
        plan=PlanChange(subscription_id=subscription, at=at, status=PlanStatus.PAST_DUE),
        renewal_failed=True,
    )


def read_invoice_payment(payment: Document, _at: datetime) -> Reading | None:
    """Which payment settled an invoice: refunds and disputes know only the payment."""
    intent = read_id((payment.get("payment") or {}).get("payment_intent"))
    invoice = read_id(payment.get("invoice"))
    if intent is None or invoice is None:
        return None
    return Reading(known_by=(invoice,), links=(intent,))


def read_subscription(subscription: Document, at: datetime) -> Reading:
    """A change of a subscription: its status, its amount, a pause, or an end that was set."""
    cancel_at, pause = subscription.get("cancel_at"), subscription.get("pause_collection")
    resumes_at = pause.get("resumes_at") if pause else None
    status = str(subscription.get("status"))
    return Reading(
        reference=read_reference(subscription),
        installation=read_installation(subscription),
        known_by=(own_id(subscription),),
        plan=PlanChange(
            subscription_id=own_id(subscription),
            at=at,
            status=_status_of(status, is_paused=bool(pause)),
            customer_id=read_id(subscription.get("customer")),
            money=_monthly_money(subscription),
            cancel_at=read_time(cancel_at) if cancel_at else None,
            paused_until=read_time(resumes_at) if resumes_at else None,
            is_whole=True,
            is_ended=status in {"canceled", "incomplete_expired"},
            never_began=status == "incomplete_expired",
        ),
    )


def _status_of(status: str, *, is_paused: bool) -> PlanStatus | None:
    """A subscription whose payments are paused is active to Stripe all the while."""
    found = _PLAN_STATUS.get(status)
    return PlanStatus.PAUSED if is_paused and found is not PlanStatus.CANCELLED else found


def _monthly_money(subscription: Document) -> Money | None:
    """What one month costs, from the prices of its items."""
    items = (subscription.get("items") or {}).get("data") or ()
    amounts = [item["price"].get("unit_amount") for item in items]
    if not items or None in amounts:
        return None
    total = sum(
        _whole(amount) * _whole(item.get("quantity", 1))
        for amount, item in zip(amounts, items, strict=True)
    )
    return read_money(total, subscription["currency"]) if total > 0 else None


def _whole(number: Any) -> int:
    """A number as it is counted; a text times a thousand million would fill the memory."""
    if not isinstance(number, int):
        raise TypeError("no whole number")
    return number


_PLAN_STATUS = {
    "active": PlanStatus.ACTIVE,
    "trialing": PlanStatus.ACTIVE,
    "past_due": PlanStatus.PAST_DUE,
    "unpaid": PlanStatus.PAST_DUE,
    "paused": PlanStatus.PAUSED,
    "canceled": PlanStatus.CANCELLED,
    "incomplete_expired": PlanStatus.CANCELLED,
}

READERS: dict[str, Callable[[Document, datetime], Reading | None]] = {
    "checkout.session.completed": read_checkout,
    "checkout.session.async_payment_succeeded": read_checkout,
    "checkout.session.async_payment_failed": read_failed_checkout,
    "checkout.session.expired": read_checkout,
    "payment_intent.succeeded": read_payment,
    "charge.updated": read_charge,
    "refund.created": read_refund,
    "refund.updated": read_refund,
    "refund.failed": read_refund,
    "charge.dispute.created": read_dispute,
    "charge.dispute.updated": read_dispute,
    "charge.dispute.closed": read_dispute,
    "charge.dispute.funds_withdrawn": read_dispute,
    "charge.dispute.funds_reinstated": read_dispute,
    "invoice.paid": read_invoice,
    "invoice.payment_failed": read_failed_invoice,
    "invoice_payment.paid": read_invoice_payment,
    "customer.subscription.updated": read_subscription,
    "customer.subscription.deleted": read_subscription,
}
