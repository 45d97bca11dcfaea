"""Subscriptions: what repeats, how it changes and how it ends."""

from typing import Any

from portal.sandbox.calendar import period_end
from portal.sandbox.errors import StripeError, parameter_invalid
from portal.sandbox.events import emit
from portal.sandbox.fields import (
    Choice,
    Currency,
    Field,
    Flag,
    Group,
    Many,
    Metadata,
    Text,
    Whole,
)
from portal.sandbox.lists import LISTING, list_object, list_page
from portal.sandbox.prices import add_price, plan_of
from portal.sandbox.store import Json
from portal.sandbox.world import World

STATUSES = (
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)
_DETAILS = Group(
    {
        "comment": Text(unset=True),
        "feedback": Choice(
            (
                "",
                "customer_service",
                "low_quality",
                "missing_features",
                "other",
                "switched_service",
                "too_complex",
                "too_expensive",
                "unused",
            )
        ),
    }
)
_PRICE_DATA = Group(
    {
        "currency": Currency(),
        "product": Text(),
        "recurring": Group(
            {"interval": Choice(("day", "month", "week", "year")), "interval_count": Whole(1, 36)},
            required=("interval",),
        ),
        "unit_amount": Whole(0),
    },
    required=("currency", "product", "recurring", "unit_amount"),
)
UPDATE_SUBSCRIPTION: dict[str, Field] = {
    "cancel_at": Text(unset=True),
    "cancel_at_period_end": Flag(),
    "cancellation_details": _DETAILS,
    "default_payment_method": Text(),
    "description": Text(500, unset=True),
    "expand": Many(Text()),
    "items": Many(Group({"id": Text(), "price_data": _PRICE_DATA, "quantity": Whole(1)}), 1),
    "metadata": Metadata(),
    "proration_behavior": Choice(("none",)),
}
CANCEL_SUBSCRIPTION: dict[str, Field] = {
    "cancellation_details": _DETAILS,
    "expand": Many(Text()),
    "invoice_now": Flag(),
    "prorate": Flag(),
}
LIST_SUBSCRIPTIONS: dict[str, Field] = LISTING | {
    "customer": Text(),
    "price": Text(),
    "status": Choice(STATUSES),
}

_NULLS = dict.fromkeys(
    "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at"
    " canceled_at customer_account days_until_due default_source ended_at latest_invoice"
    " next_pending_invoice_item_invoice on_behalf_of pause_collection"
    " pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock"
    " transfer_data trial_end trial_start".split()
)


def add_subscription(world: World, customer: Json, lines: list[Json], **fields: Any) -> Json:
    """An active subscription whose first period starts now.

    `lines` are the session's line items; `fields` override the subscription's own.
    """
    now = world.now()
    subscription_id = world.new_id("sub")
    items = [_item(world, subscription_id, line) for line in lines]
    subscription = _NULLS | {
        "id": subscription_id,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": lines[0]["currency"],
        "customer": customer["id"],
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": list_object(f"/v1/subscription_items?subscription={subscription_id}", items),
        "livemode": False,
        "metadata": {},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": now,
        "status": "active",
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    }
    world.schedule("renew", subscription_id, items[0]["current_period_end"])
    return world.add(subscription | fields)


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


def update_subscription(world: World, params: Json, id: str) -> Json:
    subscription = world.get("subscription", id)
    if subscription["status"] == "canceled":
        raise StripeError(
            400,
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="resource_missing",
            param="id",
        )
    changes: Json = {
        name: params[name] or None
        for name in ("default_payment_method", "description")
        if name in params
    }
    if "metadata" in params:
        changes["metadata"] = merge_metadata(subscription["metadata"], params["metadata"])
    if "items" in params:
        changes["items"] = _changed_items(world, subscription, params["items"][0])
    return change_subscription(world, subscription, changes | _ending(world, subscription, params))


def _ending(world: World, subscription: Json, params: Json) -> Json:
    """How and when it will end, as asked: at the period's end, at a time, or no longer."""
    changes: Json = {}
    end = subscription["items"]["data"][0]["current_period_end"]
    if "cancel_at_period_end" in params:
        wanted = params["cancel_at_period_end"]
        changes = {"cancel_at_period_end": wanted, "cancel_at": end if wanted else None}
    elif "cancel_at" in params:
        changes = {"cancel_at": _end_time(params["cancel_at"], end), "cancel_at_period_end": False}
    if changes:
        asked = changes["cancel_at"] is not None
        reason = "cancellation_requested" if asked else None
        changes["canceled_at"] = world.now() if asked else None
        changes["cancellation_details"] = subscription["cancellation_details"] | {"reason": reason}
        plan_ending(world, subscription["id"], changes["cancel_at"])
    if "cancellation_details" in params:
        details = changes.get("cancellation_details", subscription["cancellation_details"])
        changes["cancellation_details"] = details | params["cancellation_details"]
    return changes


def plan_ending(world: World, subscription_id: str, at: int | None) -> None:
    """Let it end at a time, or forget an earlier plan."""
    world.unschedule("end_subscription", subscription_id)
    if at is not None:
        world.schedule("end_subscription", subscription_id, at)


def _end_time(text: str, period_end_at: int) -> int | None:
    if text == "":
        return None
    if text in ("min_period_end", "max_period_end"):
        return period_end_at
    return int(Whole(0).read(text, "cancel_at"))


def _changed_items(world: World, subscription: Json, wanted: Json) -> Json:
    """Another amount from the next period on; no proration is modelled."""
    items: Json = subscription["items"]
    for position, item in enumerate(items["data"]):
        if item["id"] == wanted.get("id"):
            changed = _changed_item(world, item, wanted)
            data = [*items["data"][:position], changed, *items["data"][position + 1 :]]
            return items | {"data": data}
    raise parameter_invalid("The sandbox changes items that are there: give an id.", "items")


def _changed_item(world: World, item: Json, wanted: Json) -> Json:
    changed = item | {"quantity": wanted.get("quantity", item["quantity"])}
    if "price_data" in wanted:
        price = add_price(world, wanted["price_data"])
        changed |= {"price": price, "plan": plan_of(price)}
    return changed


def merge_metadata(before: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Given keys are set, an empty value unsets its key, nothing given clears all (Stripe)."""
    if not given:
        return {}
    return {key: value for key, value in (before | given).items() if value}


def cancel_subscription(world: World, params: Json, id: str) -> Json:
    subscription = world.get("subscription", id)
    if subscription["status"] == "canceled":
        raise StripeError(404, f"No such subscription: '{id}'", code="resource_missing", param="id")
    subscription["cancellation_details"] |= params.get("cancellation_details", {})
    return end_subscription(world, subscription, "cancellation_requested")


def retrieve_subscription(world: World, params: Json, id: str) -> Json:
    return world.get("subscription", id)


def list_subscriptions(world: World, params: Json) -> Json:
    """All that are not canceled, unless `status` says otherwise, as Stripe does."""
    status = params.pop("status", None)
    field = "json_extract(body, '$.status')"
    if status == "all":
        where: list[tuple[str, list[Any]]] = []
    elif status is None:
        where = [(f"{field} <> 'canceled'", [])]
    else:
        where = [(f"{field} = ?", ["canceled" if status == "ended" else status])]
    paths = {"price": "items.data[0].price.id"}
    return list_page(world, "subscription", "/v1/subscriptions", params, paths=paths, where=where)
