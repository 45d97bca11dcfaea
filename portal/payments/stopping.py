"""Ending a monthly gift: Stripe is asked, and the plan follows what Stripe answers.

The webhook tells the same once more; whichever comes first is booked.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.database import Database, Document
from portal.gifts.models import Gift
from portal.gifts.operations import lock_gift, record_event
from portal.payments.events import apply_reading
from portal.payments.gateway import Gateway
from portal.payments.operations import Desk
from portal.payments.plans import find_plan
from portal.payments.readings import read_subscription
from portal.payments.superseding import end_subscription, list_living, note_ended


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

    Whatever may charge for it at Stripe is ended, also what the plan doesn't follow.

    The wish is on the gift's story before Stripe is asked. `StripeUnavailable` and
    `StripeRefused` leave the plan as it was.
    """
    with database.write() as session:
        gift = lock_gift(session, gift_id)
        plan = find_plan(session, gift)
        living = list_living(session, plan) if plan else ()
        if not living:
            return
        record_event(session, gift, "monthly_stop_requested", now, actor=actor, why=reason)
    # The one that the page shows is the last: where Stripe is away, it can be stopped again.
    for subscription_id in living:
        ended = end_subscription(gateway, subscription_id)
        with database.write() as session:
            _book_end(session, desk, session.get_one(Gift, gift_id), ended, now)


def _book_end(session: Session, desk: Desk, gift: Gift, ended: Document, now: datetime) -> None:
    """Let the plan follow its subscription's end; of one beside it, say that it is over."""
    plan, reading = find_plan(session, gift), read_subscription(ended, now)
    if plan is not None and plan.stripe_subscription_id != ended["id"]:
        note_ended(session, gift, (ended["id"],), now)
    apply_reading(session, desk, reading, now)
