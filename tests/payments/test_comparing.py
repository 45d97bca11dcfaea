"""Looking at Stripe for what its webhooks may have missed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from portal.clock import FixedClock
from portal.codes.terms import Frequency
from portal.gifts.lifecycle import Status
from portal.money import Money
from portal.payments.providers import Providers
from portal.payments.stripe.comparison import compare_with_stripe, retry_event
from portal.payments.stripe.gateway import Gateway, StripeRefused, StripeUnavailable
from portal.payments.stripe.subscriptions import Stripe
from portal.services import Services
from tests.sandbox_process import SandboxProcess, wait_until
from tests.workplace import Workplace


def later(place: Workplace) -> Services:
    """The same installation ten minutes on."""
    return replace(place.services, clock=FixedClock(datetime.now(UTC) + timedelta(minutes=10)))


def test_a_payment_that_no_webhook_told_of_is_booked(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    started = place.start()
    assert sandbox.pay(started.url).status == 303
    assert place.gift(started.token).status is Status.PENDING
    counts = compare_with_stripe(later(place))
    assert place.gift(started.token).status is Status.PAID
    assert counts["checkouts"] == counts["checkouts_changed"] == 1
    # Stripe still tells of the fee a moment later; once all is known, nothing is news.
    wait_until(lambda: compare_with_stripe(later(place))["events_new"] == 0)


def test_a_payment_found_long_after_counts_for_the_day_it_was_made(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    started = place.start()
    sandbox.pay(started.url)
    charged = sandbox.api("GET", "/v1/charges?limit=1").json["data"][0]["created"]
    after = FixedClock(datetime.fromtimestamp(charged, UTC) + timedelta(days=400))
    compare_with_stripe(replace(place.services, clock=after))
    gift = place.gift(started.token)
    assert gift.status is Status.PAID
    assert gift.received_at is not None
    assert abs(gift.received_at - datetime.fromtimestamp(charged, UTC)) < timedelta(minutes=1)


def test_a_first_month_found_long_after_counts_for_the_day_it_was_paid(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    started = place.start(frequency=Frequency.MONTHLY)
    sandbox.pay(started.url)
    after = FixedClock(datetime.now(UTC) + timedelta(days=400))
    compare_with_stripe(replace(place.services, clock=after))
    received_at = place.gift(started.token).received_at
    assert received_at is not None
    assert abs(received_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_key_that_stripe_refuses_sets_no_event_aside(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    """A refund's event that comes first asks whose it is, with a key that was rolled."""
    started = place.start()
    sandbox.pay(started.url)
    [charge] = sandbox.api("GET", "/v1/charges?limit=1").json["data"]
    form = {"payment_intent": charge["payment_intent"], "amount": "1003"}
    sandbox.api("POST", "/v1/refunds", form)
    events = sandbox.api("GET", "/v1/events?limit=50").json["data"]
    first = next(event for event in events if event["type"] == "refund.created")
    place.receive(first)
    wrong = {"stripe_secret_key": SecretStr("sk_test_wrong")}
    gateway = Gateway(place.services.settings.model_copy(update=wrong))
    [waiting] = place.waiting()
    with pytest.raises(StripeRefused):
        retry_event(replace(place.services, providers=Providers(Stripe(gateway))), waiting)
    assert place.waiting() == [waiting]
    for event in reversed(events):
        place.receive(event)
    gift = place.gift(started.token)
    assert (gift.status, gift.refunded_minor) == (Status.PARTLY_REFUNDED, 1003)


def test_a_hand_off_that_stripe_does_not_know_holds_up_no_other(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    place.start()
    sandbox.control("reset")
    known = place.start(money=Money(1003, "CAD"))
    sandbox.pay(known.url)
    counts = compare_with_stripe(later(place))
    assert counts["checkouts"] == 2
    assert place.gift(known.token).status is Status.PAID


def test_while_stripe_is_away_nothing_changes(place: Workplace, sandbox: SandboxProcess) -> None:
    started = place.start()
    sandbox.pay(started.url)
    sandbox.control("outage", seconds=60)
    with pytest.raises(StripeUnavailable):
        compare_with_stripe(later(place))
    sandbox.control("outage", seconds=0)
    assert place.gift(started.token).status is Status.PENDING
    compare_with_stripe(later(place))
    assert place.gift(started.token).status is Status.PAID
