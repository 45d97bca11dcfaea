"""A donor changes a monthly gift: what Stripe is asked, and what it says when it is read back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.database import Database
from portal.gifts.models import Gift, GiftEvent, Plan, PlanStatus
from portal.money import Money
from portal.payments.providers import ProviderRefused
from portal.payments.stripe.gateway import StripeRefused, StripeUnavailable
from portal.payments.stripe.plan_changes import (
    NotChanged,
    Wish,
    change_plan_of,
    wish_amount,
    wish_pause,
    wish_resume,
    wish_retry,
)
from portal.payments.stripe.subscriptions import stop_plan
from tests.payments.stories import find, list_events
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, make_workplace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DONOR = "donor:7"
DAY = 86_400


@pytest.fixture
def monthly(place: Workplace, sandbox: SandboxProcess) -> Gift:
    """A monthly gift whose first month is paid and known."""
    started = place.start(frequency=Frequency.MONTHLY, money=Money(2513, "CAD"))
    sandbox.pay(started.url)
    hear(place, sandbox)
    return place.gift(started.token)


def hear(place: Workplace, sandbox: SandboxProcess) -> None:
    sandbox.control("drain")
    for event in list_events(sandbox):
        place.receive(event)
    place.work_off()


def change(place: Workplace, gift: Gift, wish: Wish) -> None:
    change_plan_of(place.services, gift.id, wish, actor=DONOR)


def plan_of(place: Workplace, gift: Gift) -> Plan:
    with place.database.read() as session:
        return session.get_one(Plan, gift.plan_id)


def story_of(database: Database, gift: Gift) -> list[tuple[str, str, Any]]:
    with database.read() as session:
        rows = session.execute(
            sa.select(GiftEvent.kind, GiftEvent.actor, GiftEvent.data)
            .where(GiftEvent.gift_id == gift.id, GiftEvent.kind.startswith("monthly_"))
            .order_by(GiftEvent.id)
        )
        return [(kind, actor, data.get("change")) for kind, actor, data in rows]


def charged(sandbox: SandboxProcess) -> list[int]:
    """What was taken, the oldest first."""
    return [one["amount"] for one in find(sandbox, "charges") if one["paid"]][::-1]


def test_another_amount_is_taken_from_the_next_time_on(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    change(place, monthly, wish_amount(Money(4001, "CAD")))
    assert plan_of(place, monthly).money == Money(4001, "CAD")
    assert charged(sandbox) == [2513], "nothing is taken, nor prorated, today"
    sandbox.control("advance", to="renewal")
    hear(place, sandbox)
    assert charged(sandbox) == [2513, 4001]
    with place.database.read() as session:
        newest = session.scalars(sa.select(Gift).order_by(Gift.id.desc()).limit(1)).one()
    assert (newest.amount_minor, newest.status) == (4001, "paid")
    assert story_of(place.database, monthly) == [
        ("monthly_change_requested", DONOR, "amount"),
        ("monthly_changed", DONOR, "amount"),
    ]


def test_an_amount_is_changed_again_and_again(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    for minor in (4001, 1733, 2513):
        change(place, monthly, wish_amount(Money(minor, "CAD")))
    assert plan_of(place, monthly).amount_minor == 2513


def test_an_answer_that_is_lost_makes_no_second_product(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    sandbox.control("outage", lose_answers=2)
    change(place, monthly, wish_amount(Money(4001, "CAD")))
    assert plan_of(place, monthly).amount_minor == 4001
    updates = [
        one for one in list_events(sandbox) if one["type"] == "customer.subscription.updated"
    ]
    assert len(updates) == 1


def test_nothing_is_taken_in_a_pause_and_then_it_goes_on(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=70)
    change(place, monthly, wish_pause(until))
    plan = plan_of(place, monthly)
    assert (plan.status, plan.paused_until) == (PlanStatus.PAUSED, until)
    sandbox.control("advance", seconds=65 * DAY)
    hear(place, sandbox)
    assert plan_of(place, monthly).status is PlanStatus.PAUSED
    assert charged(sandbox) == [2513]
    assert {one["status"] for one in find(sandbox, "invoices")} == {"paid", "void"}
    sandbox.control("advance", seconds=40 * DAY)
    hear(place, sandbox)
    plan = plan_of(place, monthly)
    assert (plan.status, plan.paused_until) == (PlanStatus.ACTIVE, None)
    assert charged(sandbox) == [2513, 2513], "what was paused is not made up for"


def test_a_pause_ends_before_its_time(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    change(place, monthly, wish_pause(datetime.now(UTC) + timedelta(days=70)))
    change(place, monthly, wish_resume())
    plan = plan_of(place, monthly)
    assert (plan.status, plan.paused_until) == (PlanStatus.ACTIVE, None)
    sandbox.control("advance", to="renewal")
    assert charged(sandbox) == [2513, 2513]
    assert [what for _, _, what in story_of(place.database, monthly)][::2] == ["pause", "resume"]


def test_what_happens_at_stripe_is_heard(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    subscription = plan_of(place, monthly).stripe_subscription_id
    form = {"pause_collection[behavior]": "void"}
    assert sandbox.api("POST", f"/v1/subscriptions/{subscription}", form=form).status == 200
    hear(place, sandbox)
    assert plan_of(place, monthly).status is PlanStatus.PAUSED
    cleared = {"pause_collection": ""}
    assert sandbox.api("POST", f"/v1/subscriptions/{subscription}", form=cleared).status == 200
    hear(place, sandbox)
    assert plan_of(place, monthly).status is PlanStatus.ACTIVE


@pytest.fixture
def failing(place: Workplace, sandbox: SandboxProcess, monthly: Gift) -> Gift:
    """The same once a month could not be charged."""
    sandbox.control("fail_next_renewal", count=1)
    sandbox.control("advance", to="renewal")
    hear(place, sandbox)
    assert plan_of(place, monthly).status is PlanStatus.PAST_DUE
    return monthly


def test_a_month_that_failed_is_tried_again(
    place: Workplace, sandbox: SandboxProcess, failing: Gift
) -> None:
    change(place, failing, wish_retry())
    assert plan_of(place, failing).status is PlanStatus.ACTIVE
    hear(place, sandbox)
    assert charged(sandbox) == [2513, 2513]
    sandbox.control("advance", seconds=5 * DAY)
    assert charged(sandbox) == [2513, 2513], "Stripe's own next try finds it paid"


def test_a_try_that_is_refused_says_why_and_changes_nothing(
    place: Workplace, sandbox: SandboxProcess, failing: Gift
) -> None:
    sandbox.control("fail_next_renewal", count=1)
    with pytest.raises(StripeRefused) as refusal:
        change(place, failing, wish_retry())
    assert refusal.value.message == "Your card was declined."
    assert plan_of(place, failing).status is PlanStatus.PAST_DUE


def test_while_stripe_is_away_only_the_wish_is_kept(
    place: Workplace, monthly: Gift, sandbox: SandboxProcess
) -> None:
    away = make_workplace(place.database.url.render_as_string(hide_password=False), None)
    with pytest.raises(StripeUnavailable):
        change(away, monthly, wish_amount(Money(4001, "CAD")))
    away.close()
    assert plan_of(place, monthly).amount_minor == 2513
    assert story_of(place.database, monthly) == [("monthly_change_requested", DONOR, "amount")]


def test_what_did_not_come_true_is_not_said_to_be_saved(place: Workplace, monthly: Gift) -> None:
    deaf = Wish({"change": "nothing"}, lambda *_: None, lambda _: False)
    with pytest.raises(NotChanged):
        change(place, monthly, deaf)
    assert [kind for kind, *_ in story_of(place.database, monthly)] == ["monthly_change_requested"]


def test_one_that_ended_is_changed_no_more(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    stop_plan(place.services, monthly.id, actor=DONOR)
    for wish in (wish_amount(Money(4001, "CAD")), wish_resume(), wish_retry()):
        with pytest.raises(ProviderRefused):
            change(place, monthly, wish)
    assert plan_of(place, monthly).status is PlanStatus.CANCELLED


@pytest.mark.parametrize("behavior", ["void", "mark_uncollectible", "keep_as_draft"])
def test_the_sandbox_charges_no_month_of_a_pause(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift, behavior: str
) -> None:
    subscription = plan_of(place, monthly).stripe_subscription_id
    form = {"pause_collection[behavior]": behavior}
    assert sandbox.api("POST", f"/v1/subscriptions/{subscription}", form=form).status == 200
    sandbox.control("advance", to="renewal")
    assert charged(sandbox) == [2513]


def test_the_sandbox_refuses_what_stripe_does(
    place: Workplace, sandbox: SandboxProcess, monthly: Gift
) -> None:
    address = f"/v1/subscriptions/{plan_of(place, monthly).stripe_subscription_id}"
    past = {"pause_collection[behavior]": "void", "pause_collection[resumes_at]": "5"}
    for form in (
        past,
        {"pause_collection[behavior]": "dream"},
        {"pause_collection[resumes_at]": "9"},
    ):
        assert sandbox.api("POST", address, form=form).status == 400
    paid = find(sandbox, "invoices")[0]["id"]
    assert sandbox.api("POST", f"/v1/invoices/{paid}/pay", form={}).status == 400
    item = sandbox.api("GET", address).json["items"]["data"][0]
    archived = {
        "items[0][id]": item["id"],
        "items[0][price_data][currency]": "cad",
        "items[0][price_data][product]": item["price"]["product"],
        "items[0][price_data][recurring][interval]": "month",
        "items[0][price_data][unit_amount]": "4001",
    }
    assert "inactive" in sandbox.api("POST", address, form=archived).text
