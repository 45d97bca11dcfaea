"""Events: one snapshot for each change, and a delivery row for every endpoint that wants it."""

import json
import time
from typing import Any

from portal.sandbox.fields import parameter_invalid
from portal.sandbox.lists import list_page
from portal.sandbox.store import API_VERSION, Json
from portal.sandbox.world import World, current_cause

_WINDOW = 30 * 24 * 3600  # Stripe lists events of the last 30 days
_UNDELIVERED = "SELECT event_id FROM deliveries WHERE state <> 'delivered'"


def emit(world: World, type: str, subject: Json, previous: Json | None = None) -> Json:
    """Record that something happened to `subject`, as it stands now.

    `previous` holds the former values of changed fields (Stripe's `previous_attributes`).
    """
    event = _record(world, type, subject, previous)
    if world.take_fault("twin_next"):
        _record(world, type, subject, previous)
    return event


def _record(world: World, type: str, subject: Json, previous: Json | None) -> Json:
    endpoints = [e for e in world.select("webhook_endpoint") if _wants(e, type)]
    data: Json = {"object": subject}
    if previous is not None:
        data["previous_attributes"] = previous
    event = _event(world, type, json.loads(json.dumps(data)), len(endpoints))
    world.add(event)
    for endpoint in endpoints:
        _queue(world, event["id"], endpoint["id"])
    return event


def _event(world: World, type: str, data: Json, pending: int) -> Json:
    cause = current_cause()
    return {
        "id": world.new_id("evt"),
        "object": "event",
        "account": None,
        "api_version": API_VERSION,
        "context": None,
        "created": world.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": pending,
        "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
        "type": type,
    }


def _wants(endpoint: Json, type: str) -> bool:
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or type in enabled)


def _queue(world: World, event_id: str, endpoint_id: str) -> None:
    state = "held" if world.store.state("hold", False) else "pending"
    if world.take_fault("drop_next"):
        state = "dropped"
    copies = 2 if state != "dropped" and world.take_fault("duplicate_next") else 1
    due = time.time() + float(world.store.state("delay_seconds", 0))
    for _ in range(copies):
        world.store.execute(
            "INSERT INTO deliveries (event_id, endpoint_id, state, due) VALUES (?, ?, ?, ?)",
            event_id,
            endpoint_id,
            state,
            due,
        )


def retrieve_event(world: World, params: Json, id: str) -> Json:
    return world.get("event", id)


def list_events(world: World, params: Json) -> Json:
    """Newest first; `types` takes 20, `type` may end in `.*`, `delivery_success` as Stripe's."""
    types = params.pop("types", [])
    if len(types) > 20:
        raise parameter_invalid("You can specify at most 20 types.", "types")
    wanted = params.pop("type", None)
    where = [("created >= ?", [world.now() - _WINDOW])]
    if types:
        marks = ", ".join("?" * len(types))
        where.append((f"json_extract(body, '$.type') IN ({marks})", types))
    if wanted:
        where.append(("json_extract(body, '$.type') GLOB ?", [wanted]))
    where += _delivery_condition(params.pop("delivery_success", None))
    return list_page(world, "event", "/v1/events", params, where=where)


def _delivery_condition(success: bool | None) -> list[tuple[str, list[Any]]]:
    if success is None:
        return []
    return [(f"id {'NOT ' if success else ''}IN ({_UNDELIVERED})", [])]
