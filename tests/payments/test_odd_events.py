"""Deliveries that Stripe signed and nobody would expect: kept, answered, shown, never looped."""

import json
from typing import Any

import pytest

from portal.database import Database
from portal.gifts.lifecycle import Status
from portal.gifts.models import Evidence, Gift, LedgerEntry
from portal.payments.models import EventState, Problem, StripeEvent
from portal.payments.stripe.readers import READERS, read_event
from portal.payments.stripe.reading import BODY, STRIPE, UnreadableEvent
from tests.conftest import NOW
from tests.pages import CheckedClient
from tests.payments.test_webhook_http import all_gifts, count, only_event, pending
from tests.payments.webhooks import deliver, make_event, post, signature
from tests.workplace import promised_jobs

__all__ = ["pending"]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NOBODY_WOULD = [
    {"created": None},
    {"created": "yesterday"},
    {"created": 1e30},
    {"created": [7]},
    {"data": None},
    {"data": {}},
    {"data": {"object": None}},
    {"data": {"object": ["cs_1"]}},
    {"type": None},
    {"type": ["checkout.session.completed"]},
    {"data": {"object": {"id": {"id": 7}, "metadata": {"portal_gift": "7K7K-7K7K-7"}}}},
]
ODD_SESSIONS = [
    {"id": None},
    {"id": 7},
    {"id": "cs_" + "x" * 100},
    {"metadata": ["portal_gift"]},
    {"amount_total": None},
    {"amount_total": 75.53},
    {"amount_total": -7553},
    {"amount_total": 0},
    {"amount_total": 10**30},
    {"amount_total": "7553"},
    {"currency": None},
    {"currency": "gold"},
    {"payment_intent": {"object": "payment_intent"}},
    {"payment_intent": "pi_\u0000"},
]


def check_it_waits_for_a_person(database: Database, problem: Problem) -> None:
    event = only_event(database)
    assert (event.state, event.problem) == (EventState.FAILED, problem)
    assert count(database, Evidence, LedgerEntry) == 0
    assert {gift.status for gift in all_gifts(database).values()} <= {Status.PENDING}
    assert not [job for job in promised_jobs(database) if job.startswith("retry_event")]


@pytest.mark.parametrize("odd", NOBODY_WOULD)
def test_an_event_unlike_any_is_kept_for_a_person(
    client: CheckedClient, catalogued: Database, pending: Gift, odd: dict[str, Any]
) -> None:
    event = make_event(pending.reference, 7553) | odd
    for _ in range(2):
        assert deliver(client, event).status_code == 200
    check_it_waits_for_a_person(catalogued, Problem.UNREADABLE)


@pytest.mark.parametrize("odd", ODD_SESSIONS)
def test_an_object_unlike_any_is_kept_for_a_person(
    client: CheckedClient, catalogued: Database, pending: Gift, odd: dict[str, Any]
) -> None:
    event = make_event(pending.reference, 7553)
    event["data"]["object"] |= odd
    assert deliver(client, event).status_code == 200
    check_it_waits_for_a_person(catalogued, Problem.UNREADABLE)


def test_a_thin_event_is_kept_for_a_person(client: CheckedClient, catalogued: Database) -> None:
    thin = {
        "id": "evt_test_65S",
        "object": "v2.core.event",
        "type": "v1.checkout.session.completed",
        "created": "2026-11-23T12:00:00.000Z",
        "livemode": False,
        "related_object": {"id": "cs_1", "type": "checkout.session", "url": "/v1/"},
    }
    assert deliver(client, thin).status_code == 200
    check_it_waits_for_a_person(catalogued, Problem.THIN)
    assert only_event(catalogued).created_at == NOW


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'"text"',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"id": "evt_1", "data": {"object": {}}}',
        b'{"id": "evt_1", "created": ' + b"9" * 5000 + b"}",
        b'{"id": "evt_1", "created": NaN, "note": "\\u0000 \\ud800", "\\u0000": -Infinity}',
        b'{"id": "evt_\\u0000", "type": 7}',
        '{"id": "é😀"}'.encode(),
    ],
)
def test_what_was_signed_is_kept_whatever_it_is(
    client: CheckedClient, catalogued: Database, body: bytes
) -> None:
    for _ in range(2):
        assert post(client, body, signature(body)).status_code == 200
    check_it_waits_for_a_person(catalogued, Problem.UNREADABLE)
    json.dumps(only_event(catalogued).payload, allow_nan=False)


def test_a_body_that_is_no_object_is_kept_as_it_came(
    client: CheckedClient, catalogued: Database
) -> None:
    post(client, b"not json", signature(b"not json"))
    assert only_event(catalogued).payload == {BODY: "not json"}


def test_two_without_an_id_are_kept_apart(client: CheckedClient, catalogued: Database) -> None:
    for body in (b'{"a": 1.50}', b'{"a": 2}', b'{"a": 1.50}'):
        post(client, body, signature(body))
    assert count(catalogued, StripeEvent) == 2


@pytest.mark.parametrize("kind", sorted(READERS))
@pytest.mark.parametrize("thing", [None, [], "", {}, {"id": None}, {"id": "x", "metadata": None}])
def test_no_type_takes_an_odd_object_for_a_fault_of_the_portal(
    catalogued: Database, client: CheckedClient, kind: str, thing: Any
) -> None:
    event = make_event("", 1, type=kind, data={"object": thing})
    assert deliver(client, event).status_code == 200
    kept = only_event(catalogued)
    assert kept.state is EventState.IGNORED or kept.problem in ("", Problem.UNREADABLE)


def test_one_that_waited_and_fails_undoes_nothing_of_the_one_that_came(
    client: CheckedClient, catalogued: Database, pending: Gift
) -> None:
    """As one that an older version let wait."""
    waiting = make_event("", 1, type="refund.created", data={"object": {"id": "re_1"}})
    with catalogued.write() as session:
        session.add(
            StripeEvent(
                provider=STRIPE,
                stripe_event_id=waiting["id"],
                type=waiting["type"],
                livemode=False,
                api_version="",
                created_at=NOW,
                received_at=NOW,
                payload={**waiting, "data": {"object": {"status": "pending", "charge": "ch"}}},
                state=EventState.WAITING,
                waits_for="pi_waited",
            )
        )
    event = make_event(pending.reference, 7553)
    event["data"]["object"]["payment_intent"] = "pi_waited"
    assert deliver(client, event).json == {"state": "processed"}
    assert all_gifts(catalogued)[pending.id].status is Status.PAID


@pytest.mark.parametrize(("amount", "number"), [("9" * 90, 10**12), ([7], 10**12), (7553, "1")])
def test_what_is_no_number_is_not_multiplied(
    database_url: str, amount: object, number: object
) -> None:
    item = {"price": {"unit_amount": amount}, "quantity": number}
    thing = {"id": "sub_1", "currency": "cad", "items": {"data": [item]}}
    event = make_event("", 1, type="customer.subscription.updated", data={"object": thing})
    with pytest.raises(UnreadableEvent, match="TypeError"):
        read_event(event)
