"""Everything the sandbox says has the shape that Stripe's own types promise."""

from typing import Any

import pytest
import stripe

from portal.sandbox.fields import Choice, Field, Group, Many, Metadata, Span, Unset
from portal.sandbox.routes import ROUTES, Route
from tests.contract.contract import (
    log_differences,
    object_differences,
    request_differences,
)
from tests.sandbox_client import (
    Json,
    paid_gift,
    read_session,
    start_gift,
    start_monthly,
)
from tests.sandbox_process import SECRET, Receiver, SandboxProcess

# Every list the API has; each is walked with what its scenario left there.
LISTS = (
    "balance_transactions billing_portal/configurations charges checkout/sessions customers"
    " disputes events invoice_payments invoices payment_intents payouts refunds webhook_endpoints"
).split()
EXPANSIONS = {
    "charges": ("balance_transaction", "customer", "payment_intent.payment_method", "refunds"),
    "checkout/sessions": ("line_items", "payment_intent.latest_charge", "subscription", "invoice"),
    "disputes": ("charge", "payment_intent"),
    "invoices": ("payments", "customer", "payments.data.payment.payment_intent"),
    "payment_intents": ("latest_charge.balance_transaction", "payment_method"),
    "payouts": ("balance_transaction",),
    "refunds": ("charge", "balance_transaction", "failure_balance_transaction"),
    "balance_transactions": ("source",),
    "customers": ("subscriptions",),
}


def walk_all(sandbox: SandboxProcess, receiver: Receiver) -> list[str]:
    """Differences in every list, plain and expanded, every event, and every request sent."""
    sandbox.control("drain")
    found = []
    for resource in LISTS:
        found += object_differences(sandbox.api("GET", f"/v1/{resource}?limit=100").json)
        for path in EXPANSIONS.get(resource, ()):
            query = f"limit=100&expand[]=data.{path}"
            found += object_differences(sandbox.api("GET", f"/v1/{resource}?{query}").json)
    found += object_differences(
        sandbox.api("GET", "/v1/subscriptions?status=all&expand[]=data.latest_invoice").json
    )
    for one in receiver.got:
        found += object_differences(one.event)
    return found + log_differences(sandbox.look("requests"))


def test_a_gift_by_card(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_gift(client)
    assert object_differences(session.to_dict(for_json=True)) == []
    sandbox.pay(str(session.url), "4000000000000002")
    sandbox.pay(str(session.url))
    assert walk_all(sandbox, receiver) == []
    assert "charge.updated" in receiver.types()


def test_a_gift_that_needs_a_second_step(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_gift(client, customer_creation="always", locale="fr-CA")
    sandbox.pay(str(session.url), "4000002760003184")
    assert walk_all(sandbox, receiver) == []
    sandbox.submit(f"{session.url}/confirm", answer="fail")
    sandbox.pay(str(session.url), "4000002760003184")
    sandbox.submit(f"{session.url}/confirm", answer="complete")
    assert walk_all(sandbox, receiver) == []
    assert read_session(client, session.id)["payment_status"] == "paid"


@pytest.mark.parametrize("currency", ["cad", "usd", "eur", "gbp", "aud", "nzd"])
@pytest.mark.parametrize("outcome", ["pays", "fails"])
def test_a_bank_debit(
    client: stripe.StripeClient,
    sandbox: SandboxProcess,
    receiver: Receiver,
    currency: str,
    outcome: str,
) -> None:
    session = start_gift(client, currency=currency)
    sandbox.submit(str(session.url), method="bank_debit", outcome=outcome)
    sandbox.control("advance", seconds=5 * 24 * 3600)
    assert walk_all(sandbox, receiver) == []
    ending = "succeeded" if outcome == "pays" else "failed"
    assert f"checkout.session.async_payment_{ending}" in receiver.types()


def test_a_monthly_gift_through_failure_and_end(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    sandbox.control("advance", to="renewal")
    sandbox.control("fail_next_renewal", count=4)
    sandbox.control("advance", to="renewal")
    assert walk_all(sandbox, receiver) == []
    sandbox.control("advance", seconds=10 * 24 * 3600)
    assert walk_all(sandbox, receiver) == []
    assert "customer.subscription.deleted" in receiver.types()


def test_a_monthly_gift_that_is_changed_and_canceled(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    session = start_monthly(client)
    sandbox.pay(str(session.url))
    subscription_id = read_session(client, session.id)["subscription"]
    item = client.v1.subscriptions.retrieve(subscription_id)["items"].data[0]
    product = client.v1.products.create({"name": "Missions"})
    assert object_differences(product.to_dict(for_json=True)) == []
    price: Any = {
        "currency": "cad",
        "product": product.id,
        "recurring": {"interval": "month"},
        "unit_amount": 3030,
    }
    changed = client.v1.subscriptions.update(
        subscription_id,
        {
            "items": [{"id": item.id, "price_data": price}],
            "proration_behavior": "none",
            "cancel_at_period_end": True,
            "metadata": {"plan": "P-2"},
            "pause_collection": {"behavior": "void", "resumes_at": item.current_period_end},
        },
    )
    assert object_differences(changed.to_dict(for_json=True)) == []
    portal = client.v1.billing_portal.sessions.create(
        {"customer": str(changed.customer), "return_url": "http://127.0.0.1:9/account"}
    )
    assert object_differences(portal.to_dict(for_json=True)) == []
    ended = client.v1.subscriptions.cancel(subscription_id)
    assert object_differences(ended.to_dict(for_json=True)) == []
    assert walk_all(sandbox, receiver) == []


@pytest.mark.parametrize("card", ["4242424242424242", "4000000000007726", "4000000000005126"])
def test_refunds(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver, card: str
) -> None:
    gift = paid_gift(client, sandbox, card=card)
    refund = client.v1.refunds.create(
        {"payment_intent": gift["payment_intent"], "amount": 1515, "reason": "duplicate"}
    )
    assert object_differences(refund.to_dict(for_json=True)) == []
    sandbox.control("advance", seconds=120)
    client.v1.refunds.create({"payment_intent": gift["payment_intent"]})
    sandbox.control("advance", seconds=120)
    assert walk_all(sandbox, receiver) == []


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_disputes_and_payouts(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver, outcome: str
) -> None:
    paid_gift(client, sandbox)
    paid_gift(client, sandbox, card="4000000000000259")
    sandbox.control("advance", seconds=120)
    dispute = client.v1.disputes.list().data[0]
    assert walk_all(sandbox, receiver) == []
    sandbox.control(f"dispute/{dispute.id}/close", outcome=outcome)
    sandbox.control("payout")
    assert walk_all(sandbox, receiver) == []
    for object_ in (client.v1.balance.retrieve(), client.v1.accounts.retrieve_current()):
        assert object_differences(object_.to_dict(for_json=True)) == []


def test_a_dispute_over_a_part_and_one_that_was_prevented(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    for asked in ({"amount": 1001}, {"prevented": True}):
        paid_gift(client, sandbox)
        sandbox.control(f"dispute/{client.v1.charges.list().data[0].id}", **asked)
    assert [one.status for one in client.v1.disputes.list().data] == ["prevented", "needs_response"]
    assert walk_all(sandbox, receiver) == []


def test_expiry_and_a_second_endpoint(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    endpoint = client.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["checkout.session.expired"]}
    )
    assert object_differences(endpoint.to_dict(for_json=True)) == []
    expired = client.v1.checkout.sessions.expire(start_gift(client).id)
    assert object_differences(expired.to_dict(for_json=True)) == []
    start_gift(client)
    sandbox.control("advance", seconds=25 * 3600)
    assert walk_all(sandbox, receiver) == []
    assert receiver.types().count("checkout.session.expired") == 4


def test_every_webhook_verifies_with_the_sdk(
    client: stripe.StripeClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    paid_gift(client, sandbox)
    for one in receiver.got:
        event = client.construct_event(one.body, one.signature, SECRET)
        assert event.api_version == stripe.api_version
        assert event.livemode is False


def sample(field: Field, turn: int) -> Any:
    """A value for a parameter, with every hash filled; `turn` goes through a choice's words."""
    if isinstance(field, Group):
        return {name: sample(inner, turn) for name, inner in field.fields.items()}
    if isinstance(field, Many):
        return [sample(field.item, turn)]
    if isinstance(field, Unset):
        return sample(field.field, turn)
    if isinstance(field, Choice):
        return field.words[turn % len(field.words)]
    return {} if isinstance(field, Metadata | Span) else "1"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.rule}")
def test_nothing_is_taken_that_stripe_lacks(route: Route) -> None:
    path = f"/v1/{route.rule.replace('<id>', 'id')}"
    for turn in range(50):
        found = request_differences(
            route.method, path, sample(Group(route.fields), turn), wire=True
        )
        assert [one for one in found if _is_laxer(one)] == []


def _is_laxer(difference: str) -> bool:
    """An unknown name or word; any event may be named, for Stripe's list of them is long."""
    wrong = difference.endswith(("unknown", "Stripe's values"))
    return wrong and "enabled_events[0]" not in difference


def test_the_walk_sees_what_is_wrong() -> None:
    body: Json = {
        "object": "refund",
        "id": "re_1",
        "amount": "12",
        "currency": "cad",
        "reason": "because",
        "surprise": 1,
    }
    assert sorted(object_differences(body)) == [
        "refund.amount: '12' is no <class 'int'>",
        "refund.created: missing",
        "refund.reason: 'because' is none of Stripe's values",
        "refund.surprise: unknown",
    ]


def test_the_walk_sees_wrong_requests() -> None:
    wrong: Json = {"mode": "payment", "payment_method_types": ["card"], "submit_type": "donation"}
    found = request_differences("POST", "/v1/checkout/sessions", wrong)
    assert found == [
        "SessionCreateParams.payment_method_types: unknown",
        "SessionCreateParams.submit_type: 'donation' is none of Stripe's values",
    ]
    assert request_differences("POST", "/v1/nothing", {}) == [
        "POST /v1/nothing: no such endpoint in the SDK"
    ]
