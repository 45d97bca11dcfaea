"""Where events go: the address the process was started with, and any made through the API."""

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
from portal.sandbox.lists import PAGING, list_page
from portal.sandbox.store import API_VERSION, Json, is_loopback
from portal.sandbox.world import World

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
    url = world.config.webhook_url
    known = world.find(_OWN)
    if url is None:
        if known:
            world.save(known | {"status": "disabled"})
        return
    if known:
        world.save(known | {"url": url, "status": "enabled"})
    else:
        world.add(_endpoint(world, _OWN, url, ["*"]))
    world.set_private(_OWN, secret=world.config.webhook_secret)


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
