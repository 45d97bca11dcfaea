"""Customers: who pays, kept when something recurs or when asked."""

from typing import Any

from portal.sandbox.events import emit
from portal.sandbox.fields import Email, Field, Group, Many, Metadata, Text
from portal.sandbox.lists import LISTING, list_page
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
