"""Events: one snapshot for each change, and a delivery row for every endpoint that wants it.

Where they are delivered to is a resource too: the endpoints that a program made, and our own.
"""

import json
import time
from typing import Any

from portal.sandbox.fields import (
    Choice,
    Field,
    Flag,
    Many,
    Metadata,
    ParameterRefused,
    Text,
    WebAddress,
    parameter_invalid,
)
from portal.sandbox.store import API_VERSION, Json, is_loopback
from portal.sandbox.world import PAGING, World, current_cause, list_page

CREATE_ENDPOINT: dict[str, Field] = {
    "api_version": Choice((API_VERSION,)),
    "description": Text(),
    "enabled_events": Many(Text(), 300),
    "expand": Many(Text()),
    "metadata": Metadata(),
    "url": WebAddress(),
}
UPDATE_ENDPOINT: dict[str, Field] = {
    "description": Text(unset=True),
    "disabled": Flag(),
    "enabled_events": Many(Text(), 300),
    "expand": Many(Text()),
    "metadata": Metadata(),
    "url": WebAddress(),
}
LIST_ENDPOINTS: dict[str, Field] = PAGING
_OWN = "we_sandbox_started_with"


def _endpoint(world: World, endpoint_id: str, url: str, enabled: list[str]) -> Json:
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": world.now(),
        "description": None,
        "enabled_events": enabled,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def ensure_own_endpoint(world: World) -> None:
    """The endpoint of the start-up options, kept up to date when they change."""
    listed = world.config.webhook_listed_as or world.config.webhook_url
    known = world.find(_OWN)
    if listed is None:
        if known:
            world.save(known | {"status": "disabled"})
        return
    if known:
        world.save(known | {"url": listed, "status": "enabled"})
    else:
        world.add(_endpoint(world, _OWN, listed, ["*"]))
    world.set_private(_OWN, secret=world.config.webhook_secret)


def address_of(world: World, endpoint: Json) -> str:
    """Where an endpoint's events go; its own may be listed by the name that a proxy has."""
    is_own = endpoint["id"] == _OWN and world.config.webhook_url
    return str(world.config.webhook_url if is_own else endpoint["url"])


def create_endpoint(world: World, params: Json) -> Json:
    """A new endpoint; its secret is told this once."""
    _check_url(params["url"])
    if not params["enabled_events"]:
        raise parameter_invalid("enabled_events must not be empty.", "enabled_events")
    endpoint = _endpoint(world, world.new_id("we"), params["url"], params["enabled_events"])
    endpoint |= {
        "description": params.get("description"),
        "metadata": params.get("metadata", {}),
    }
    secret = world.new_id("whsec")
    world.add(endpoint, secret=secret)
    return endpoint | {"secret": secret}


def _check_url(url: str) -> None:
    if not is_loopback(url):
        raise ParameterRefused(
            "The sandbox sends webhooks to this machine only (127.0.0.1).",
            code="url_invalid",
            param="url",
        )


def update_endpoint(world: World, params: Json, id: str) -> Json:
    endpoint = world.get("webhook_endpoint", id)
    disabled = params.pop("disabled", None)
    if "url" in params:
        _check_url(params["url"])
    if disabled is not None:
        endpoint["status"] = "disabled" if disabled else "enabled"
    return world.save(endpoint | params)


def delete_endpoint(world: World, params: Json, id: str) -> Json:
    world.get("webhook_endpoint", id)
    world.store.execute("DELETE FROM objects WHERE id = ?", id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


def retrieve_endpoint(world: World, params: Json, id: str) -> Json:
    return world.get("webhook_endpoint", id)


def list_endpoints(world: World, params: Json) -> Json:
    return list_page(world, "webhook_endpoint", "/v1/webhook_endpoints", params)


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
