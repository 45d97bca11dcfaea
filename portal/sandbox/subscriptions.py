"""Subscriptions through the API: read, change, cancel."""

from typing import Any

from portal.sandbox.fields import (
    Choice,
    Currency,
    Field,
    Flag,
    Group,
    Many,
    Metadata,
    StripeError,
    Text,
    Unset,
    Whole,
    parameter_invalid,
)
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import (
    add_price,
    change_subscription,
    end_subscription,
    plan_ending,
    plan_of,
    plan_resuming,
)
from portal.sandbox.world import LISTING, World, list_page

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
_PAUSE = Group(
    {
        "behavior": Choice(("keep_as_draft", "mark_uncollectible", "void")),
        "resumes_at": Whole(0),
    },
    required=("behavior",),
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
    "pause_collection": Unset(_PAUSE),
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
    if "pause_collection" in params:
        changes["pause_collection"] = _paused(world, id, params["pause_collection"])
    if "items" in params:
        changes["items"] = _changed_items(world, subscription, params["items"][0])
    return change_subscription(world, subscription, changes | _ending(world, subscription, params))


def _paused(world: World, subscription_id: str, wanted: Json | None) -> Json | None:
    """How collection is paused, if it is; at its end, if it has one, it goes on by itself."""
    resumes_at = (wanted or {}).get("resumes_at")
    if resumes_at is not None and resumes_at <= world.now():
        raise parameter_invalid("resumes_at must be in the future.", "pause_collection[resumes_at]")
    plan_resuming(world, subscription_id, resumes_at)
    return wanted and {"behavior": wanted["behavior"], "resumes_at": resumes_at}


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
        product = world.get("product", wanted["price_data"]["product"])
        if not product["active"]:
            raise StripeError(
                400, f"The product {product['id']} is marked as inactive: it takes no new prices."
            )
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
