"""PaymentMethods: a card or a bank account as it was given on the pay page."""

from dataclasses import asdict

from portal.sandbox.cards import Card
from portal.sandbox.debits import method_details
from portal.sandbox.store import Json
from portal.sandbox.world import World

_NO_ADDRESS = dict.fromkeys("city country line1 line2 postal_code state".split())


def billing_details(name: str | None, email: str | None, address: Json | None = None) -> Json:
    return {
        "address": _NO_ADDRESS | (address or {}),
        "email": email,
        "name": name,
        "phone": None,
        "tax_id": None,
    }


def _method(world: World, kind: str, details: Json, billing: Json) -> Json:
    return {
        "id": world.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing,
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "radar_options": {"session": None},
        "type": kind,
        kind: details,
    }


def add_card_method(world: World, card: Card, billing: Json) -> Json:
    """Keep a card; how it behaves stays beside it, out of the donor's sight."""
    behaviour = card.behaviour
    details = {
        "brand": behaviour.brand,
        "checks": card_checks(),
        "country": behaviour.country,
        "display_brand": behaviour.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": "sandboxfingerprint",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [behaviour.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    method = _method(world, "card", details, billing)
    return world.add(method, **asdict(behaviour))


def add_debit_method(world: World, kind: str, billing: Json, *, fails: bool) -> Json:
    """Keep a bank account, and whether its debits will come back unpaid."""
    return world.add(_method(world, kind, method_details(kind), billing), debit_fails=fails)


def card_checks() -> Json:
    return {
        "address_line1_check": None,
        "address_postal_code_check": None,
        "cvc_check": "pass",
    }


def attach_method(world: World, method: Json, customer_id: str) -> Json:
    return world.save(method | {"customer": customer_id})


def retrieve_payment_method(world: World, params: Json, id: str) -> Json:
    return world.get("payment_method", id)
