"""Signed deliveries as Stripe makes them, for posting to the app."""

import hashlib
import hmac
import json
import time
from itertools import count
from typing import Any

from werkzeug.test import TestResponse

from tests.pages import CheckedClient

SECRET = "whsec_tests"
_numbers = count(1)


def make_event(reference: str, amount: int, currency: str = "cad", **changes: Any) -> Any:
    """`checkout.session.completed` of a paid gift, with what matters of its session."""
    number = next(_numbers)
    session = {
        "object": "checkout.session",
        "id": f"cs_test_{number}",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": f"pi_{number}",
        "amount_total": amount,
        "currency": currency,
        "livemode": False,
        "metadata": {"portal_gift": reference},
    }
    return {
        "object": "event",
        "id": f"evt_{number}",
        "type": "checkout.session.completed",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": session},
    } | changes


def signature(payload: bytes, secret: str = SECRET, at: float | None = None) -> str:
    """The header of https://docs.stripe.com/webhooks#verify-manually, worked out by hand."""
    moment = int(time.time() if at is None else at)
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + payload, hashlib.sha256)
    return f"t={moment},v1={signed.hexdigest()}"


def post(client: CheckedClient, payload: bytes, header: str) -> TestResponse:
    return client.post(
        "/webhooks/stripe",
        data=payload,
        headers={"Stripe-Signature": header, "Content-Type": "application/json"},
    )


def deliver(client: CheckedClient, event: Any, secret: str = SECRET) -> TestResponse:
    """An event, signed now."""
    payload = json.dumps(event).encode()
    return post(client, payload, signature(payload, secret))
