"""Looking at Stripe for what its webhooks may have missed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.clock import FixedClock
from portal.gifts.lifecycle import Status
from portal.money import Money
from portal.payments.followups import Bench, compare_with_stripe
from portal.payments.gateway import StripeUnavailable
from tests.sandbox_process import SandboxProcess, wait_until
from tests.workplace import Workplace


def later(place: Workplace) -> Bench:
    """The same installation ten minutes on."""
    return replace(place.bench, clock=FixedClock(datetime.now(UTC) + timedelta(minutes=10)))


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
