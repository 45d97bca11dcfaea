"""A monthly gift is charged by one subscription, however often its first payment was tried."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from portal.gifts.models import Gift, GiftEvent, Plan, Subscription, SubscriptionState
from portal.gifts.queries import is_superseded
from portal.intake.admission import Caller
from portal.intake.change_mode import change_mode
from portal.payments.models import Checkout
from portal.payments.stripe.subscriptions import stop_plan, supersede
from tests.migrations.test_migrations import copy_row
from tests.payments.stories import (
    fail_first_month,
    find,
    list_events,
    pay_again,
    sandbox_now,
)
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, at, make_workplace, promised_jobs


def receive_all(place: Workplace, sandbox: SandboxProcess, *, newest_first: bool = False) -> None:
    sandbox.control("drain")
    events = list_events(sandbox)
    for event in events[::-1] if newest_first else events:
        place.receive(event)


def plan_of(place: Workplace) -> Plan:
    with place.database.read() as session:
        return session.scalars(sa.select(Plan)).one()


def living(sandbox: SandboxProcess) -> list[str]:
    """What goes on at Stripe, newest first."""
    return [str(one["id"]) for one in find(sandbox, "subscriptions")]


def stop(place: Workplace, gift: Gift) -> None:
    now = datetime.now(UTC)
    stop_plan(at(place.services, now), gift.id, actor="donor")


def ended_for_another(place: Workplace) -> list[Any]:
    with place.database.read() as session:
        told = sa.select(GiftEvent.data).where(GiftEvent.kind == "subscription_ended")
        return [data["subscription"] for data in session.scalars(told)]


def states(place: Workplace) -> dict[str, str]:
    """What the plan makes of each of its subscriptions."""
    with place.database.read() as session:
        rows = session.execute(sa.select(Subscription.stripe_id, Subscription.state))
        return {stripe_id: state.value for stripe_id, state in rows}


@pytest.fixture
def failed(place: Workplace, sandbox: SandboxProcess) -> Gift:
    """A monthly gift whose first bank debit did not come, and that is known."""
    token = fail_first_month(place, sandbox)
    receive_all(place, sandbox)
    gift = place.gift(token)
    assert (gift.status, plan_of(place).running) == ("failed", living(sandbox)[0])
    return gift


def test_paying_again_ends_the_first_subscription_and_follows_the_second(
    place: Workplace, sandbox: SandboxProcess, failed: Gift
) -> None:
    first = plan_of(place).running
    pay_again(place, sandbox, failed.token)
    receive_all(place, sandbox)
    plan = plan_of(place)
    assert living(sandbox) == [plan.running]
    assert plan.running != first
    assert (plan.status, place.gift(failed.token).paid_minor) == ("active", 2513)
    assert ended_for_another(place) == [first]
    assert states(place) == {first: "superseded", plan.running: "followed"}
    assert not [job for job in promised_jobs(place.database) if "monthly_ended" in job]
    stop(place, failed)
    assert living(sandbox) == []
    assert plan_of(place).status == "cancelled"


def test_paying_again_follows_the_second_when_the_first_ended_by_itself(
    place: Workplace, sandbox: SandboxProcess, failed: Gift
) -> None:
    sandbox.api("DELETE", f"/v1/subscriptions/{plan_of(place).running}")
    receive_all(place, sandbox)
    assert plan_of(place).status == "cancelled"
    pay_again(place, sandbox, failed.token)
    receive_all(place, sandbox)
    assert [plan_of(place).running] == living(sandbox) != []


def test_another_mode_ends_the_first_subscription_too(
    place: Workplace, sandbox: SandboxProcess, failed: Gift
) -> None:
    region = place.services.catalogue.by_slug("ca")
    assert region is not None
    services = at(place.services, sandbox_now(sandbox))
    url = change_mode(services, region, failed, key="card", caller=Caller("visitor"))
    assert living(sandbox) == []
    sandbox.pay(url)
    receive_all(place, sandbox)
    assert [plan_of(place).running] == living(sandbox) != []


def test_while_stripe_is_away_nothing_is_handed_off(
    place: Workplace, sandbox: SandboxProcess, failed: Gift, database_url: str
) -> None:
    away = make_workplace(database_url, None)
    assert away.resume(failed.token, sandbox_now(sandbox)).endswith("?trouble=1")
    away.close()
    assert [plan_of(place).running] == living(sandbox)
    with place.database.read() as session:
        assert session.scalar(sa.select(sa.func.count(Checkout.id))) == 1


def test_a_debit_in_flight_when_its_subscription_ended_is_booked_and_changes_no_plan(
    place: Workplace, sandbox: SandboxProcess, failed: Gift
) -> None:
    sandbox.control("advance", seconds=3 * 86_400)
    pay_again(place, sandbox, failed.token)
    receive_all(place, sandbox)
    assert place.gift(failed.token).paid_minor == 2 * 2513
    plan = plan_of(place)
    assert ([plan.running], plan.status) == (living(sandbox), "active")


@pytest.fixture
def doubled(place: Workplace, sandbox: SandboxProcess) -> str:
    """A gift that two subscriptions charge for, of which nothing was heard; its token."""
    token = fail_first_month(place, sandbox)
    pay_again(place, sandbox, token)
    assert len(living(sandbox)) == 2
    return token


@pytest.mark.parametrize("newest_first", [False, True], ids=["in_order", "newest_first"])
def test_of_two_that_began_unheard_the_newer_stays(
    place: Workplace, sandbox: SandboxProcess, doubled: str, newest_first: bool
) -> None:
    newer, older = living(sandbox)
    receive_all(place, sandbox, newest_first=newest_first)
    assert sorted(states(place).values()) == ["beside", "followed"]
    place.work_off()
    receive_all(place, sandbox)
    assert living(sandbox) == [newer]
    assert states(place) == {older: "superseded", newer: "followed"}
    plan = plan_of(place)
    assert (plan.running, plan.status) == (newer, "active")
    assert ended_for_another(place)[0] == older
    assert place.gift(doubled).status == "paid"


@pytest.mark.parametrize("newest_first", [False, True], ids=["in_order", "newest_first"])
def test_stopping_ends_both_before_anybody_looked(
    place: Workplace, sandbox: SandboxProcess, doubled: str, newest_first: bool
) -> None:
    receive_all(place, sandbox, newest_first=newest_first)
    stop(place, place.gift(doubled))
    assert living(sandbox) == []
    place.work_off()
    receive_all(place, sandbox)
    assert plan_of(place).running is None


def test_a_plan_follows_one_subscription_and_dates_the_end_of_others(
    place: Workplace, failed: Gift
) -> None:
    followed, superseded = SubscriptionState.FOLLOWED, SubscriptionState.SUPERSEDED
    for changes in (
        {"stripe_id": "sub_2", "state": followed},
        {"stripe_id": "sub_2", "state": superseded},
        {"state": SubscriptionState.BESIDE},
    ):
        with pytest.raises(sa.exc.IntegrityError), place.database.write() as session:
            copy_row(session, "subscriptions", 1, **changes)


def test_what_is_superseded_is_on_the_story_once(place: Workplace, failed: Gift) -> None:
    assert failed.plan_id is not None
    for _ in range(2):
        with place.services.write() as act:
            supersede(act, failed, failed.plan_id, ["sub_other"])
    assert ended_for_another(place) == ["sub_other"]
    with place.database.read() as session:
        assert is_superseded(session, failed.plan_id, "sub_other")
        assert not is_superseded(session, failed.plan_id, plan_of(place).running or "")
