"""What one event of Stripe's means for us, before anything is looked up: pure records."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from portal.database import Document
from portal.gifts.evidence import Claim, Provider
from portal.gifts.models import PlanStatus
from portal.money import Money
from portal.payments.models import CheckoutState, LinkKind
from portal.payments.stripe.envelopes import LONGEST_ID

# Stripe's amounts have twelve figures at most (https://docs.stripe.com/currencies).
MOST_MINOR = 10**14
LONGEST_WORD = 200
LONGEST_REFERENCE = 40


def shown(thing: Document, name: str) -> Document:
    """What an object names, where Stripe sent it whole; nothing where it sent an id."""
    value = thing.get(name)
    return value if isinstance(value, dict) else {}


def subscription_details(invoice: Document) -> Document:
    details: Document = (invoice.get("parent") or {}).get("subscription_details") or {}
    return details


def read_reference(thing: Document) -> str | None:
    """The gift that an object's metadata name; those may be null, empty or another program's."""
    return read_word((thing.get("metadata") or {}).get("portal_gift"))[:LONGEST_REFERENCE] or None


def read_installation(thing: Document) -> str | None:
    """The installation that an object's metadata name; the first ones named none."""
    return read_word((thing.get("metadata") or {}).get("portal_installation")) or None


def read_money(amount: Any, currency: Any) -> Money:
    """Money as Stripe writes it: a whole number within its limits, more than nothing."""
    money = Money.from_stripe(amount, currency)
    if not 0 < money.minor < MOST_MINOR:
        raise ValueError("no amount of Stripe's")
    return money


def read_word(value: Any) -> str:
    return value[:LONGEST_WORD] if isinstance(value, str) else ""


def read_id(value: Any) -> str | None:
    """An id, whether Stripe sent it or, expanded, its object."""
    found = value["id"] if isinstance(value, dict) else value
    if not found:
        return None
    if not isinstance(found, str) or len(found) > LONGEST_ID or not _is_plain(found):
        raise ValueError("no id of Stripe's")
    return found


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def own_id(thing: Document) -> str:
    """An object's own id, which every one has."""
    found = read_id(thing["id"])
    if found is None:
        raise ValueError("an object without an id")
    return found


def read_ids(*values: Any) -> tuple[str, ...]:
    return tuple(found for value in values if (found := read_id(value)) is not None)


def read_time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


BEGINNINGS = {
    "cs": LinkKind.CHECKOUT_SESSION,
    "pi": LinkKind.PAYMENT_INTENT,
    "ch": LinkKind.CHARGE,
    "py": LinkKind.CHARGE,
    "in": LinkKind.INVOICE,
    "sub": LinkKind.SUBSCRIPTION,
    "re": LinkKind.REFUND,
    "pyr": LinkKind.REFUND,
    "dp": LinkKind.DISPUTE,
    "du": LinkKind.DISPUTE,
}


def kind_of(stripe_id: str) -> LinkKind:
    """What an id names; OTHER for what we link nothing by."""
    begin, joint, _ = stripe_id.partition("_")
    return BEGINNINGS.get(begin, LinkKind.OTHER) if joint else LinkKind.OTHER


def link_row(stripe_id: str, gift_id: int) -> Document:
    """The row of `StripeLink` that says whose an object of Stripe's is."""
    return {
        "provider": STRIPE,
        "stripe_id": stripe_id,
        "kind": kind_of(stripe_id),
        "gift_id": gift_id,
    }


STRIPE = Provider("stripe")
stripe_claim = partial(Claim, source=STRIPE, actor=STRIPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What an event says of a subscription as of `at`.

    `is_whole` where it showed the subscription itself: what it lacks is then not there.
    """

    subscription_id: str
    at: datetime
    status: PlanStatus | None = None
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
    checkout_state: CheckoutState | None = None
    fee_of: str | None = None


class UnreadableEvent(Exception):
    """What came under an event's type is not what Stripe describes; no other try reads it."""
