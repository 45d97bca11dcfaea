"""The real SDK pointed at a sandbox, and sessions as the portal makes them."""

from typing import Any

import stripe

from tests.sandbox_process import KEY, SandboxProcess

Json = dict[str, Any]
stripe.enable_telemetry = False


def make_client(sandbox: SandboxProcess, key: str = KEY, retries: int = 0) -> stripe.StripeClient:
    addresses: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.url)
    return stripe.StripeClient(
        key,
        base_addresses=addresses,
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(3, 20)),
    )


def gift_params(amount: int = 7550, currency: str = "cad", **more: Any) -> Any:
    """Parameters of a one-off gift's session; odd amounts catch rounding."""
    price: Json = {
        "currency": currency,
        "unit_amount": amount,
        "product_data": {"name": "Gift to Missions"},
    }
    return {
        "mode": "payment",
        "submit_type": "donate",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://127.0.0.1:9/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/cancelled",
        "customer_email": "ama@example.org",
        "client_reference_id": "gift-1",
        "metadata": {"gift": "LW7K-3QXD-9"},
        "payment_intent_data": {"metadata": {"gift": "LW7K-3QXD-9"}},
    } | more


def monthly_params(amount: int = 2515, **more: Any) -> Any:
    """Parameters of a monthly gift's session, with the fee as a second line."""
    params = gift_params(amount)
    del params["payment_intent_data"]
    fee_price = params["line_items"][0]["price_data"] | {
        "unit_amount": 103,
        "product_data": {"name": "Fees"},
    }
    params["line_items"].append({"price_data": fee_price, "quantity": 1})
    for item in params["line_items"]:
        item["price_data"] = item["price_data"] | {"recurring": {"interval": "month"}}
    return (
        params
        | {
            "mode": "subscription",
            "subscription_data": {"metadata": {"plan": "P-1"}, "description": "Monthly gift"},
        }
        | more
    )


def start_gift(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    params: Any = gift_params(**more)
    return client.v1.checkout.sessions.create(params)


def start_monthly(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    params: Any = monthly_params(**more)
    return client.v1.checkout.sessions.create(params)


def read_session(client: stripe.StripeClient, session_id: str, *expand: str) -> Json:
    """A session as it stands now, as plain data."""
    found = client.v1.checkout.sessions.retrieve(session_id, {"expand": list(expand)})
    return found.to_dict(for_json=True)


def paid_gift(client: stripe.StripeClient, sandbox: SandboxProcess, **more: Any) -> Json:
    """A session that was just paid by card, its balance transaction included."""
    card = more.pop("card", "4242424242424242")
    session = start_gift(client, **more)
    answer = sandbox.pay(str(session.url), card)
    assert answer.status == 303, answer.text
    sandbox.control("drain")
    return read_session(client, session.id)
