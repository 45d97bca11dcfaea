"""Any order, repetition and loss of a gift's events ends in one and the same ledger.

Each story is played once at the sandbox. Every example gets a copy of the database as it
was when the gifts had been started, and Stripe's events in an order of its own, some twice,
some never; what never came is found by the comparison with Stripe.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.database import Database
from portal.gifts.day_sums import count_ledger, read_days
from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift, LedgerEntry
from portal.gifts.queries import find_gift_by_reference, list_ledger_entries
from portal.money import Money
from portal.payments.operations import accept
from portal.payments.stripe.comparison import FeeWanted, compare_with_stripe, fetch_fees
from portal.receipts.register import verify_register
from tests.conftest import ENGINES, NOW, PostgresServer
from tests.payments.stories import STORIES, Event, Recorder, list_events
from tests.sandbox_process import SandboxProcess, running_sandbox
from tests.workplace import Workplace, act_in, make_workplace

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Told:
    """A story that was played: its events, and how to go back to where it began.

    All deliveries share one database's connections: statements are compiled once a story.
    """

    events: list[Event]
    forgotten: list[int]
    workplace: Workplace
    go_back: Callable[[], None]
    known: dict[str, Any] = field(default_factory=dict)

    def books(self) -> dict[str, Any]:
        """The books when every event comes once and in order; worked out once."""
        if not self.known:
            self.known.update(deliver(self, list(range(len(self.events)))))
        return self.known

    def place(self) -> Workplace:
        """The workplace as it was when the gifts had been started."""
        self.workplace.database.close()
        self.go_back()
        return self.workplace


@pytest.fixture(scope="module", params=STORIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One sandbox for all stories; each begins in it from nothing."""
    with running_sandbox(tmp_path_factory.mktemp("stage")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the one database that stories are told in, each from its beginning."""
    return tmp_path_factory.mktemp("story")


@pytest.fixture(scope="module", params=ENGINES)
def told(
    request: pytest.FixtureRequest,
    name: str,
    stage: SandboxProcess,
    folder: Path,
) -> Iterator[Told]:
    stage.control("reset")
    url, keep = BEGIN[request.param](request, folder)
    place = make_workplace(url, stage)
    load_catalogue(place.database)
    seen = Recorder()
    STORIES[name](place, stage, seen)
    place.database.close()
    listed = {event["id"] for event in list_events(stage)}
    events = list(seen.values())
    forgotten = [at for at, event in enumerate(events) if event["id"] not in listed]
    yield Told(events, forgotten, place, keep())
    place.close()


def load_catalogue(database: Database) -> None:
    from portal.regions.operations import load_region_files  # noqa: PLC0415

    with database.write() as session:
        load_region_files(session, NOW)


# To keep a database as it is now; what that gives brings it back, as often as it is called.
Keep = Callable[[], Callable[[], None]]


def _begin_sqlite(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Keep]:
    path, kept = folder / "story.db", folder / "first.db"

    def go_back(template: Path = kept) -> None:
        for left in folder.glob("story.db*"):
            left.unlink()
        shutil.copy(template, path)

    go_back(request.getfixturevalue("sqlite_template"))

    def keep() -> Callable[[], None]:
        shutil.copy(path, kept)
        return go_back

    return f"sqlite:///{path}", keep


def _begin_postgres(request: pytest.FixtureRequest, _folder: Path) -> tuple[str, Keep]:
    server: PostgresServer = request.getfixturevalue("postgres")
    template = request.getfixturevalue("postgres_template")

    def copy(source: str, name: str) -> None:
        server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.run(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")

    def keep() -> Callable[[], None]:
        copy("story", "story_first")
        return lambda: copy("story_first", "story")

    copy(template, "story")
    return server.url("story"), keep


BEGIN: dict[str, Any] = {"sqlite": _begin_sqlite, "postgresql": _begin_postgres}


def as_it_came(event: Event) -> Event:
    return event


def deliver(
    told: Told, order: list[int], change: Callable[[Event], Event] = as_it_came
) -> dict[str, Any]:
    """The books after events came in this order, and after what never came was looked up."""
    place = told.place()
    # What Stripe lists no longer was redelivered while it tried, for three days.
    for index in [*order, *(set(told.forgotten) - set(order))]:
        receive(place, change(told.events[index]))
    compare_with_stripe(place.services)
    place.work_off()
    assert not place.waiting(), "an event waits for ever"
    with place.database.read() as session:
        assert verify_register(session) == []
        assert read_days(session) == count_ledger(session, place.services.catalogue.timezone_of)
    return place.books()


def receive(place: Workplace, event: Event) -> None:
    """What Stripe sent, or what a clerk decided about a bank's line."""
    if event["type"] != "statement":
        place.receive(event)
        return
    fact, minor = FactKind(event["fact"]), event["minor"]
    claim = Claim(
        fact=fact,
        subject=event["subject"],
        occurred_at=NOW,
        money=None if minor is None else Money(minor, "CAD"),
        source=Source.PERSON if fact is FactKind.SETTLED else Source.STATEMENT,
        actor="staff:1",
    )
    with place.database.write() as session:
        gift = find_gift_by_reference(session, event["reference"])
        assert gift is not None
        accept(act_in(session, NOW, place.services), gift.id, [claim])


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_order_repetition_and_loss_ends_in_the_same_books(
    told: Told, data: st.DataObject
) -> None:
    everything = list(range(len(told.events)))
    order = data.draw(
        st.lists(st.sampled_from(everything), max_size=2 * len(everything)), label="order"
    )
    assert deliver(told, order) == told.books()


def _cleared(value: Any, left: dict[str, Any]) -> Any:
    """The same where somebody cleared all metadata at Stripe; `left` says what is there now."""
    if isinstance(value, dict):
        kept = {key: _cleared(inner, left) for key, inner in value.items() if key != "metadata"}
        return kept | left if "metadata" in value else kept
    return [_cleared(inner, left) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("told", ["sqlite"], indirect=True)
@pytest.mark.parametrize("left", [{}, {"metadata": None}, {"metadata": {}}])
def test_cleared_metadata_end_in_the_same_books(told: Told, left: dict[str, Any]) -> None:
    everything = list(range(len(told.events)))
    for order in (everything, everything[::-1]):
        assert deliver(told, order, lambda event: _cleared(event, left)) == told.books()


def test_a_story_leaves_balanced_books_and_gapless_receipts(told: Told, name: str) -> None:
    books = told.books()
    payments, amounts = {
        "give_and_take_back": (1, [7553]),
        "lose_a_part": (2, [2513, 7553]),
        "give_monthly": (3, [2513] * 3),
        "debit_late": (1, [7553]),
        "debit_fails": (0, []),
        "fail_and_pay_again": (1, [2513]),
        "pay_again_unheard": (1, [2513]),
        "pay_by_card_and_bank": (3, [12_553]),
    }[name]
    assert books["receipts"] == amounts
    assert sum(key.startswith("gift:") for key, *_ in books["ledger"]) == payments


def test_what_is_left_of_each_gift_is_what_the_ledger_holds_as_income(told: Told) -> None:
    place = told.place()
    for event in told.events:
        receive(place, event)
    place.work_off()
    with place.database.read() as session:
        for gift in session.scalars(sa.select(Gift)):
            left = sum(map(income_of, list_ledger_entries(session, gift.id)))
            assert left == gift.paid_minor - gift.refunded_minor
            all_back = gift.status in {Status.REFUNDED, Status.CHARGED_BACK}
            assert all_back is (gift.paid_minor > 0 and left == 0)


def income_of(entry: LedgerEntry) -> int:
    """What a movement adds to what was given, or takes off it."""
    if entry.credit_account.startswith("income:"):
        return entry.amount_minor
    return -entry.amount_minor if entry.debit_account.startswith("income:") else 0


def test_fees_are_booked_once(told: Told, name: str) -> None:
    if name != "give_and_take_back":
        pytest.skip("one story with a fee is enough")
    place = told.place()
    for event in told.events:
        place.receive(event)
    charges = [
        event["data"]["object"] for event in told.events if event["type"] == "charge.updated"
    ]
    transaction = next(filter(None, (charge["balance_transaction"] for charge in charges)))
    for _ in range(2):
        fetch_fees(place.services, [FeeWanted(transaction, 1)], until=datetime.now(UTC))
    fees = [row for row in place.books()["ledger"] if row[0].startswith("fee:")]
    assert len(fees) == 1
