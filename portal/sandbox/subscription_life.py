"""A subscription's life: it begins, moves from period to period, changes and ends."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.sandbox.events import emit
from portal.sandbox.fields import Field, Flag, Metadata, Text
from portal.sandbox.store import Json
from portal.sandbox.world import World, list_object


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


_PRICE_NULLS = dict.fromkeys(
    "custom_unit_amount lookup_key nickname tiers_mode transform_quantity".split()
)
_NEW_PRICE: Json = {
    "object": "price",
    "active": False,
    "billing_scheme": "per_unit",
    "livemode": False,
    "metadata": {},
}


def add_price(world: World, data: Json) -> Json:
    """A price from `price_data`: amount, currency, product and perhaps `recurring`."""
    product = data.get("product") or add_product(world, data["product_data"])["id"]
    recurring = data.get("recurring")
    own = {
        "id": world.new_id("price"),
        "created": world.now(),
        "currency": data["currency"],
        "product": product,
        "recurring": _recurring(recurring) if recurring else None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "type": "recurring" if recurring else "one_time",
        "unit_amount": data["unit_amount"],
        "unit_amount_decimal": str(data["unit_amount"]),
    }
    return world.add(_PRICE_NULLS | _NEW_PRICE | own)


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


def period_end(anchor: int, interval: str, periods: int) -> int:
    """When the `periods`-th period after `anchor` (Unix seconds) ends."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in ("day", "week"):
        days = periods * (7 if interval == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    months = periods * (12 if interval == "year" else 1)
    return int(_plus_months(start, months).timestamp())


def _plus_months(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))


_NULLS = dict.fromkeys(
    "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at"
    " canceled_at customer_account days_until_due default_source ended_at latest_invoice"
    " next_pending_invoice_item_invoice on_behalf_of pause_collection"
    " pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock"
    " transfer_data trial_end trial_start".split()
)
_NEW: Json = {
    "object": "subscription",
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
    "billing_schedules": [],
    "cancel_at_period_end": False,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically",
    "default_payment_method": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "livemode": False,
    "metadata": {},
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "status": "active",
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
}


def add_subscription(world: World, customer: Json, lines: list[Json], **fields: Any) -> Json:
    """An active subscription whose first period starts now.

    `lines` are the session's line items; `fields` override the subscription's own.
    """
    now = world.now()
    subscription_id = world.new_id("sub")
    items = [_item(world, subscription_id, line) for line in lines]
    own = {
        "id": subscription_id,
        "billing_cycle_anchor": now,
        "created": now,
        "currency": lines[0]["currency"],
        "customer": customer["id"],
        "items": list_object(f"/v1/subscription_items?subscription={subscription_id}", items),
        "start_date": now,
    }
    world.schedule("renew", subscription_id, items[0]["current_period_end"])
    return world.add(_NULLS | _NEW | own | fields)


def _item(world: World, subscription_id: str, line: Json) -> Json:
    now = world.now()
    price = line["price"]
    recurring = price["recurring"]
    return {
        "id": world.new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": period_end(now, recurring["interval"], recurring["interval_count"]),
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": price,
        "quantity": line["quantity"],
        "subscription": subscription_id,
        "tax_rates": [],
    }


def next_period(subscription: Json) -> None:
    """Move every item to the period that follows, counted from the anchor."""
    for item in subscription["items"]["data"]:
        _move_item(item, subscription["billing_cycle_anchor"])


def _move_item(item: Json, anchor: int) -> None:
    recurring = item["price"]["recurring"]
    ended = item["current_period_end"]
    periods = recurring["interval_count"]
    while period_end(anchor, recurring["interval"], periods) <= ended:
        periods += recurring["interval_count"]
    item["current_period_start"] = ended
    item["current_period_end"] = period_end(anchor, recurring["interval"], periods)


def change_subscription(world: World, subscription: Json, changes: Json) -> Json:
    """Save changed fields and tell of them, if any did change."""
    previous = {
        name: subscription.get(name)
        for name, value in changes.items()
        if subscription.get(name) != value
    }
    if not previous:
        return subscription
    changed = subscription | changes
    world.save(changed)
    emit(world, "customer.subscription.updated", changed, previous)
    return changed


def end_subscription(world: World, subscription: Json, reason: str) -> Json:
    """It is over now; nothing more will be asked for it."""
    now = world.now()
    subscription |= {
        "canceled_at": subscription["canceled_at"] or now,
        "cancellation_details": subscription["cancellation_details"] | {"reason": reason},
        "ended_at": now,
        "status": "canceled",
    }
    world.save(subscription)
    world.unschedule("renew", subscription["id"])
    emit(world, "customer.subscription.deleted", subscription)
    return subscription


def plan_ending(world: World, subscription_id: str, at: int | None) -> None:
    """Let it end at a time, or forget an earlier plan."""
    world.unschedule("end_subscription", subscription_id)
    if at is not None:
        world.schedule("end_subscription", subscription_id, at)


def plan_resuming(world: World, subscription_id: str, at: int | None) -> None:
    """Let a pause end at a time, or forget an earlier plan."""
    world.unschedule("resume_collection", subscription_id)
    if at is not None:
        world.schedule("resume_collection", subscription_id, at)


def resume_collection(world: World, subscription_id: str) -> None:
    """The time at which a pause ends has come."""
    subscription = world.get("subscription", subscription_id)
    if subscription["status"] != "canceled":
        change_subscription(world, subscription, {"pause_collection": None})


CREATE_PRODUCT: dict[str, Field] = {
    "active": Flag(),
    "description": Text(40_000),
    "metadata": Metadata(),
    "name": Text(),
}


def create_product(world: World, params: Json) -> Json:
    return add_product(world, {"active": True} | params)
