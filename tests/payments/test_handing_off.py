"""From a gift's page to Stripe and back: one hand-off at a time, and few questions."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from portal.intake.admission import Caller, admit
from portal.money import Money
from portal.payments.models import Checkout
from tests.payments.stories import find, list_events, sandbox_now
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, act_in


@pytest.fixture
def expired(place: Workplace, sandbox: SandboxProcess) -> str:
    """A gift whose payment page ran out, and that is known; its token."""
    started = place.start(money=Money(10_003, "CAD"))
    session_id = find(sandbox, "checkout/sessions")[0]["id"]
    assert sandbox.api("POST", f"/v1/checkout/sessions/{session_id}/expire").status == 200
    receive_all(place, sandbox)
    assert place.gift(started.token).status == "expired"
    return started.token


def receive_all(place: Workplace, sandbox: SandboxProcess) -> None:
    sandbox.control("drain")
    for event in list_events(sandbox):
        place.receive(event)


def test_a_gift_sent_to_stripe_four_times_at_once_can_be_paid_once(
    place: Workplace, sandbox: SandboxProcess, expired: str
) -> None:
    now = sandbox_now(sandbox)
    networks = [f"network {number}" for number in range(4)]
    with ThreadPoolExecutor(len(networks)) as pool:
        with place.database.write() as session:
            # Who is about to begin a payment waits for this one to be counted.
            admit(act_in(session, now, place.services), Caller("another network"))
            pressed = [pool.submit(place.resume, expired, now, network) for network in networks]
            time.sleep(1)
        urls = {one.result() for one in pressed}
    with place.database.read() as session:
        assert session.scalar(sa.select(sa.func.count(Checkout.id))) == 2
    assert len(urls) == 1
    assert sandbox.pay(urls.pop()).status == 303
    receive_all(place, sandbox)
    gift = place.gift(expired)
    assert (gift.status, gift.paid_minor) == ("paid", 10_003)
