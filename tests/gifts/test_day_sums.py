"""Sums of days are what the ledger says, whatever happened, in whatever order, at once or not."""

import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from portal.codes.terms import Frequency, Pledge
from portal.database import Database
from portal.donors import DonorDetails
from portal.gifts.day_sums import (
    MOST_FOLDED,
    Day,
    DayKind,
    compare_days,
    count_days,
    count_ledger,
    fold_changes,
    has_changes,
    read_days,
    recount,
    sum_received,
)
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import Fact, FactKind
from portal.gifts.models import DayChange, DaySum, Gift
from portal.gifts.operations import add_gift, book_claims, lock_gift
from portal.money import Money
from portal.regions.queries import load_catalogue
from portal.worker import fold_days
from tests.conftest import NOW
from tests.workplace import act_in, make_workplace

PLACES = {"ca": "CAD", "au": "AUD", "jp": "JPY", "in": "INR"}
NUMBERS = itertools.count()
NOVEMBER = date(2026, 11, 1), date(2026, 11, 30)
# Payment, refund, dispute and fee can each be told in any of its words.
KINDS = (
    FactKind.PAID,
    FactKind.WITHDRAWN,
    FactKind.SETTLED,
    FactKind.FEE,
    FactKind.REFUND_PENDING,
    FactKind.REFUNDED,
    FactKind.REFUND_FAILED,
    FactKind.DISPUTE_OPENED,
    FactKind.DISPUTE_WON,
    FactKind.DISPUTE_LOST,
    FactKind.FAILED,
)


def promise(session: Session, region: str = "ca") -> Gift:
    money = Money(5000, PLACES[region])
    pledge = Pledge(
        given=money,
        cover=Money(0, money.currency),
        region=region,
        fund="missions",
        mode="bank",
        frequency=Frequency.ONCE,
        code=None,
    )
    donor = DonorDetails(first_name="Ada", last_name="Eze", email="ada@example.org")
    return add_gift(act_in(session, NOW), pledge, donor, donor_id=None, partner=None)


def claim(kind: FactKind, subject: str, at: datetime, money: Money | None) -> Claim:
    return Claim(
        fact=kind,
        subject=subject,
        occurred_at=at,
        money=money,
        source=Source.STATEMENT,
        actor="staff:1",
    )


def book(session: Session, gift: Gift, claims: Sequence[Claim]) -> None:
    timezone = load_catalogue(session).timezone_of(gift.region)
    book_claims(act_in(session, NOW), gift, claims, timezone=timezone)


def check(database: Database) -> None:
    """The sums are the ledger's, and none is doubled by what waits."""
    with database.read() as session:
        held = count_ledger(session, load_catalogue(session).timezone_of)
        assert read_days(session) == held


Said = tuple[FactKind, int, int]


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[int], list[list[Said]]]:
    """A region, the amount of each subject, and batches of what was said of a gift.

    That is a kind, the number of a subject and a quarter of an hour; the same is often said
    again, also as of another day. Whatever takes something back names the same amount.
    """
    said = st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, 4 * 24 * 3))
    batches = st.lists(st.lists(said, min_size=1, max_size=5), min_size=1, max_size=5)
    amounts = st.lists(st.integers(0, 9), min_size=3, max_size=3)
    return draw(st.sampled_from(sorted(PLACES))), draw(amounts), draw(batches)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories(), folds=st.sets(st.integers(0, 5)))
def test_sums_are_the_ledger_s_after_any_history(
    catalogued: Database, history: tuple[str, list[int], list[list[Said]]], folds: set[int]
) -> None:
    region, amounts, batches = history
    begun, number = datetime(2026, 11, 29, tzinfo=UTC), next(NUMBERS)
    with catalogued.write() as session:
        gift_id = promise(session, region).id
    for turn, batch in enumerate(batches):
        claims = [
            claim(
                kind,
                f"{number}-{subject}",
                begun + timedelta(minutes=15 * quarter),
                Money(amounts[subject], PLACES[region]) if amounts[subject] else None,
            )
            for kind, subject, quarter in batch
        ]
        with catalogued.write() as session:
            book(session, lock_gift(session, gift_id), claims)
            if turn in folds:
                fold_changes(session)
    check(catalogued)


def fact(kind: FactKind, minor: int = 5000, day: int = 1, subject: str = "a") -> Fact:
    return Fact(kind, subject, minor, "CAD", datetime(2026, 11, day, 17, tzinfo=UTC))


def test_what_was_taken_back_counts_on_no_day() -> None:
    november = Day(DayKind.RECEIVED, date(2026, 11, 1), "CAD")
    paid, withdrawn = fact(FactKind.PAID), fact(FactKind.WITHDRAWN, day=9)
    assert count_days([paid], "America/Toronto") == {november: 5000}
    assert count_days([paid, withdrawn], "America/Toronto") == {}
    assert compare_days([paid, withdrawn], [withdrawn], "UTC") == {november: -5000}
    assert compare_days([withdrawn, paid], [paid], "UTC") == {}


def test_each_kind_counts_on_its_own_day() -> None:
    facts = [
        fact(FactKind.PAID, 5000, 1),
        fact(FactKind.FEE, 175, 2),
        fact(FactKind.REFUNDED, 1000, 3, "re-1"),
        fact(FactKind.REFUNDED, 500, 4, "re-2"),
        fact(FactKind.REFUND_FAILED, 500, 9, "re-2"),
        fact(FactKind.DISPUTE_OPENED, 3500, 5, "dp-1"),
        fact(FactKind.DISPUTE_LOST, 3500, 6, "dp-1"),
        fact(FactKind.PAID, 0, 7, "free"),
    ]
    told = {(day.kind.value, day.day.day): minor for day, minor in count_days(facts, "UTC").items()}
    expected = {("received", 1): 5000, ("fee", 2): 175, ("refunded", 3): 1000, ("lost", 6): 3500}
    assert told == expected


@pytest.mark.parametrize("seed", range(30))
def test_no_order_of_facts_changes_the_sums(seed: int) -> None:
    chance = random.Random(seed)
    facts = [
        fact(kind, chance.randint(0, 3), chance.randint(1, 3), chance.choice("ab"))
        for kind in KINDS
        for _ in range(2)
    ]
    facts = list({(one.kind, one.subject): one for one in facts}.values())
    chance.shuffle(facts)
    summed: dict[Day, int] = {}
    for at, one in enumerate(facts):
        for day, minor in compare_days(facts[: at + 1], [one], "UTC").items():
            summed[day] = summed.get(day, 0) + minor
    assert {day: minor for day, minor in summed.items() if minor} == count_days(facts, "UTC")


def pay_at(database: Database, at: datetime, region: str = "ca") -> int:
    with database.write() as session:
        gift = promise(session, region)
        paid = claim(FactKind.PAID, f"p-{next(NUMBERS)}", at, gift.money)
        book(session, gift, [paid])
        return gift.id


def test_a_month_s_sum_goes_by_each_issuer_s_calendar(catalogued: Database) -> None:
    at = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
    pay_at(catalogued, at)
    pay_at(catalogued, at, "au")
    with catalogued.write() as session:
        assert sum_received(session, *NOVEMBER) == [Money(5000, "CAD")]
        fold_changes(session)
        assert sum_received(session, *NOVEMBER) == [Money(5000, "CAD")]
        assert not has_changes(session)


def test_folding_adds_to_what_is_there(catalogued: Database) -> None:
    for _ in range(3):
        pay_at(catalogued, NOW)
        with catalogued.write() as session:
            assert has_changes(session)
            assert not fold_changes(session)
    check(catalogued)
    with catalogued.read() as session:
        assert session.scalars(sa.select(DaySum.minor)).all() == [15_000]
        assert session.scalars(sa.select(DayChange)).all() == []


def test_the_worker_folds_all_that_waits(catalogued: Database, database_url: str) -> None:
    for day in range(3):
        pay_at(catalogued, NOW + timedelta(days=day))
    place = make_workplace(database_url, None)
    fold_days(place.services)
    fold_days(place.services)
    place.close()
    with catalogued.read() as session:
        assert not has_changes(session)
        assert session.scalars(sa.select(DaySum.minor)).all() == [5000] * 3


def test_folding_takes_so_many_at_a_time(catalogued: Database) -> None:
    row = {"kind": "fee", "day": NOVEMBER[0], "currency": "CAD", "region": "ca", "minor": 1}
    with catalogued.write() as session:
        session.execute(sa.insert(DayChange), [row] * (MOST_FOLDED + 1))
    with catalogued.write() as session:
        assert fold_changes(session)
        assert not fold_changes(session)
        assert session.scalars(sa.select(DaySum.minor)).all() == [MOST_FOLDED + 1]


def test_a_recount_says_what_the_ledger_does(catalogued: Database) -> None:
    pay_at(catalogued, NOW)
    with catalogued.write() as session:
        fold_changes(session)
        session.execute(sa.update(DaySum).values(minor=1))
    pay_at(catalogued, NOW)
    with catalogued.write() as session:
        recount(session, load_catalogue(session).timezone_of)
    check(catalogued)


def together(count: int, work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(work, number) for number in range(count)]:
            done.result(60)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_bookings_of_one_day_do_not_wait_for_one_another(catalogued: Database) -> None:
    """Each holds its transaction open until all have booked, and one folds meanwhile."""
    bookings = 6
    all_booked = Barrier(bookings + 1, timeout=30)
    pay_at(catalogued, NOW)

    def work(number: int) -> None:
        with catalogued.write() as session:
            if number == bookings:
                fold_changes(session)
            else:
                gift = promise(session)
                paid = claim(FactKind.PAID, f"p-{next(NUMBERS)}", NOW, gift.money)
                book(session, gift, [paid])
            all_booked.wait()

    together(bookings + 1, work)
    check(catalogued)
    with catalogued.read() as session:
        assert sum_received(session, *NOVEMBER) == [Money(5000 * (bookings + 1), "CAD")]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nothing_is_lost_or_doubled_while_many_fold_and_book(catalogued: Database) -> None:
    def work(number: int) -> None:
        for turn in range(6):
            if number < 4:
                pay_at(catalogued, NOW + timedelta(days=turn), sorted(PLACES)[number])
            elif number == 6:
                with catalogued.write() as session:
                    recount(session, load_catalogue(session).timezone_of)
            else:
                with catalogued.write() as session:
                    fold_changes(session)
            with catalogued.read() as session:
                assert all(money.minor % 5000 == 0 for money in sum_received(session, *NOVEMBER))

    together(7, work)
    check(catalogued)
