"""What a donor changes of a monthly gift that goes on: the amount, a pause, another try.

The wish is on the gift's history before Stripe is asked, and the key of the request is made of
that row, so that a repeat after a crash is the same request. Then the subscription is read back:
only what Stripe now says is booked, and only where that is what was wished is it said to be
changed. Nothing is prorated: another amount holds from the next charge.

The day of the month can't be changed cleanly: an anchor can only be set to now, which charges at
once, and any other day only by a trial, of which Stripe tells donors as a free one
(https://docs.stripe.com/billing/subscriptions/billing-cycle).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.database import Document
from portal.driver import add
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift, GiftEvent
from portal.gifts.operations import event_row, lock_gift, record_event
from portal.gifts.queries import find_plan
from portal.money import Money
from portal.payments.providers import ProviderRefused
from portal.payments.stripe.event_gifts import lock_plan
from portal.payments.stripe.events import apply_reading
from portal.payments.stripe.gateway import Gateway, gateway_of
from portal.payments.stripe.readers import read_subscription
from portal.services import Act, Services

# Of a month that is paused nothing is ever owed.
BEHAVIOR = "void"


class NotChanged(ProviderRefused):
    """Read back, the subscription is not as it was wished to be."""

    def __init__(self) -> None:
        super().__init__("The subscription is not as it was asked to be.")


@dataclass(frozen=True, slots=True)
class Wish:
    """What to ask for, by the subscription as it is and a key; and whether it came true.

    `said` is what the gift's history tells of it.
    """

    said: Document
    ask: Callable[[Gateway, Document, str], None]
    holds: Callable[[Document], bool]


def wish_amount(money: Money) -> Wish:
    """Another amount, from the next charge on."""

    def ask(gateway: Gateway, before: Document, key: str) -> None:
        item = _item_of(before)
        product = gateway.keep_product(item["price"]["product"], key=f"{key}-product")
        price = {
            "currency": money.currency.lower(),
            "product": product,
            "recurring": {"interval": "month"},
            "unit_amount": money.stripe_amount,
        }
        changed = {"id": item["id"], "price_data": price, "quantity": 1}
        params = {"items": [changed], "proration_behavior": "none"}
        gateway.update_subscription(before["id"], params, key=key)

    def holds(found: Document) -> bool:
        item = _item_of(found)
        asked = (money.stripe_amount, money.currency.lower(), 1)
        return (item["price"]["unit_amount"], item["price"]["currency"], item["quantity"]) == asked

    return Wish(
        {"change": "amount", "amount_minor": money.minor, "currency": money.currency}, ask, holds
    )


def wish_pause(until: datetime) -> Wish:
    """Nothing is taken until a day; then it goes on by itself."""
    at = int(until.timestamp())
    pause = {"behavior": BEHAVIOR, "resumes_at": at}

    def holds(found: Document) -> bool:
        paused = found.get("pause_collection") or {}
        return (paused.get("behavior"), paused.get("resumes_at")) == (BEHAVIOR, at)

    return Wish({"change": "pause", "until": until.isoformat()}, _asking(pause), holds)


def wish_resume() -> Wish:
    """It goes on before the pause's end."""
    return Wish({"change": "resume"}, _asking(""), lambda found: not found.get("pause_collection"))


def _asking(pause: Any) -> Callable[[Gateway, Document, str], None]:
    def ask(gateway: Gateway, before: Document, key: str) -> None:
        gateway.update_subscription(before["id"], {"pause_collection": pause}, key=key)

    return ask


def wish_retry() -> Wish:
    """The payment that failed is tried once more, now."""

    def ask(gateway: Gateway, before: Document, key: str) -> None:
        invoice = before.get("latest_invoice")
        if before["status"] != "active" and isinstance(invoice, str):
            gateway.pay_invoice(invoice, key=key)

    return Wish({"change": "retry"}, ask, lambda found: found["status"] == "active")


def _item_of(subscription: Document) -> Document:
    """The one thing that a monthly gift is charged for."""
    item: Document = subscription["items"]["data"][0]
    return item


def change_plan_of(services: Services, gift_id: int, wish: Wish, *, actor: str) -> None:
    """Change the monthly gift that a gift belongs to; one that ended stays as it is.

    `StripeUnavailable` and `StripeRefused` leave it as it was, as far as Stripe says; `NotChanged`
    where it is otherwise than wished although Stripe agreed.
    """
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        plan = find_plan(act.session, gift)
        subscription_id = plan.running if plan else None
        if subscription_id is None:
            raise ProviderRefused("This monthly gift has ended.")
        key = f"monthly-{gift.reference}-{_note_wish(act, gift, wish, actor)}"
    gateway = gateway_of(services)
    wish.ask(gateway, gateway.retrieve_subscription(subscription_id), key)
    found = gateway.retrieve_subscription(subscription_id)
    with services.write() as act:
        _book(act, lock_gift(act.session, gift_id), found, wish, actor)
    if not wish.holds(found):
        raise NotChanged


def _note_wish(act: Act, gift: Gift, wish: Wish, actor: str) -> int:
    """The id of the wish in the gift's history."""
    kind = EventKind.MONTHLY_CHANGE_REQUESTED
    row = event_row(act, gift, kind, actor=actor, data=wish.said)
    ((wish_id,),) = add(act.session, GiftEvent, row, returning="id").rows()
    return int(wish_id)


def _book(act: Act, gift: Gift, found: Document, wish: Wish, actor: str) -> None:
    """Let the plan be as Stripe says now, which is newer than all that was heard before."""
    known = lock_plan(act.session, gift.plan_id or 0).stripe_changed_at
    apply_reading(act, read_subscription(found, max(act.now, known or act.now)))
    if wish.holds(found):
        record_event(act, gift, EventKind.MONTHLY_CHANGED, actor=actor, data=wish.said)
