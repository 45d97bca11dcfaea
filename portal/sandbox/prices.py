"""Products and prices, made inline from a session's `price_data`."""

from portal.sandbox.store import Json
from portal.sandbox.world import World


def add_product(world: World, data: Json) -> Json:
    now = world.now()
    nulls = dict.fromkeys(
        "default_price description package_dimensions shippable statement_descriptor tax_code"
        " unit_label url".split()
    )
    product = nulls | {
        "id": world.new_id("prod"),
        "object": "product",
        "active": False,  # Stripe archives what was made inline
        "created": now,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "type": "service",
        "updated": now,
    }
    return world.add(product | data)


def add_price(world: World, data: Json) -> Json:
    """A price from `price_data`: amount, currency, product and perhaps `recurring`."""
    product = data.get("product") or add_product(world, data["product_data"])["id"]
    recurring = data.get("recurring")
    nulls = dict.fromkeys(
        "custom_unit_amount lookup_key nickname tiers_mode transform_quantity".split()
    )
    price = nulls | {
        "id": world.new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": world.now(),
        "currency": data["currency"],
        "livemode": False,
        "metadata": {},
        "product": product,
        "recurring": _recurring(recurring) if recurring else None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "type": "recurring" if recurring else "one_time",
        "unit_amount": data["unit_amount"],
        "unit_amount_decimal": str(data["unit_amount"]),
    }
    return world.add(price)


def _recurring(recurring: Json) -> Json:
    return {
        "interval": recurring["interval"],
        "interval_count": recurring.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def plan_of(price: Json) -> Json:
    """The older form of a recurring price, which subscription items still carry."""
    nulls = dict.fromkeys("meter nickname tiers_mode transform_usage trial_period_days".split())
    return nulls | {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": False,
        "metadata": {},
        "product": price["product"],
        "usage_type": "licensed",
    }


def retrieve_price(world: World, params: Json, id: str) -> Json:
    return world.get("price", id)


def retrieve_product(world: World, params: Json, id: str) -> Json:
    return world.get("product", id)
