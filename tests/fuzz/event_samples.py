"""What Stripe would sign of the scratch gifts: one event of each kind that the product reads."""

import json
from typing import Any

from tests.fuzz.scratch import MONTHLY, OPEN, PAID
from tests.payments.webhooks import make_event

MONEY = {"amount": 7553, "currency": "cad"}
REFUND = {"object": "refund", "id": "re_1", "payment_intent": "pi_2", "charge": "ch_2", **MONEY}
DISPUTE = {
    "object": "dispute",
    "id": "dp_1",
    "payment_intent": "pi_2",
    "charge": "ch_2",
    "reason": "fraudulent",
    **MONEY,
}
INVOICE = {
    "object": "invoice",
    "id": "in_2",
    "amount_paid": 7553,
    "currency": "cad",
    "billing_reason": "subscription_cycle",
    "customer": "cus_1",
    "status_transitions": {"paid_at": 1795400000},
    "parent": {
        "subscription_details": {"subscription": "sub_1", "metadata": {"portal_gift": MONTHLY}}
    },
}
SUBSCRIPTION = {
    "object": "subscription",
    "id": "sub_1",
    "status": "active",
    "currency": "cad",
    "customer": "cus_1",
    "cancel_at": 1798000000,
    "metadata": {"portal_gift": MONTHLY},
    "items": {"data": [{"quantity": 1, "price": {"unit_amount": 7553}}]},
}


def _session(**changes: Any) -> dict[str, Any]:
    return {
        "object": "checkout.session",
        "id": "cs_test_1",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": {
            "id": "pi_1",
            "latest_charge": {
                "created": 1795400000,
                "balance_transaction": {"created": 1795400000},
            },
        },
        "client_reference_id": OPEN,
        "subscription": None,
        "invoice": None,
        "customer": "cus_1",
        "amount_total": 7553,
        "currency": "cad",
        "metadata": {"portal_gift": OPEN, "portal_installation": None},
    } | changes


def _events() -> list[dict[str, Any]]:
    pays = {"amount_received": 7553, "currency": "cad", "latest_charge": "ch_1"}
    told: list[tuple[str, dict[str, Any]]] = [
        ("checkout.session.completed", _session()),
        ("checkout.session.completed", _session(subscription="sub_2", payment_intent=None)),
        ("checkout.session.async_payment_succeeded", _session()),
        ("checkout.session.async_payment_failed", _session(payment_status="unpaid")),
        ("checkout.session.expired", _session(status="expired", payment_status="unpaid")),
        ("payment_intent.succeeded", {"id": "pi_1", "metadata": {"portal_gift": OPEN}, **pays}),
        (
            "charge.updated",
            {"id": "ch_2", "payment_intent": "pi_2", "balance_transaction": "txn_2", "paid": True},
        ),
        *((f"refund.{name}", REFUND | {"status": name}) for name in ("created", "failed")),
        ("refund.updated", REFUND | {"status": "succeeded"}),
        ("refund.updated", REFUND | {"status": "succeeded", "metadata": {"portal_gift": PAID}}),
        ("charge.dispute.created", DISPUTE | {"status": "needs_response"}),
        ("charge.dispute.closed", DISPUTE | {"status": "lost"}),
        ("charge.dispute.funds_reinstated", DISPUTE | {"status": "won"}),
        ("invoice.paid", INVOICE),
        ("invoice.payment_failed", INVOICE),
        (
            "invoice_payment.paid",
            {"id": "inpay_1", "invoice": "in_1", "payment": {"payment_intent": "pi_9"}},
        ),
        ("customer.subscription.updated", SUBSCRIPTION),
        ("customer.subscription.deleted", SUBSCRIPTION | {"status": "canceled"}),
    ]
    thin = {"object": "v2.core.event", "related_object": {"id": "cs_test_1"}}
    events = [make_event("", 1, type=kind, data={"object": thing}) for kind, thing in told]
    return [*events, make_event("", 1, **thin), make_event("", 1, account="acct_1")]


def _write(number: int, event: dict[str, Any]) -> bytes:
    """With an id and a time that are the same in every run."""
    return json.dumps(event | {"id": f"evt_{number}", "created": 1795400000}).encode()


EVENTS = tuple(_write(number, event) for number, event in enumerate(_events()))
