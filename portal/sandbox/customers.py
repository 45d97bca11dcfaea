"""Customers: who pays, kept when something recurs or when asked."""

from dataclasses import asdict
from typing import Any

from portal.sandbox.events import emit
from portal.sandbox.fields import Email, Field, Group, Many, Metadata, Text
from portal.sandbox.lists import LISTING, list_page
from portal.sandbox.payment_methods import Card, method_details
from portal.sandbox.store import Json
from portal.sandbox.world import World

ADDRESS = Group({name: Text() for name in "city country line1 line2 postal_code state".split()})
CREATE_CUSTOMER: dict[str, Field] = {
    "address": ADDRESS,
    "description": Text(),
    "email": Email(),
    "expand": Many(Text()),
    "metadata": Metadata(),
    "name": Text(256),
    "phone": Text(20),
    "preferred_locales": Many(Text()),
}
LIST_CUSTOMERS: dict[str, Field] = LISTING | {"email": Text()}

_NULLS = dict.fromkeys(
    "address business_name currency customer_account default_source description discount email"
    " individual_name name phone shipping test_clock".split()
)


def add_customer(world: World, **fields: Any) -> Json:
    customer_id = world.new_id("cus")
    customer = _NULLS | {
        "id": customer_id,
        "object": "customer",
        "balance": 0,
        "created": world.now(),
        "delinquent": False,
        "invoice_prefix": customer_id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    world.add(customer | fields)
    emit(world, "customer.created", customer | fields)
    return customer | fields


def create_customer(world: World, params: Json) -> Json:
    if "address" in params:
        nulls = dict.fromkeys("city country line1 line2 postal_code state".split())
        params["address"] = nulls | params["address"]
    return add_customer(world, **params)


def retrieve_customer(world: World, params: Json, id: str) -> Json:
    return world.get("customer", id)


def list_customers(world: World, params: Json) -> Json:
    return list_page(world, "customer", "/v1/customers", params)


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
