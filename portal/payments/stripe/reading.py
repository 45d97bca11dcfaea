"""What one event of Stripe's means for us, before anything is looked up: pure records."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from portal.database import Document
from portal.gifts.evidence import Claim, Provider
from portal.gifts.models import PlanStatus
from portal.money import Money
from portal.payments.models import CheckoutState, LinkKind

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
