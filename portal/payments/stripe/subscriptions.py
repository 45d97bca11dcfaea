"""One plan, one subscription at Stripe: a later one takes the place of those before it.

A donor whose first payment failed pays again by a new subscription; the earlier is ended first.
Every one that Stripe ever named for a plan has a row, so that all that may still charge are
known; one that was ended for another is on the gift's history, too. Stripe as one of the providers
stands at the end: its wing's functions behind the one way in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Database, Document, insert_new
from portal.gifts.evidence import Provider
from portal.gifts.lifecycle import EventKind
from portal.gifts.models import Gift, Plan, PlanStatus, Subscription, SubscriptionState
from portal.gifts.operations import lock_gift, record_event
from portal.gifts.queries import find_plan
from portal.money import Money
from portal.payments.models import CheckoutState, LinkKind, Outcome, StripeLink
from portal.payments.providers import Compared, HandedOff, PayOrder, RefundMade, RefundOrder
from portal.payments.stripe.comparison import (
    claim_event,
    compare_with_stripe,
    look_up_checkout,
    retry_event,
)
from portal.payments.stripe.event_gifts import keep_subscription, lock_plan
from portal.payments.stripe.events import apply_reading
from portal.payments.stripe.gateway import Gateway, StripeRefused, at, gateway_of
from portal.payments.stripe.plan_changes import (
    change_plan_of,
    wish_amount,
    wish_pause,
    wish_resume,
    wish_retry,
)
from portal.payments.stripe.readers import read_refund, read_subscription
from portal.payments.stripe.reading import STRIPE, kind_of, link_row
from portal.services import Act, Services
from portal.settings import STRIPE_API

OVER = frozenset({"canceled", "incomplete_expired"})


def list_living(session: Session, plan: Plan) -> tuple[str, ...]:
    """The subscriptions that may still charge for a plan; the one it follows is the last."""
    beside = session.scalars(
        sa.select(Subscription.stripe_id)
        .where(Subscription.plan_id == plan.id, Subscription.state == SubscriptionState.BESIDE)
        .order_by(Subscription.stripe_id)
    ).all()
    return (*beside, plan.running) if plan.running else tuple(beside)


def supersede(act: Act, gift: Gift, plan_id: int, ended: Iterable[str]) -> None:
    """Keep that subscriptions of a locked plan are over for another, also in the gift's history."""
    for subscription_id in ended:
        insert_new(act.session, StripeLink, link_row(subscription_id, gift.id))
        keep_subscription(act, plan_id, subscription_id, SubscriptionState.BESIDE)
        if _mark_superseded(act, subscription_id):
            data = {"subscription": subscription_id}
            record_event(act, gift, EventKind.SUBSCRIPTION_ENDED, actor="system", data=data)


def _mark_superseded(act: Act, subscription_id: str) -> bool:
    """Whether it was not superseded before."""
    ended_at = sa.func.coalesce(Subscription.ended_at, act.now)
    marked = act.session.execute(
        sa.update(Subscription)
        .where(*_is(subscription_id), Subscription.state != SubscriptionState.SUPERSEDED)
        .values(state=SubscriptionState.SUPERSEDED, ended_at=ended_at)
        .returning(Subscription.id)
    )
    return marked.first() is not None


def _is(subscription_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Subscription.provider == STRIPE,
        Subscription.stripe_id == subscription_id,
    )


def end_subscription(gateway: Gateway, subscription_id: str) -> Document:
    """The subscription once it is over; Stripe refuses to end what has ended already."""
    try:
        return gateway.cancel_subscription(subscription_id)
    except StripeRefused:
        found = gateway.retrieve_subscription(subscription_id)
        if found["status"] not in OVER:
            raise
        return found


def free_plan(services: Services, gift_id: int) -> None:
    """End what an open gift's plan has at Stripe, so that its next subscription takes the place.

    `StripeUnavailable` and `StripeRefused` leave the plan as it was. One that began meanwhile
    keeps the place.
    """
    with services.database.read() as session:
        gift = session.get_one(Gift, gift_id)
        plan = find_plan(session, gift)
        if plan is None or plan.stripe_subscription_id is None or not gift.status.is_open:
            return
        living = list_living(session, plan)
    for subscription_id in living:
        end_subscription(gateway_of(services), subscription_id)
    with services.write() as act:
        _empty_plan(act, lock_gift(act.session, gift_id), plan.id, living)


def _empty_plan(act: Act, gift: Gift, plan_id: int, ended: tuple[str, ...]) -> None:
    """Make the plan wait for its first payment again, unless another charges for it by now."""
    plan = lock_plan(act.session, plan_id)
    living, own = list_living(act.session, plan), plan.stripe_subscription_id
    if own is None or not set(living) <= set(ended):
        return
    supersede(act, gift, plan.id, dict.fromkeys((*living, own)))
    _forget(plan)


def _forget(plan: Plan) -> None:
    """Of what a plan follows now nothing is known yet."""
    plan.status = PlanStatus.PENDING
    plan.stripe_customer_id = plan.stripe_changed_at = None
    plan.paused_until = plan.cancel_at = plan.cancelled_at = None


def settle_plan(services: Services, gift_id: int) -> None:
    """Let a plan follow the newest of its subscriptions that goes on, and end the others.

    Two can begin for one gift when Stripe's word of the first comes late. Which one came to us
    first doesn't matter: Stripe is asked.
    """
    with services.database.read() as session:
        plan = find_plan(session, session.get_one(Gift, gift_id))
        own = plan.stripe_subscription_id if plan else None
        living = list_living(session, plan) if plan else ()
    if plan is None or own is None:
        return
    gateway = gateway_of(services)
    found = [gateway.retrieve_subscription(name) for name in dict.fromkeys((*living, own))]
    kept = max(found, key=lambda one: (one["status"] not in OVER, one["created"], one["id"]))
    if not _follow_instead(services.database, gift_id, own, kept):
        return
    others = [one["id"] for one in found if one["id"] != kept["id"]]
    for subscription_id in others:
        end_subscription(gateway, subscription_id)
    # Asked again: what happened before the plan followed it was not heard.
    reading = read_subscription(gateway.retrieve_subscription(kept["id"]), services.now())
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        supersede(act, gift, lock_plan(act.session, plan.id).id, others)
        apply_reading(act, reading)


def _follow_instead(database: Database, gift_id: int, own: str, kept: Document) -> bool:
    """Let the plan that follows `own` follow `kept`; False where it follows another by now."""
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        plan = lock_plan(session, gift.plan_id or 0)
        if plan.stripe_subscription_id != own:
            return False
        if kept["id"] == own:
            return True
        status = plan.status
        _swap(session, own, kept["id"])
        _forget(plan)
        if kept["status"] in OVER:
            plan.status = status
        return True


def _swap(session: Session, own: str, other: str) -> None:
    """Follow another subscription of the same plan; the plan's own goes beside it."""
    for subscription_id, state in (
        (own, SubscriptionState.BESIDE),
        (other, SubscriptionState.FOLLOWED),
    ):
        session.execute(sa.update(Subscription).where(*_is(subscription_id)).values(state=state))


def stop_plan(services: Services, gift_id: int, *, actor: str, reason: str = "") -> None:
    """End the monthly gift that a gift belongs to, from now on; one that ended stays so.

    Whatever may charge for it at Stripe is ended, also what the plan doesn't follow.

    The wish is on the gift's history before Stripe is asked. `StripeUnavailable` and
    `StripeRefused` leave the plan as it was.
    """
    with services.write() as act:
        gift = lock_gift(act.session, gift_id)
        plan = find_plan(act.session, gift)
        living = list_living(act.session, plan) if plan else ()
        if not living:
            return
        record_event(act, gift, EventKind.MONTHLY_STOP_REQUESTED, actor=actor, why=reason)
    # The one that the page shows is the last: where Stripe is away, it can be stopped again.
    for subscription_id in living:
        ended = end_subscription(gateway_of(services), subscription_id)
        with services.write() as act:
            _book_end(act, lock_gift(act.session, gift_id), ended)


def _book_end(act: Act, gift: Gift, ended: Document) -> None:
    """Let the plan follow its subscription's end; of one beside it, say that it is over."""
    plan, reading = find_plan(act.session, gift), read_subscription(ended, act.now)
    if plan is not None and lock_plan(act.session, plan.id).stripe_subscription_id != ended["id"]:
        supersede(act, gift, plan.id, (ended["id"],))
    apply_reading(act, reading)


@dataclass(frozen=True, slots=True)
class Stripe:
    """One account at Stripe: pay pages, refunds, monthly gifts and kept events."""

    gateway: Gateway
    name: Provider = STRIPE
    title: str = "Stripe"
    # Stripe knows a key for at least a day (https://docs.stripe.com/api/idempotent_requests).
    key_kept: timedelta = timedelta(hours=23)

    @property
    def is_configured(self) -> bool:
        return self.gateway.is_configured

    @property
    def pay_origin(self) -> str:
        return self._origin("https://checkout.stripe.com")

    @property
    def card_origin(self) -> str:
        return self._origin("https://billing.stripe.com")

    def _origin(self, real: str) -> str:
        """Where a page of Stripe's stands; the sandbox has all of them at its own address."""
        if self.gateway.api_base == STRIPE_API:
            return real
        parts = urlsplit(self.gateway.api_base)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def refunds(self) -> "Stripe":
        return self

    @property
    def monthly(self) -> "Stripe":
        return self

    @property
    def inbox(self) -> "Stripe":
        return self

    def hand_off(self, order: PayOrder) -> HandedOff:
        made = self.gateway.create_checkout(order)
        return HandedOff(
            session_id=str(made["id"]),
            url=str(made["url"]),
            expires_at=at(made["expires_at"]),
            state=CheckoutState(made["status"]),
        )

    def close(self, session_id: str) -> None:
        self.gateway.expire_checkout(session_id)

    def look_up(self, services: Services, session_id: str) -> bool:
        return look_up_checkout(services, session_id)

    def compare(self, services: Services) -> Compared:
        return Compared(**compare_with_stripe(services))

    def find_payments(self, subjects: list[str]) -> dict[str, str]:
        """The payment intent of each: refunds are made of those, an invoice's is asked for."""
        found: dict[str, str | None] = {}
        for subject in subjects:
            if kind_of(subject) is LinkKind.PAYMENT_INTENT:
                found[subject] = subject
            elif kind_of(subject) is LinkKind.INVOICE:
                found[subject] = self.gateway.find_payment_of_invoice(subject)
        return {subject: intent for subject, intent in found.items() if intent is not None}

    def refund(self, order: RefundOrder) -> RefundMade:
        made = self.gateway.refund(
            order.payment,
            order.money,
            key=order.key,
            reference=order.reference,
            installation=order.installation,
        )
        return _read_made(made)

    def find_refund(self, order: RefundOrder) -> RefundMade | None:
        made = self.gateway.find_refund(order.payment, order.key)
        return _read_made(made) if made else None

    def free(self, services: Services, gift_id: int) -> None:
        free_plan(services, gift_id)

    def stop(self, services: Services, gift_id: int, *, actor: str, reason: str = "") -> None:
        stop_plan(services, gift_id, actor=actor, reason=reason)

    def change_amount(self, services: Services, gift_id: int, money: Money, *, actor: str) -> None:
        change_plan_of(services, gift_id, wish_amount(money), actor=actor)

    def pause(self, services: Services, gift_id: int, until: datetime, *, actor: str) -> None:
        change_plan_of(services, gift_id, wish_pause(until), actor=actor)

    def resume(self, services: Services, gift_id: int, *, actor: str) -> None:
        change_plan_of(services, gift_id, wish_resume(), actor=actor)

    def try_again(self, services: Services, gift_id: int, *, actor: str) -> None:
        change_plan_of(services, gift_id, wish_retry(), actor=actor)

    def open_card_page(self, customer_id: str, *, locale: str, return_url: str) -> str:
        return self.gateway.open_billing_page(customer_id, locale=locale, return_url=return_url)

    def retry(self, services: Services, event_id: int) -> Outcome:
        return retry_event(services, event_id)

    def claim(self, services: Services, event_id: int) -> Outcome:
        return claim_event(services, event_id)


def _read_made(refund: Document) -> RefundMade:
    reading = read_refund(refund, at(refund["created"]))
    return RefundMade(refund["id"], reading.claims if reading else ())
