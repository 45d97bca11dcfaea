"""A webhook while the database can't take it: a clear 503, nothing half-written, later booked."""

import json

import pytest
from flask import Flask

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from tests.database_faults import PATIENCE, locked, set_connections
from tests.pages import CheckedClient
from tests.payments.test_webhook_http import all_gifts, check_nothing_happened, pending
from tests.payments.webhooks import deliver, make_event, post, signature

__all__ = ["pending"]


@pytest.fixture
def own(app: Flask) -> Database:
    """The app's own database object."""
    database: Database = app.extensions["portal"].database
    return database


def test_a_locked_database_answers_503_and_books_the_repetition(
    client: CheckedClient, own: Database, catalogued: Database, pending: Gift
) -> None:
    undo = set_connections(own, PATIENCE["sqlite" if own.is_sqlite else "postgresql"])
    event = make_event(pending.reference, 7553)
    with locked(own):
        assert deliver(client, event).status_code == 503
    check_nothing_happened(catalogued)
    undo()
    assert deliver(client, event).status_code == 200
    assert all_gifts(catalogued)[pending.id].status is Status.PAID


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("room", [0, 1, 2, 4, 8])
def test_a_full_disk_answers_503_and_books_the_repetition(
    client: CheckedClient, own: Database, catalogued: Database, pending: Gift, room: int
) -> None:
    """SQLite's own limit stands for the disk's: it gives the same error at the same places."""
    with own.read() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
    undo = set_connections(own, f"PRAGMA max_page_count = {pages + room}")
    event = make_event(pending.reference, 7553, padding="x" * 50_000)
    payload = json.dumps(event).encode()
    assert post(client, payload, signature(payload)).status_code == 503
    check_nothing_happened(catalogued)
    undo()
    assert deliver(client, event).status_code == 200
    assert all_gifts(catalogued)[pending.id].status is Status.PAID


def test_the_form_says_that_nothing_was_half_done_while_the_database_is_locked(
    client: CheckedClient, own: Database, catalogued: Database
) -> None:
    page = client.get("/give/gb")
    ticket = page.text.split('name="ticket" value="')[1].split('"')[0]
    form = {
        "ticket": ticket,
        "lang": "en_GB",
        "amount": "20",
        "currency": "GBP",
        "frequency": "once",
        "fund": "general",
        "mode": "bank_transfer",
        "first_name": "Ama",
        "last_name": "Mensah",
        "email": "ama@example.org",
    }
    undo = set_connections(own, PATIENCE["sqlite" if own.is_sqlite else "postgresql"])
    with locked(own, "gifts"):
        answer = client.post("/give/gb", data=form)
    assert answer.status_code == 503
    assert "Nothing was half-done" in answer.text
    undo()
    assert all_gifts(catalogued) == {}
    assert client.post("/give/gb", data=form).status_code == 303
    assert len(all_gifts(catalogued)) == 1
