"""A monthly gift ends when its donor, staff or Stripe say so: once, and for good."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.database import Database
from portal.gifts.models import Gift, GiftEvent, Plan
from portal.money import Money
from portal.payments.stripe.gateway import StripeRefused, StripeUnavailable
from portal.payments.stripe.subscriptions import stop_plan
from tests.payments.stories import find, list_events
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, at, make_workplace, promised_jobs


@pytest.fixture
def monthly(place: Workplace, sandbox: SandboxProcess) -> Gift:
    """A monthly gift whose first month is paid and known."""
    started = place.start(frequency=Frequency.MONTHLY, money=Money(2513, "CAD"))
    sandbox.pay(started.url)
    hear(place, sandbox)
    return place.gift(started.token)


def hear(place: Workplace, sandbox: SandboxProcess) -> None:
    """Take every event the sandbox has, also those that were taken before."""
    sandbox.control("drain")
    for event in list_events(sandbox):
        place.receive(event)
    place.work_off()


def stop(place: Workplace, gift: Gift, actor: str = "donor") -> None:
    now = datetime.now(UTC)
    stop_plan(at(place.services, now), gift.id, actor=actor, reason="asked")


def plan_of(database: Database, gift: Gift) -> Plan:
    with database.read() as session:
        return session.scalars(sa.select(Plan).where(Plan.id == gift.plan_id)).one()


def story_of(database: Database, gift: Gift) -> list[tuple[str, str]]:
    with database.read() as session:
        rows = session.execute(
            sa.select(GiftEvent.kind, GiftEvent.actor)
            .where(GiftEvent.gift_id == gift.id, GiftEvent.kind.startswith("monthly_"))
            .order_by(GiftEvent.id)
        )
        return [(kind, actor) for kind, actor in rows]


def letters(database: Database) -> list[str]:
    return [job for job in promised_jobs(database) if "monthly_ended" in job]


def test_stopping_ends_it_at_stripe_and_here_with_one_letter(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    stop(place, monthly)
    plan = plan_of(place.database, monthly)
    assert (plan.status, plan.running) == ("cancelled", None)
    assert plan.cancelled_at is not None
    hear(place, sandbox)
    stop(place, monthly)
    sandbox.control("advance", seconds=60 * 86_400)
    hear(place, sandbox)
    assert find(sandbox, "subscriptions") == [], "Stripe lists those that are not over"
    assert len(find(sandbox, "charges")) == 1
    expected = [("monthly_stop_requested", "donor"), ("monthly_ended", "stripe")]
    assert story_of(place.database, monthly) == expected
    assert len(letters(place.database)) == 1


def test_a_later_months_gift_stops_the_same_plan(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    sandbox.control("advance", to="renewal")
    hear(place, sandbox)
    with place.database.read() as session:
        newest = session.scalars(sa.select(Gift).order_by(Gift.id.desc()).limit(1)).one()
    assert newest.id != monthly.id
    stop(place, newest, actor="staff:7")
    assert plan_of(place.database, monthly).status == "cancelled"
    assert story_of(place.database, newest) == [("monthly_stop_requested", "staff:7")]
    assert story_of(place.database, monthly) == [("monthly_ended", "stripe")]


def test_what_ended_at_stripe_unheard_is_ended_here_too(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    subscription = plan_of(place.database, monthly).stripe_subscription_id
    assert sandbox.api("DELETE", f"/v1/subscriptions/{subscription}").status == 200
    assert plan_of(place.database, monthly).running
    stop(place, monthly)
    assert plan_of(place.database, monthly).status == "cancelled"


def test_while_stripe_is_away_it_goes_on_and_the_wish_is_on_its_story(
    place: Workplace, monthly: Gift, database_url: str
) -> None:
    away = make_workplace(database_url, None)
    with pytest.raises(StripeUnavailable):
        stop(away, monthly)
    away.close()
    assert plan_of(place.database, monthly).running
    assert story_of(place.database, monthly) == [("monthly_stop_requested", "donor")]
    assert letters(place.database) == []


def test_what_stripe_does_not_know_is_not_said_to_have_ended(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    sandbox.control("reset")
    with pytest.raises(StripeRefused):
        stop(place, monthly)
    assert plan_of(place.database, monthly).running


def test_a_gift_that_is_not_monthly_has_nothing_to_stop(place: Workplace) -> None:
    gift = place.gift(place.start(mode="interac").token)
    stop(place, gift)
    assert story_of(place.database, gift) == []


def tell(place: Workplace, gift: Gift, at: datetime, **subscription: Any) -> None:
    """Deliver one event about the gift's subscription."""
    plan = plan_of(place.database, gift)
    price = {"unit_amount": subscription.pop("amount", 2513)}
    body = {
        "id": plan.stripe_subscription_id,
        "status": "active",
        "customer": plan.stripe_customer_id,
        "currency": "cad",
        "cancel_at": None,
        "metadata": {"portal_gift": gift.reference},
        "items": {"data": [{"price": price, "quantity": 1}]},
        **subscription,
    }
    ended = body["status"] in {"canceled", "incomplete_expired"}
    kind = "customer.subscription.deleted" if ended else "customer.subscription.updated"
    stamp = int(at.timestamp())
    event = {"id": f"evt_{kind}_{stamp}", "type": kind, "created": stamp, "livemode": False}
    place.receive({**event, "data": {"object": body}})


@pytest.mark.parametrize("metadata", [None, {}, {"portal_gift": None}, {"portal_gift": ""}])
def test_an_end_is_heard_where_the_metadata_were_cleared(
    place: Workplace, monthly: Gift, metadata: Any
) -> None:
    tell(place, monthly, datetime.now(UTC), status="canceled", metadata=metadata)
    assert plan_of(place.database, monthly).status == "cancelled"
    assert len(letters(place.database)) == 1


def test_an_end_that_was_set_can_be_called_off_and_the_amount_follows(
    place: Workplace, monthly: Gift
) -> None:
    later = [datetime.now(UTC) + timedelta(minutes=minutes) for minutes in range(1, 5)]
    tell(place, monthly, later[0], cancel_at=int(later[3].timestamp()), amount=3007)
    plan = plan_of(place.database, monthly)
    assert plan.cancel_at == later[3].replace(microsecond=0)
    assert plan.money == Money(3007, "CAD")
    tell(place, monthly, later[2], amount=3007)
    assert plan_of(place.database, monthly).cancel_at is None
    tell(place, monthly, later[1], cancel_at=int(later[3].timestamp()))
    plan = plan_of(place.database, monthly)
    assert (plan.cancel_at, plan.money) == (None, Money(3007, "CAD")), "old news"


def test_one_that_never_began_ends_without_a_letter(place: Workplace, monthly: Gift) -> None:
    tell(place, monthly, datetime.now(UTC), status="incomplete_expired")
    assert plan_of(place.database, monthly).status == "cancelled"
    assert letters(place.database) == []
