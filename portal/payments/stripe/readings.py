"""What Stripe's events say, in our words: pure, one function a kind of event.

A reading names the gift (by a Stripe object that is linked to it, or by the reference in our
metadata, which anybody with the account may have cleared) and what is claimed of it. Nothing
here looks anything up.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from portal.database import Document
from portal.gifts.evidence import Claim
from portal.gifts.lifecycle import FactKind
from portal.money import Money
from portal.payments.stripe.envelopes import LONGEST_ID

# Stripe's amounts have twelve figures at most (https://docs.stripe.com/currencies).
MOST_MINOR = 10**14
LONGEST_WORD = 200
LONGEST_REFERENCE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What an event says of a subscription as of `at`.

    `is_whole` where it showed the subscription itself: what it lacks is then not there.
    """

    subscription_id: str
    at: datetime
    status: str = ""
    customer_id: str | None = None
    money: Money | None = None
    cancel_at: datetime | None = None
    is_whole: bool = False
    is_ended: bool = False
    never_began: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A paid month of a subscription that is a gift of its own."""

    invoice_id: str
    money: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one event means for us.

    `installation` is whose metadata these are, where they say it.

    One of `known_by` leads to the gift, else `reference`, else `mention`, which other programs
    write, too; `links` are Stripe's ids that are the gift's from now on. `may_wait` where another
    event may tell later whose it is, `is_once` where it pays no month of a monthly gift. `fee_of`
    is a balance transaction to look the fee up at.
    """

    reference: str | None = None
    mention: str | None = None
    installation: str | None = None
    known_by: tuple[str, ...] = ()
    may_wait: bool = True
    is_once: bool = False
    links: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    plan: PlanChange | None = None
    renewal: Renewal | None = None
    renewal_failed: bool = False
    checkout_state: str | None = None
    fee_of: str | None = None


class UnreadableEvent(Exception):
    """What came under an event's type is not what Stripe describes; no other try reads it."""


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
        return reader(event["data"]["object"], _time(event["created"]))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        raise UnreadableEvent(type(error).__name__) from error


def read_checkout(session: Document, at: datetime) -> Reading:
    """A Checkout Session, from an event or looked up: paid, on its way, or over."""
    reference = _reference(session)
    payment = _id(session.get("payment_intent")) or _id(session.get("invoice"))
    reading = Reading(
        reference=reference,
        installation=_installation(session),
        mention=_word(session.get("client_reference_id"))[:LONGEST_REFERENCE] or None,
        known_by=(_own_id(session),),
        may_wait=reference is not None,
        links=_ids(_own_id(session), session.get("payment_intent"), session.get("invoice")),
        plan=_plan_of_session(session, at),
        checkout_state=session.get("status"),
    )
    fact = _SESSION_FACTS.get((str(session.get("status")), str(session.get("payment_status"))))
    if fact is None:
        return reading
    subject = _own_id(session) if fact is FactKind.EXPIRED else payment
    is_paid = fact is FactKind.PAID
    claim = Claim(
        fact=fact,
        subject=subject or _own_id(session),
        occurred_at=_paid_at(session) or at if is_paid else at,
        money=_money(session["amount_total"], session["currency"]) if is_paid else None,
        detail={"object": _own_id(session)},
    )
    return replace(reading, claims=(claim,))


def _paid_at(session: Document) -> datetime | None:
    """When a session that was looked up was paid, as far as what it names is shown with it.

    A look-up may come long after, and a receipt's year follows from the day of the payment:
    that of the balance, because a bank debit is charged days before its money comes.
    """
    charge = _shown(_shown(session, "payment_intent"), "latest_charge")
    balance = _shown(charge, "balance_transaction")
    transitions = _shown(session, "invoice").get("status_transitions") or {}
    seconds = transitions.get("paid_at") or balance.get("created") or charge.get("created")
    return _time(seconds) if seconds else None


def _shown(thing: Document, name: str) -> Document:
    """What an object names, where Stripe sent it whole; nothing where it sent an id."""
    value = thing.get(name)
    return value if isinstance(value, dict) else {}


_SESSION_FACTS = {
    ("complete", "paid"): FactKind.PAID,
    ("complete", "unpaid"): FactKind.PROCESSING,
    ("expired", "unpaid"): FactKind.EXPIRED,
}


def _plan_of_session(session: Document, at: datetime) -> PlanChange | None:
    subscription = _id(session.get("subscription"))
    if subscription is None:
        return None
    paid = session.get("payment_status") == "paid"
    return PlanChange(
        subscription_id=subscription,
        at=at,
        status="active" if paid else "",
        customer_id=_id(session.get("customer")),
    )


def read_failed_checkout(session: Document, at: datetime) -> Reading:
    """A bank debit that was on its way and didn't come."""
    reading = read_checkout(session, at)
    subject = _id(session.get("payment_intent")) or _id(session.get("invoice")) or _own_id(session)
    claim = Claim(
        fact=FactKind.FAILED,
        subject=subject,
        occurred_at=at,
        why="the bank did not pay",
        detail={"object": _own_id(session)},
    )
    return replace(reading, claims=(claim,))


def read_payment(intent: Document, at: datetime) -> Reading:
    """A payment that succeeded, of a gift given once; months are told by their invoices."""
    reference = _reference(intent)
    claim = Claim(
        fact=FactKind.PAID,
        subject=_own_id(intent),
        occurred_at=at,
        money=_money(intent["amount_received"], intent["currency"]),
        detail={"object": _own_id(intent)},
    )
    return Reading(
        reference=reference,
        installation=_installation(intent),
        known_by=(_own_id(intent),),
        may_wait=reference is not None,
        is_once=True,
        links=_ids(_own_id(intent), intent.get("latest_charge")),
        claims=(claim,),
    )


def read_charge(charge: Document, _at: datetime) -> Reading | None:
    """A charge whose fee became known: `balance_transaction` comes after the success."""
    payment, transaction = _id(charge.get("payment_intent")), _id(charge.get("balance_transaction"))
    if payment is None or transaction is None or not charge.get("paid"):
        return None
    return Reading(known_by=(payment,), links=(_own_id(charge),), fee_of=transaction)


def read_refund(refund: Document, at: datetime) -> Reading | None:
    """A refund: on its way, done, or come back although it was done."""
    fact = _REFUND_FACTS.get(str(refund.get("status")))
    known_by = _ids(refund.get("payment_intent"), refund.get("charge"))
    if fact is None or not known_by:
        return None
    claim = Claim(
        fact=fact,
        subject=_own_id(refund),
        occurred_at=at,
        money=_money(refund["amount"], refund["currency"]),
        why=_word(refund.get("failure_reason") or refund.get("reason")),
        detail={"object": _own_id(refund), "payment": _id(refund.get("payment_intent"))},
    )
    return Reading(
        reference=_reference(refund),
        installation=_installation(refund),
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
    known_by = _ids(dispute.get("payment_intent"), dispute.get("charge"))
    if status.startswith("warning_") or status == "prevented" or not known_by:
        return None
    claim = Claim(
        fact=_DISPUTE_FACTS.get(status, FactKind.DISPUTE_OPENED),
        subject=_own_id(dispute),
        occurred_at=at,
        money=_money(dispute["amount"], dispute["currency"]),
        why=_word(dispute.get("reason")),
        detail={"object": _own_id(dispute), "payment": _id(dispute.get("payment_intent"))},
    )
    return Reading(known_by=known_by, claims=(claim,))


_DISPUTE_FACTS = {"won": FactKind.DISPUTE_WON, "lost": FactKind.DISPUTE_LOST}


def read_invoice(invoice: Document, at: datetime) -> Reading | None:
    """A paid month. The first one is the gift the donor started; later ones are new gifts."""
    parent = _subscription_details(invoice)
    subscription = _id(parent.get("subscription"))
    if subscription is None or not invoice.get("amount_paid"):
        return None
    money = _money(invoice["amount_paid"], invoice["currency"])
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at")
    is_first = invoice.get("billing_reason") == "subscription_create"
    claim = Claim(
        fact=FactKind.PAID,
        subject=_own_id(invoice),
        occurred_at=_time(paid_at) if paid_at else at,
        money=money,
        detail={"object": _own_id(invoice)},
    )
    return Reading(
        reference=_reference(parent),
        installation=_installation(parent),
        known_by=(subscription,),
        links=(_own_id(invoice),),
        claims=(claim,),
        plan=PlanChange(
            subscription_id=subscription,
            at=at,
            status="active",
            customer_id=_id(invoice.get("customer")),
        ),
        renewal=None if is_first else Renewal(invoice_id=_own_id(invoice), money=money),
    )


def read_failed_invoice(invoice: Document, at: datetime) -> Reading | None:
    """A month that could not be charged; Stripe tries again by itself."""
    parent = _subscription_details(invoice)
    subscription = _id(parent.get("subscription"))
    if subscription is None or invoice.get("billing_reason") == "subscription_create":
        return None
    return Reading(
        reference=_reference(parent),
        installation=_installation(parent),
        known_by=(subscription,),
        plan=PlanChange(subscription_id=subscription, at=at, status="past_due"),
        renewal_failed=True,
    )


def read_invoice_payment(payment: Document, _at: datetime) -> Reading | None:
    """Which payment settled an invoice: refunds and disputes know only the payment."""
    intent = _id((payment.get("payment") or {}).get("payment_intent"))
    invoice = _id(payment.get("invoice"))
    if intent is None or invoice is None:
        return None
    return Reading(known_by=(invoice,), links=(intent,))


def read_subscription(subscription: Document, at: datetime) -> Reading:
    """A change of a subscription: its status, or an end that was set."""
    cancel_at = subscription.get("cancel_at")
    status = str(subscription.get("status"))
    return Reading(
        reference=_reference(subscription),
        installation=_installation(subscription),
        known_by=(_own_id(subscription),),
        plan=PlanChange(
            subscription_id=_own_id(subscription),
            at=at,
            status=_PLAN_STATUS.get(status, ""),
            customer_id=_id(subscription.get("customer")),
            money=_monthly_money(subscription),
            cancel_at=_time(cancel_at) if cancel_at else None,
            is_whole=True,
            is_ended=status in {"canceled", "incomplete_expired"},
            never_began=status == "incomplete_expired",
        ),
    )


def _monthly_money(subscription: Document) -> Money | None:
    """What one month costs, from the prices of its items."""
    items = (subscription.get("items") or {}).get("data") or ()
    amounts = [item["price"].get("unit_amount") for item in items]
    if not items or None in amounts:
        return None
    total = sum(
        amount * item.get("quantity", 1) for amount, item in zip(amounts, items, strict=True)
    )
    return _money(total, subscription["currency"]) if total > 0 else None


_PLAN_STATUS = {
    "active": "active",
    "trialing": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "paused",
    "canceled": "cancelled",
    "incomplete_expired": "cancelled",
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


def _subscription_details(invoice: Document) -> Document:
    details: Document = (invoice.get("parent") or {}).get("subscription_details") or {}
    return details


def _reference(thing: Document) -> str | None:
    """The gift that an object's metadata name; those may be null, empty or another program's."""
    return _word((thing.get("metadata") or {}).get("portal_gift"))[:LONGEST_REFERENCE] or None


def _installation(thing: Document) -> str | None:
    """The installation that an object's metadata name; the first ones named none."""
    return _word((thing.get("metadata") or {}).get("portal_installation")) or None


def _money(amount: Any, currency: Any) -> Money:
    """Money as Stripe writes it: a whole number within its limits, more than nothing."""
    money = Money.from_stripe(amount, currency)
    if not 0 < money.minor < MOST_MINOR:
        raise ValueError("no amount of Stripe's")
    return money


def _word(value: Any) -> str:
    return value[:LONGEST_WORD] if isinstance(value, str) else ""


def _id(value: Any) -> str | None:
    """An id, whether Stripe sent it or, expanded, its object."""
    found = value["id"] if isinstance(value, dict) else value
    if not found:
        return None
    if not isinstance(found, str) or len(found) > LONGEST_ID or not _is_plain(found):
        raise ValueError("no id of Stripe's")
    return found


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _own_id(thing: Document) -> str:
    """An object's own id, which every one has."""
    found = _id(thing["id"])
    if found is None:
        raise ValueError("an object without an id")
    return found


def _ids(*values: Any) -> tuple[str, ...]:
    return tuple(found for value in values if (found := _id(value)) is not None)


def _time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
