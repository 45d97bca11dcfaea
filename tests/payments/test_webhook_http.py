"""`/webhooks/stripe` over HTTP: what is believed, what is kept, and what is turned away."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Evidence, Gift, LedgerEntry
from portal.payments.models import EventState, StripeEvent
from portal.receipts.register import Receipt
from tests.pages import CheckedClient
from tests.payments.webhooks import SECRET, deliver, make_event, post, signature
from tests.workplace import Workplace

OLD_SECRET = "whsec_before_it_was_rolled"


@pytest.fixture
def settings_values() -> dict[str, Any]:
    """Two secrets, as while one is being rolled."""
    return {"stripe_webhook_secrets": f"{SECRET},{OLD_SECRET}"}


@pytest.fixture
def pending(app: Flask) -> Gift:
    """A gift of CAD 75.53 that waits for its money."""
    place = Workplace(app.extensions["portal"])
    return place.gift(place.start(mode="interac").token)


def count(database: Database, *tables: Any) -> int:
    """How many rows these tables hold together."""
    with database.read() as session:
        found = [session.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]
    return sum(number or 0 for number in found)


def all_gifts(database: Database) -> dict[int, Gift]:
    with database.read() as session:
        return {gift.id: gift for gift in session.scalars(sa.select(Gift))}


def only_event(database: Database) -> StripeEvent:
    with database.read() as session:
        return session.scalars(sa.select(StripeEvent)).one()


def check_nothing_happened(database: Database) -> None:
    assert count(database, StripeEvent, Evidence, LedgerEntry, Receipt) == 0
    assert {gift.status for gift in all_gifts(database).values()} <= {Status.PENDING}


def test_a_signed_event_books_the_gift(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    answer = deliver(client, make_event(pending.reference, 7553))
    assert (answer.status_code, answer.json) == (200, {"state": "processed"})
    assert all_gifts(catalogued)[pending.id].status is Status.PAID
    assert count(catalogued, StripeEvent) == count(catalogued, Receipt) == 1


def test_a_replayed_event_changes_nothing_more(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    payload = json.dumps(make_event(pending.reference, 7553)).encode()
    header = signature(payload)
    first, again = post(client, payload, header), post(client, payload, header)
    assert first.status_code == again.status_code == 200
    assert count(catalogued, StripeEvent) == count(catalogued, LedgerEntry) == 1
    assert count(catalogued, Evidence) == count(catalogued, Receipt) == 1


def test_the_old_secret_still_counts_while_it_is_rolled(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    answer = deliver(client, make_event(pending.reference, 7553), secret=OLD_SECRET)
    assert answer.status_code == 200
    assert all_gifts(catalogued)[pending.id].status is Status.PAID


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t=now,v1=00",
        f"t=NOW,v1={'0' * 64}",
        f"t=NOW,v0={'0' * 64}",
    ],
)
def test_a_forged_signature_is_refused(
    client: CheckedClient, catalogued: Database, pending: Gift, header: str
) -> None:
    payload = json.dumps(make_event(pending.reference, 7553)).encode()
    stamped = header.replace("NOW", str(int(time.time())))
    assert post(client, payload, stamped).status_code == 400
    check_nothing_happened(catalogued)


def test_another_endpoints_secret_is_refused(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    answer = deliver(client, make_event(pending.reference, 7553), secret="whsec_of_someone")
    assert answer.status_code == 400
    check_nothing_happened(catalogued)


def test_a_changed_body_is_refused(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    payload = json.dumps(make_event(pending.reference, 7553)).encode()
    header = signature(payload)
    assert post(client, payload.replace(b"7553", b"7554"), header).status_code == 400
    check_nothing_happened(catalogued)


@pytest.mark.parametrize("age", [301, 86_400])
def test_an_old_delivery_is_refused(
    client: CheckedClient, catalogued: Database, pending: Gift, age: int
) -> None:
    payload = json.dumps(make_event(pending.reference, 7553)).encode()
    answer = post(client, payload, signature(payload, at=time.time() - age))
    assert answer.status_code == 400
    check_nothing_happened(catalogued)


def test_a_huge_body_is_refused_unread(client: CheckedClient, catalogued: Database) -> None:
    payload = b'{"data": {"object": {}}, "more": "' + b"x" * 1_100_000 + b'"}'
    assert post(client, payload, signature(payload)).status_code == 413
    check_nothing_happened(catalogued)


def test_a_live_event_in_test_mode_is_kept_and_not_booked(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    answer = deliver(client, make_event(pending.reference, 7553, livemode=True))
    assert answer.status_code == 200
    event = only_event(catalogued)
    assert (event.state, event.problem) == (EventState.FAILED, "livemode")
    assert count(catalogued, Evidence, LedgerEntry, Receipt) == 0
    assert all_gifts(catalogued)[pending.id].status is Status.PENDING


def test_an_unknown_type_is_kept_and_accepted(client: CheckedClient, catalogued: Database) -> None:
    event = make_event("", 1, type="product.updated") | {"data": {"object": {"id": "prod_1"}}}
    answer = deliver(client, event)
    assert (answer.status_code, answer.json) == (200, {"state": "ignored"})
    kept = only_event(catalogued)
    assert kept.state is EventState.IGNORED
    assert kept.payload == event


@pytest.mark.parametrize(("amount", "currency"), [(7552, "cad"), (7553, "usd"), (1, "cad")])
def test_money_that_differs_is_kept_beside_the_gift(
    client: CheckedClient, catalogued: Database, pending: Gift, amount: int, currency: str
) -> None:
    answer = deliver(client, make_event(pending.reference, amount, currency))
    assert answer.status_code == 200
    gifts = all_gifts(catalogued)
    assert gifts.pop(pending.id).status is Status.PENDING
    (found,) = gifts.values()
    assert (found.status, found.amount_minor) == (Status.PAID, amount)
    assert found.currency == currency.upper()
    assert (found.email, found.donor_id, found.code) == ("", None, None)
    assert count(catalogued, Receipt) == 0, "nobody is known to have given it"


def test_money_for_a_gift_that_is_not_there_is_kept(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    event = make_event("7K7K-7K7K-7", 5003)
    for _ in range(2):
        assert deliver(client, event).status_code == 200
    gifts = all_gifts(catalogued)
    assert gifts.pop(pending.id).status is Status.PENDING
    (found,) = gifts.values()
    assert (found.status, found.amount_minor, found.currency) == (Status.PAID, 5003, "CAD")
    assert found.origin
    assert found.origin.startswith("unattributed:")
    assert count(catalogued, LedgerEntry) == 1
    assert only_event(catalogued).gift_id == found.id


def test_another_programs_event_on_the_same_account_is_kept_and_books_nothing(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    event = make_event(pending.reference, 7553)
    event["data"]["object"]["metadata"] = {}
    assert deliver(client, event).json == {"state": "ignored"}
    assert count(catalogued, Evidence, LedgerEntry) == 0
    assert all_gifts(catalogued)[pending.id].status is Status.PENDING


def test_an_event_that_comes_several_times_at_once_is_booked_once(
    app: Flask, catalogued: Database, pending: Gift
) -> None:
    payload = json.dumps(make_event(pending.reference, 7553)).encode()
    header = signature(payload)
    with ThreadPoolExecutor(4) as crowd:
        answers = [crowd.submit(post, app.test_client(), payload, header) for _ in range(8)]
        assert {answer.result().status_code for answer in answers} == {200}
    assert count(catalogued, StripeEvent) == count(catalogued, LedgerEntry) == 1
    assert count(catalogued, Evidence) == count(catalogued, Receipt) == 1
    assert only_event(catalogued).state is EventState.PROCESSED


# How a server tells of a body whose length nobody announced.
UNANNOUNCED = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}


@pytest.mark.parametrize("secret", [SECRET, "whsec_of_nobody"])
def test_a_delivery_past_the_app_is_answered_as_by_it(
    client: CheckedClient, pending: Gift, secret: str
) -> None:
    payload = json.dumps(make_event(pending.reference, 7553)).encode()
    header = signature(payload, secret)
    usual = post(client, payload, header)
    by_the_app = client.post(
        "/webhooks/stripe",
        data=payload,
        headers={"Stripe-Signature": header},
        environ_overrides=UNANNOUNCED,
    )
    assert (usual.status, usual.data) == (by_the_app.status, by_the_app.data)
    named = [dict(answer.headers) for answer in (usual, by_the_app)]
    for headers in named:
        assert len(headers.pop("X-Request-Id")) == 16
    assert named[0] == named[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_card_gifts_events_are_booked_by_the_driver_alone(
    client: CheckedClient, app: Flask, pending: Gift
) -> None:
    session = make_event(pending.reference, 7553)
    made = session["data"]["object"]
    intent = {
        "object": "payment_intent",
        "id": made["payment_intent"],
        "latest_charge": f"ch_{made['id']}",
        "amount_received": 7553,
        "currency": "cad",
        "metadata": made["metadata"],
    }
    charge = {
        "object": "charge",
        "id": intent["latest_charge"],
        "payment_intent": intent["id"],
        "balance_transaction": f"txn_{made['id']}",
        "paid": True,
    }
    others = [
        make_event("", 1, type="payment_intent.succeeded", data={"object": intent}),
        make_event("", 1, type="charge.updated", data={"object": charge}),
    ]
    writer = app.extensions["portal"].database.writer
    by_a_session: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        by_a_session.append(statement)

    sa.event.listen(writer, "before_cursor_execute", note)
    try:
        for event in (session, *others):
            assert deliver(client, event).json == {"state": "processed"}
    finally:
        sa.event.remove(writer, "before_cursor_execute", note)
    assert by_a_session == []
