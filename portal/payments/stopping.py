"""Ending a monthly gift: Stripe is asked, and the plan follows what Stripe answers.

The webhook tells the same once more; whichever comes first is booked.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.database import Database, Document
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import lock_gift, record_event
from portal.payments.events import apply_reading
from portal.payments.gateway import Gateway, StripeRefused
from portal.payments.operations import Desk
from portal.payments.readings import read_subscription


def find_plan(session: Session, gift: Gift) -> Plan | None:
    """The monthly promise a gift belongs to."""
    return session.get(Plan, gift.plan_id) if gift.plan_id else None


def stop_plan(
    database: Database,
    desk: Desk,
    gateway: Gateway,
    gift_id: int,
    *,
    actor: str,
    reason: str = "",
    now: datetime,
) -> None:
    """End the monthly gift that a gift belongs to, from now on; one that ended stays so.

    The wish is on the gift's story before Stripe is asked. `StripeUnavailable` and
    `StripeRefused` leave the plan as it was.
    """
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        plan = find_plan(session, gift)
        running = plan.running if plan else None
        if running is None:
            return
        record_event(session, gift, "monthly_stop_requested", now, actor=actor, why=reason)
    reading = read_subscription(_end(gateway, running), now)
    if reading is not None:
        with database.write() as session:
            apply_reading(session, desk, reading, now)


def _end(gateway: Gateway, subscription_id: str) -> Document:
    """The subscription once it is over; Stripe refuses to end what has ended already."""
    try:
        return gateway.cancel_subscription(subscription_id)
    except StripeRefused:
        found = gateway.retrieve_subscription(subscription_id)
        if found["status"] != "canceled":
            raise
        return found
