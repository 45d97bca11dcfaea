"""Cursors, filters and `expand`."""

from typing import Any

import pytest
import stripe

from tests.sandbox_client import paid_gift, read_session, start_gift, start_monthly
from tests.sandbox_process import SandboxProcess


def test_pages_follow_one_another_both_ways(client: stripe.StripeClient) -> None:
    made = [start_gift(client).id for _ in range(5)]
    newest = client.v1.checkout.sessions.list({"limit": 2})
    assert [one.id for one in newest.data] == [made[4], made[3]]
    assert newest.has_more
    older = client.v1.checkout.sessions.list({"limit": 3, "starting_after": made[3]})
    assert [one.id for one in older.data] == [made[2], made[1], made[0]]
    assert not older.has_more
    newer = client.v1.checkout.sessions.list({"limit": 2, "ending_before": made[1]})
    assert [one.id for one in newer.data] == [made[3], made[2]]
    assert newer.has_more


def test_the_sdk_pages_through_everything(client: stripe.StripeClient) -> None:
    made = [start_gift(client).id for _ in range(7)]
    walked = client.v1.checkout.sessions.list({"limit": 3}).auto_paging_iter()
    assert [one.id for one in walked] == made[::-1]


def test_created_is_a_filter(client: stripe.StripeClient, sandbox: SandboxProcess) -> None:
    first = start_gift(client)
    sandbox.control("advance", seconds=3600)
    second = start_gift(client)
    later = client.v1.checkout.sessions.list({"created": {"gt": first.created}})
    assert [one.id for one in later.data] == [second.id]
    earlier = client.v1.checkout.sessions.list({"created": {"lte": first.created}})
    assert [one.id for one in earlier.data] == [first.id]


def test_sessions_are_found_by_their_payment(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    paid_gift(client, sandbox)
    wanted = paid_gift(client, sandbox)
    found = client.v1.checkout.sessions.list({"payment_intent": wanted["payment_intent"]})
    assert [one.id for one in found.data] == [wanted["id"]]


def test_events_are_listed_by_type_and_delivery(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    sandbox.control("deliveries", drop_next=1)
    paid_gift(client, sandbox)
    lost = client.v1.events.list({"delivery_success": False})
    assert [event.type for event in lost.data] == ["payment_intent.created"]
    reached = client.v1.events.list({"delivery_success": True, "types": ["charge.updated"]})
    assert [event.type for event in reached.data] == ["charge.updated"]
    charges = client.v1.events.list({"type": "charge.*"})
    assert {event.type for event in charges.data} == {"charge.succeeded", "charge.updated"}


def test_events_older_than_thirty_days_are_gone(
    client: stripe.StripeClient, sandbox: SandboxProcess
) -> None:
    paid_gift(client, sandbox)
    sandbox.control("advance", seconds=31 * 24 * 3600)
    assert client.v1.events.list().data == []


def test_ids_open_to_four_levels(client: stripe.StripeClient, sandbox: SandboxProcess) -> None:
    gift = paid_gift(client, sandbox)
    path = "payment_intent.latest_charge.balance_transaction.source"
    opened: Any = read_session(client, gift["id"], path, "line_items")
    charge = opened["payment_intent"]["latest_charge"]
    assert charge["balance_transaction"]["source"]["id"] == charge["id"]
    assert opened["line_items"]["data"][0]["amount_total"] == 7550


def test_lists_open_through_data(client: stripe.StripeClient, sandbox: SandboxProcess) -> None:
    sandbox.pay(str(start_monthly(client).url))
    invoice: Any = client.v1.invoices.list(
        {"expand": ["data.payments.data.payment.payment_intent"]}
    ).data[0]
    payment = invoice.payments.data[0].payment.payment_intent
    assert payment.amount == 2618


@pytest.mark.parametrize("path", ["amount_total", "nothing", "payment_intent.a.b.c.d", "id"])
def test_what_cannot_be_expanded_is_refused(
    client: stripe.StripeClient, sandbox: SandboxProcess, path: str
) -> None:
    gift = paid_gift(client, sandbox)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        read_session(client, gift["id"], path)
    assert caught.value.param == "expand"


def test_a_refused_expansion_creates_nothing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        start_gift(client, expand=["nothing"])
    assert client.v1.checkout.sessions.list().data == []
