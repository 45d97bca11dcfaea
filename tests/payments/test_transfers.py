"""Transfers looked after: reminded on their days, given up, never closed to late money."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift, LedgerEntry
from portal.gifts.operations import lock_gift
from portal.intake.admission import Caller
from portal.intake.change_mode import change_mode
from portal.payments.operations import accept
from portal.payments.providers import Providers
from portal.payments.stripe.gateway import Gateway
from portal.payments.stripe.subscriptions import Stripe
from portal.payments.transfers import (
    BATCH,
    ReminderSchedule,
    TransferWatch,
    follow_transfers,
    set_expiry,
    stop_reminders,
    take_word,
)
from portal.services import Services
from tests.sandbox_process import SandboxProcess
from tests.workplace import Workplace, act_in, make_workplace, promised_jobs

DAY = timedelta(days=1)


@pytest.fixture
def office(catalogued: Database, database_url: str) -> Iterator[Workplace]:
    """An installation without Stripe."""
    place = make_workplace(database_url, None)
    yield place
    place.close()


@pytest.fixture
def gift(office: Workplace) -> Gift:
    """An e-Transfer of Canada: reminded after 2, 7 and 14 days, given up after 30."""
    return office.gift(office.start(mode="interac").token)


def look(office: Workplace, gift: Gift, days: float) -> list[str]:
    """The worker's look so many days after the gift; all the letters promised so far."""
    services = replace(office.services, clock=FixedClock(gift.created_at + timedelta(days=days)))
    while follow_transfers(services):
        pass
    return letters(office)


def letters(office: Workplace) -> list[str]:
    prefix = "send_letter-"
    names = promised_jobs(office.database)
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def reminders(found: list[str]) -> list[str]:
    return [name.rpartition(":")[2] for name in found if name.startswith("gift_reminder")]


def status(office: Workplace, gift: Gift) -> Status:
    return office.gift(gift.token).status


def pay(office: Workplace, gift: Gift) -> None:
    now = datetime.now(UTC)
    claim = Claim(
        fact=FactKind.PAID,
        subject="line-1-1",
        occurred_at=now,
        money=gift.money,
        source=Source.STATEMENT,
        actor="staff:1",
    )
    with office.database.write() as session:
        accept(act_in(session, now, office.services), gift.id, [claim])


def test_reminds_once_on_each_day_of_the_mode(office: Workplace, gift: Gift) -> None:
    told = [reminders(look(office, gift, day)) for day in (1.9, 2, 2.5, 7, 14, 20)]
    assert told == [[], ["1-1"], ["1-1"], ["1-1", "1-2"], *[["1-1", "1-2", "1-3"]] * 2]


def test_a_worker_that_slept_sends_only_the_last_reminder(office: Workplace, gift: Gift) -> None:
    assert reminders(look(office, gift, 15)) == ["1-3"]


@pytest.mark.parametrize("quiet", ["paid", "word", "stopped"])
def test_nobody_is_reminded_who_paid_wrote_or_said_stop(
    office: Workplace, gift: Gift, quiet: str
) -> None:
    look(office, gift, 2)
    schedule, now = ReminderSchedule((2, 7, 14), 30), datetime.now(UTC)
    if quiet == "paid":
        pay(office, gift)
    else:
        with office.database.write() as session:
            held = lock_gift(session, gift.id)
            if quiet == "word":
                take_word(act_in(session, now), held, schedule)
            else:
                stop_reminders(act_in(session, now), held)
    assert reminders(look(office, gift, 20)) == ["1-1"]


def test_gives_up_when_the_time_is_over_and_not_before(office: Workplace, gift: Gift) -> None:
    look(office, gift, 29.9)
    assert status(office, gift) is Status.PENDING
    for _ in range(2):
        look(office, gift, 30)
        assert status(office, gift) is Status.EXPIRED
    assert look(office, gift, 400) == look(office, gift, 30)


def test_money_for_a_gift_that_was_given_up_revives_it(office: Workplace, gift: Gift) -> None:
    look(office, gift, 31)
    assert status(office, gift) is Status.EXPIRED
    pay(office, gift)
    assert status(office, gift) is Status.PAID
    with office.database.read() as session:
        booked = session.scalars(sa.select(LedgerEntry.amount_minor)).all()
    assert booked == [gift.amount_minor]


def test_staff_give_more_time_and_a_new_end_counts(office: Workplace, gift: Gift) -> None:
    look(office, gift, 31)
    later = gift.created_at + timedelta(days=50)
    with office.database.write() as session:
        set_expiry(
            act_in(session, datetime.now(UTC), office.services, actor="staff:1"),
            lock_gift(session, gift.id),
            ReminderSchedule((2, 7, 14), 30),
            later,
        )
    assert status(office, gift) is Status.PENDING
    look(office, gift, 49)
    assert status(office, gift) is Status.PENDING
    look(office, gift, 51)
    assert status(office, gift) is Status.EXPIRED


def test_a_long_row_is_worked_off_in_steps(office: Workplace) -> None:
    gifts = [
        office.gift(office.start(mode="interac", donor={"email": f"d{n}@example.org"}).token)
        for n in range(7)
    ]
    services = replace(office.services, clock=FixedClock(gifts[-1].created_at + 2 * DAY))
    assert [follow_transfers(services, most=3) for _ in range(4)] == [3, 3, 1, 0]
    assert len(reminders(letters(office))) == 7
    assert BATCH <= 100


def test_what_is_due_is_found_by_an_index(office: Workplace, gift: Gift) -> None:
    if not office.database.is_sqlite:
        pytest.skip("SQLite's plan says it plainly; the index is the same")
    with office.database.read() as session:
        plan = session.execute(
            sa.text(
                "EXPLAIN QUERY PLAN SELECT gift_id FROM transfer_watches"
                " WHERE next_at <= '2030-01-01' ORDER BY next_at LIMIT 100"
            )
        ).all()
    assert [row[-1].partition("INDEX ")[2] for row in plan] == [
        "ix_transfer_watches_next_at (next_at<?)"
    ]


@given(
    days=st.lists(st.integers(1, 59), unique=True, max_size=5).map(sorted),
    now=st.integers(0, 70),
)
def test_the_next_look_is_always_ahead_of_what_is_done(days: list[int], now: int) -> None:
    begun = datetime(2026, 11, 23, tzinfo=UTC)
    schedule = ReminderSchedule(tuple(days), 60)
    done = schedule.due_reminders(begun, begun + now * DAY)
    following = schedule.next_look(begun, done, schedule.expires_at(begun))
    assert following > begun + now * DAY or now >= 60
    assert following <= begun + 60 * DAY


def change(place: Workplace, token: str, key: str, services: Services | None = None) -> str:
    region = place.services.catalogue.by_slug("ca")
    assert region is not None
    return change_mode(
        services or place.services,
        region,
        place.gift(token),
        key=key,
        caller=Caller("visitor"),
    )


def session_of(sandbox: SandboxProcess, url: str) -> str:
    return url.rpartition("/")[2]


def test_what_is_open_at_stripe_is_closed_before_a_transfer_is_told(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    begun = place.start(mode="card")
    assert change(place, begun.token, "interac") == f"/gift/{begun.token}"
    found = sandbox.api("GET", f"/v1/checkout/sessions/{session_of(sandbox, begun.url)}").json
    assert found["status"] == "expired"
    assert sandbox.pay(begun.url).status != 303
    kept = place.gift(begun.token)
    assert (kept.mode, kept.status) == ("interac", Status.PENDING)
    for event in sandbox.api("GET", "/v1/events?limit=20").json["data"]:
        place.receive(event)
    assert place.gift(begun.token).status is Status.PENDING


def test_a_gift_paid_in_another_window_is_not_changed_but_booked(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    begun = place.start(mode="card")
    assert sandbox.pay(begun.url).status == 303
    assert change(place, begun.token, "interac") == f"/gift/{begun.token}"
    kept = place.gift(begun.token)
    assert (kept.mode, kept.status) == ("card", Status.PAID)


def test_while_stripe_falters_a_gift_paid_in_another_window_is_not_changed(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    class Faltering(Gateway):
        """Stripe says no to closing a session, and then nothing any more."""

        def expire_checkout(self, session_id: str) -> None:
            try:
                super().expire_checkout(session_id)
            finally:
                sandbox.control("outage", seconds=3600)

    begun = place.start(mode="card")
    assert sandbox.pay(begun.url).status == 303
    services = replace(
        place.services, providers=Providers(Stripe(Faltering(place.services.settings)))
    )
    assert change(place, begun.token, "interac", services) == f"/gift/{begun.token}?trouble=1"
    kept = place.gift(begun.token)
    assert (kept.mode, kept.status) == ("card", Status.PENDING)
    assert letters(place) == []
    sandbox.control("outage", seconds=0, requests=0)
    assert change(place, begun.token, "interac") == f"/gift/{begun.token}"
    assert place.gift(begun.token).status is Status.PAID


def test_a_transfer_becomes_a_card_gift_and_is_handed_to_stripe(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    begun = place.start(mode="interac")
    url = change(place, begun.token, "card")
    assert url.startswith(sandbox.url)
    assert sandbox.pay(url).status == 303
    for event in sandbox.api("GET", "/v1/events?limit=20").json["data"]:
        place.receive(event)
    kept = place.gift(begun.token)
    assert (kept.mode, kept.status) == ("card", Status.PAID)
    with place.database.read() as session:
        watch = session.get_one(TransferWatch, kept.id)
        assert session.scalar(sa.select(sa.func.count()).select_from(Gift)) == 1
    assert watch.next_at is None


def test_a_failed_debit_is_sent_by_transfer_instead(
    place: Workplace, sandbox: SandboxProcess
) -> None:
    begun = place.start(mode="bank_debit")
    sandbox.submit(begun.url, method="bank_debit", outcome="fails")
    sandbox.control("advance", seconds=8 * 24 * 3600)
    for event in reversed(sandbox.api("GET", "/v1/events?limit=50").json["data"]):
        place.receive(event)
    assert place.gift(begun.token).status is Status.FAILED
    change(place, begun.token, "interac")
    assert place.gift(begun.token).status is Status.PENDING


def test_while_stripe_is_away_nothing_changes(
    place: Workplace, database_url: str, sandbox: SandboxProcess
) -> None:
    begun = place.start(mode="card")
    away = make_workplace(database_url, None)
    assert change(away, begun.token, "interac") == f"/gift/{begun.token}?trouble=1"
    away.close()
    assert place.gift(begun.token).mode == "card"
