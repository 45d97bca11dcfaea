"""Cash, cheques and wallets: a staff member's word as evidence."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import FixedClock
from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Evidence, Gift, LedgerEntry
from portal.payments.books import prove
from portal.receipts.register import Receipt, verify_register
from portal.services import AuditEntry
from tests.conftest import NOW
from tests.giving.visits import give
from tests.pages import CheckedClient
from tests.staff.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def cheque(app: Flask, catalogued: Database) -> Gift:
    """CAD 75.50 promised by cheque."""
    donor = app.test_client()
    assert isinstance(donor, CheckedClient)
    give(donor, mode="cheque")
    with catalogued.read() as session:
        return session.scalars(sa.select(Gift)).one()


@pytest.fixture
def clerk(signed_in: SignedIn) -> Browser:
    return signed_in("finance")


def book(browser: Browser, gift: Gift, **fields: str) -> Any:
    page = f"/staff/gifts/{gift.reference}/receive"
    usual = {"amount": "75.50", "day": "2026-11-20", "why": "Cheque 0042", "once": "form-1"}
    return browser.post(page, **{**usual, **fields})


def now(database: Database, gift: Gift) -> Gift:
    with database.read() as session:
        return session.get_one(Gift, gift.id)


def check(database: Database) -> None:
    with database.read() as session:
        assert prove(session) == []
        assert verify_register(session) == []


def test_a_word_pays_the_gift_and_receipts_it_once(
    clerk: Browser, cheque: Gift, catalogued: Database
) -> None:
    for _ in range(2):
        assert book(clerk, cheque).status_code == 303
    gift = now(catalogued, cheque)
    assert gift.status is Status.PAID
    assert gift.received_at is not None
    assert gift.received_at.date().isoformat() == "2026-11-20"
    with catalogued.read() as session:
        assert len(session.scalars(sa.select(LedgerEntry)).all()) == 1
        assert len(session.scalars(sa.select(Receipt)).all()) == 1
        assert session.scalars(sa.select(AuditEntry.act)).all().count("gift_receive") == 1
    story = clerk.get(f"/staff/gifts/{cheque.reference}").text
    assert "Cheque 0042" in story
    assert "Sam Finance" in story
    check(catalogued)


def test_a_part_waits_and_a_word_is_taken_back(
    clerk: Browser, cheque: Gift, catalogued: Database
) -> None:
    book(clerk, cheque, amount="50")
    assert now(catalogued, cheque).status is Status.PARTLY_PAID
    book(clerk, cheque, amount="25.50", once="form-2")
    assert now(catalogued, cheque).status is Status.PAID
    page = f"/staff/gifts/{cheque.reference}/receive"
    with catalogued.read() as session:
        words = session.scalars(sa.select(Evidence.subject).order_by(Evidence.id)).all()
    path = f"/staff/gifts/{cheque.reference}/unreceive"
    clerk.post(path, page=page, subject=words[0], reason="")
    assert now(catalogued, cheque).status is Status.PAID
    clerk.post(path, page=page, subject=words[0], reason="Bounced")
    assert now(catalogued, cheque).status is Status.PARTLY_PAID
    clerk.post(path, page=page, subject="word:1:unknown", reason="Mischief")
    with catalogued.read() as session:
        assert [one.voided_at is None for one in session.scalars(sa.select(Receipt))] == [False]
    check(catalogued)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": "75.51"}, "Enter at most what is still due."),
        ({"amount": "x"}, "Enter the amount in figures"),
        ({"day": "yesterday"}, "Enter a date like"),
        ({"amount": "0"}, "Enter an amount above zero"),
        ({"day": (NOW.date() + timedelta(days=1)).isoformat()}, "Enter a day that has come."),
        ({"day": "0226-11-20"}, "Enter a day of the last two years."),
        ({"why": ""}, "Enter where you saw it"),
    ],
)
def test_a_word_that_can_not_be_says_why(
    clerk: Browser, cheque: Gift, catalogued: Database, fields: dict[str, str], sentence: str
) -> None:
    answer = book(clerk, cheque, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert now(catalogued, cheque).status is Status.PENDING
    assert clerk.get(f"/staff/gifts/{cheque.reference}/receive").status_code == 200


@pytest.mark.parametrize(
    ("region", "at", "today"),
    [
        ("ca", datetime(2027, 1, 1, 1, 30, tzinfo=UTC), "2026-12-31"),
        ("au", datetime(2026, 11, 23, 21, 0, tzinfo=UTC), "2026-11-24"),
    ],
)
def test_today_is_the_issuers_day(  # noqa: PLR0917 - a case is a place and its time
    signed_in: SignedIn,
    cheque: Gift,
    catalogued: Database,
    clock: FixedClock,
    region: str,
    at: datetime,
    today: str,
) -> None:
    with catalogued.write() as session:
        session.get_one(Gift, cheque.id).region = region
    clock.at = at
    clerk = signed_in("finance")
    page = clerk.get(f"/staff/gifts/{cheque.reference}/receive").text
    assert f'value="{today}"' in page
    tomorrow = date.fromisoformat(today) + timedelta(days=1)
    assert book(clerk, cheque, day=tomorrow.isoformat()).status_code == 422
    assert book(clerk, cheque, day=today).status_code == 303
    with catalogued.read() as session:
        snapshot = session.scalars(sa.select(Receipt)).one().snapshot
    assert snapshot["received_on"] == today


def test_only_finance_may_and_never_for_a_card(
    signed_in: SignedIn, cheque: Gift, catalogued: Database
) -> None:
    page = f"/staff/gifts/{cheque.reference}/receive"
    assert signed_in("viewer").get(page).status_code == 403
    with catalogued.write() as session:
        session.get_one(Gift, cheque.id).mode = "card"
    assert signed_in("finance").get(page).status_code == 404
