"""What a booking skips because one look said so changes no row that it leaves.

Each history happens to two gifts that are alike: one is booked by what was seen, the other as if
nothing had been, so that all is looked for. But for their own names their rows are the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.codes.terms import Frequency, Pledge
from portal.database import Database, table_of
from portal.gifts.models import Evidence, Gift, GiftEvent, LedgerEntry
from portal.gifts.operations import add_gift
from portal.jobs.queue import QueuedJob
from portal.money import Money
from portal.payments.models import Checkout, CheckoutState, StripeEvent, StripeLink
from portal.payments.stripe.event_gifts import Seen, look_up
from portal.payments.stripe.events import apply_reading, receive_event
from portal.payments.stripe.readers import read_event
from portal.payments.stripe.reading import STRIPE
from portal.receipts.register import Receipt
from portal.services import Services
from tests.conftest import NOW
from tests.workplace import SAMPLE_DONOR, at, make_services

Event = dict[str, Any]
CREATED = int(NOW.timestamp())
_twins = count(1)


def _event(kind: str, name: str, **thing: Any) -> Event:
    return {
        "id": f"evt_{kind}_{name}",
        "object": "event",
        "type": kind,
        "created": CREATED,
        "livemode": False,
        "data": {"object": {"currency": "cad", **thing}},
    }


def _session(gift: Gift, name: str, amount: int, *, status: str, paid: str) -> Event:
    return _event(
        "checkout.session.completed",
        name,
        id=f"cs_{name}",
        status=status,
        payment_status=paid,
        payment_intent=f"pi_{name}",
        amount_total=amount,
        metadata={"portal_gift": gift.reference},
    )


def _intent(gift: Gift, name: str, amount: int) -> Event:
    return _event(
        "payment_intent.succeeded",
        name,
        id=f"pi_{name}",
        latest_charge=f"ch_{name}",
        amount_received=amount,
        metadata={"portal_gift": gift.reference},
    )


def _charge(name: str) -> Event:
    return _event(
        "charge.updated",
        name,
        id=f"ch_{name}",
        payment_intent=f"pi_{name}",
        balance_transaction=f"txn_{name}",
        paid=True,
    )


def _back(name: str, kind: str, amount: int, status: str) -> Event:
    return _event(
        kind,
        name,
        id=f"{kind[:2]}_{name}_{amount}",
        payment_intent=f"pi_{name}",
        charge=f"ch_{name}",
        amount=amount,
        status=status,
    )


# What may happen to a gift of 75.53, by a name that is its own.
HAPPENINGS: dict[str, Callable[[Gift, str], Event]] = {
    "handed off and paid": lambda gift, name: _session(
        gift, name, 7553, status="complete", paid="paid"
    ),
    "on its way": lambda gift, name: _session(gift, name, 7553, status="complete", paid="unpaid"),
    "run out": lambda gift, name: _session(gift, name, 7553, status="expired", paid="unpaid"),
    "paid": lambda gift, name: _intent(gift, name, 7553),
    "paid wrongly": lambda gift, name: _intent(gift, f"{name}w", 7000),
    "paid twice": lambda gift, name: _intent(gift, f"{name}t", 7553),
    "charged": lambda _gift, name: _charge(name),
    "a part back": lambda _gift, name: _back(name, "refund.updated", 1001, "succeeded"),
    "a part back that failed": lambda _gift, name: _back(name, "refund.failed", 1001, "failed"),
    "all back": lambda _gift, name: _back(name, "refund.updated", 7553, "succeeded"),
    "disputed": lambda _gift, name: _back(name, "charge.dispute.created", 7553, "needs_response"),
    "lost": lambda _gift, name: _back(name, "charge.dispute.closed", 7553, "lost"),
}
# These come first as events that wait, of a gift that nobody knows yet.
WAITING = ("charged", "a part back", "disputed", "lost")


@pytest.fixture
def services(catalogued: Database) -> Services:
    return at(make_services(catalogued), NOW)


@dataclass(frozen=True)
class History:
    """What happens to a gift, whether its hand-off is known, and what Stripe tells too early."""

    early: list[str]
    later: list[str]
    is_known: bool


HISTORIES = st.builds(
    History,
    early=st.lists(st.sampled_from(WAITING), max_size=2, unique=True),
    later=st.lists(st.sampled_from(list(HAPPENINGS)), max_size=8),
    is_known=st.booleans(),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORIES)
def test_both_ways_leave_the_same_rows(services: Services, history: History) -> None:
    number = next(_twins)
    seen = play(services, f"twin{number}a", history, lambda seen: seen)
    unseen = play(services, f"twin{number}b", history, look_for_all)
    assert seen == unseen


def look_for_all(seen: Seen) -> Seen:
    return replace(seen, is_first=False, is_told=False, has_waiting=True)


def play(
    services: Services, name: str, history: History, change: Callable[[Seen], Seen]
) -> list[str]:
    """The rows that a history leaves of a gift of this name."""
    gift = promise(services, name, is_known=history.is_known)
    for happening in history.early:
        receive_event(services, HAPPENINGS[happening](gift, name), livemode=False)
    for minute, happening in enumerate(history.later):
        reading = read_event(HAPPENINGS[happening](gift, name))
        assert reading is not None
        with at(services, NOW + timedelta(minutes=minute)).write() as act:
            apply_reading(act, reading, change(look_up(act.session, reading)))
    return rows_of(services.database, gift, name)


def promise(services: Services, name: str, *, is_known: bool) -> Gift:
    """A gift that waits for its payment, with its hand-off where that is known."""
    pledge = Pledge(
        given=Money(7553, "CAD"),
        cover=Money(0, "CAD"),
        region="ca",
        fund="partnership",
        mode="card",
        frequency=Frequency.ONCE,
        code=None,
    )
    with services.write() as act:
        gift = add_gift(act, pledge, SAMPLE_DONOR, donor_id=None, partner=None)
        if is_known:
            act.session.add(
                Checkout(
                    gift_id=gift.id,
                    provider=STRIPE,
                    stripe_session_id=f"cs_{name}",
                    url="",
                    state=CheckoutState.OPEN,
                    expires_at=NOW + timedelta(days=1),
                    created_at=NOW,
                )
            )
    return gift


def rows_of(database: Database, gift: Gift, name: str) -> list[str]:
    """All that was written of a gift, and of money booked beside it, without its own names."""
    with database.read() as session:
        ids = [
            gift.id,
            *session.scalars(sa.select(Gift.id).where(Gift.origin.contains(f"_{name}"))),
        ]
        receipts = session.scalars(sa.select(Receipt.id).where(Receipt.gift_id.in_(ids))).all()
        found = [
            (model.__tablename__, _plain(row, ids, list(receipts), gift, name))
            for model in (
                Gift,
                Evidence,
                LedgerEntry,
                GiftEvent,
                StripeLink,
                Checkout,
                StripeEvent,
                Receipt,
                QueuedJob,
            )
            for row in session.execute(sa.select(table_of(model))).mappings()
            if _is_of(row, ids, list(receipts))
        ]
    return sorted(f"{table} {text}" for table, text in found)


def _is_of(row: Any, ids: list[int], receipts: list[int]) -> bool:
    if "key" in row and "given" in row:
        given = row["given"]
        return given.get("gift_id") in ids or given.get("receipt_id") in receipts
    return (row["gift_id"] if "gift_id" in row else row["id"]) in ids


# What differs between any two rows: their own numbers, and chance.
OWN = {"id", "evidence_id", "token", "number", "promised_at", "due_at"}


def _plain(row: Any, ids: list[int], receipts: list[int], gift: Gift, name: str) -> str:
    values = {key: value for key, value in row.items() if key not in OWN}
    if "given" in values:
        values["given"] = {
            key: _rank(key, value, ids, receipts) for key, value in values["given"].items()
        }
        values["key"] = values["key"].split("-")[0]
    if "gift_id" in values:
        values["gift_id"] = ids.index(values["gift_id"])
    if "snapshot" in values:
        own = dict.fromkeys(("number", "verify_code", "reference", "replaces"), "")
        values["snapshot"] = {**values["snapshot"], **own}
        values["void_reason"] = ""
    if "reference" in values and values["reference"] != gift.reference:
        values["reference"] = "beside"
    values.pop("why", None)
    if "data" in values:
        values["data"] = sorted(values["data"])
    return (
        json.dumps(values, default=str, sort_keys=True)
        .replace(name, "x")
        .replace(gift.reference, "ref")
    )


def _rank(key: str, value: Any, ids: list[int], receipts: list[int]) -> Any:
    if key == "gift_id":
        return ids.index(value)
    return receipts.index(value) if key == "receipt_id" else value


def test_seen_and_unseen_differ_in_what_they_look_for(services: Services) -> None:
    gift = promise(services, "z", is_known=True)
    reading = read_event(HAPPENINGS["handed off and paid"](gift, "z"))
    assert reading is not None
    with services.write() as act:
        assert look_up(act.session, reading).is_first
        apply_reading(act, reading)
        again = look_up(act.session, reading)
    assert (again.is_first, again.is_told) == (False, True)
