"""From a gift's page to Stripe and back: one hand-off at a time, and few questions."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest
import sqlalchemy as sa

from portal.codes.terms import Frequency
from portal.database import Database
from portal.intake.admission import Caller, admit
from portal.intake.start import start_gift
from portal.money import Money
from portal.payments.models import Checkout
from tests.payments.stories import find, list_events, sandbox_now
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, act_in, make_order


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


UNCOUNTED = ("BEGIN", "COMMIT", "PRAGMA")


@contextmanager
def listening(database: Database) -> Iterator[list[str]]:
    """The first words of all statements that SQLite runs, one for each row of a batch."""
    heard: list[str] = []

    def hear(text: str) -> None:
        first = " ".join(text.split()[:3])
        if not text.startswith(UNCOUNTED) and "catalogue_state" not in text:
            heard.append(first)

    def listen(connection: Any, *_: object) -> None:
        connection.set_trace_callback(hear)

    engines = {database.writer, database.reader}
    for engine in engines:
        sa.event.listen(engine, "checkout", listen)
    yield heard
    for engine in engines:
        sa.event.remove(engine, "checkout", listen)


@pytest.mark.parametrize("frequency", list(Frequency))
def test_a_hand_off_takes_ten_statements(place: Workplace, frequency: Frequency) -> None:
    """A donor nobody knew, with a code, whose use is a row; a monthly gift has a row more."""
    if not place.database.is_sqlite:
        pytest.skip("SQLite tells each statement that it runs; both engines are sent the same")
    place.start(code="LWCAN", fund="partnership")
    order = make_order(
        place,
        code="LWCAN",
        fund="partnership",
        money=Money(9_001, "CAD"),
        frequency=frequency,
        donor={"email": "new@example.org"},
    )
    with listening(place.database) as heard:
        assert "/pay/cs_" in start_gift(place.services, order).url
    batches = [one for one, _ in groupby(heard)]
    assert len(batches) == 10 + (frequency is Frequency.MONTHLY), "\n".join(heard)
    kinds = [one.split()[0] for one in batches]
    assert kinds == ["SELECT", *["INSERT"] * (len(kinds) - 3), "UPDATE", "INSERT"]


def test_two_who_begin_at_once_with_one_new_address_are_one_donor(place: Workplace) -> None:
    with ThreadPoolExecutor(4) as pool:
        started = list(
            pool.map(lambda minor: place.start(money=Money(minor, "CAD")), range(5_001, 5_009))
        )
    gifts = [place.gift(one.token) for one in started]
    assert len({gift.donor_id for gift in gifts}) == 1
    assert len({gift.reference for gift in gifts}) == len(gifts)
