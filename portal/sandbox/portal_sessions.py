"""Billing portal sessions: a page on which a donor ends a subscription."""

from portal.sandbox.fields import Choice, Field, Group, Many, Text, WebAddress
from portal.sandbox.session_params import LOCALES
from portal.sandbox.store import Json
from portal.sandbox.world import World

_FLOW = Group(
    {
        "type": Choice(("subscription_cancel",)),
        "subscription_cancel": Group({"subscription": Text()}, required=("subscription",)),
    },
    required=("type",),
)
CREATE_PORTAL_SESSION: dict[str, Field] = {
    "customer": Text(),
    "expand": Many(Text()),
    "flow_data": _FLOW,
    "locale": Choice(tuple(locale for locale in LOCALES if locale != "hi-IN")),
    "return_url": WebAddress(),
}


def create_portal_session(world: World, params: Json) -> Json:
    world.get("customer", params["customer"], "customer")
    session_id = world.new_id("bps")
    session = {
        "id": session_id,
        "object": "billing_portal.session",
        "after_expiration": None,
        "configuration": "bpc_sandbox",
        "created": world.now(),
        "customer": params["customer"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": params.get("locale"),
        "on_behalf_of": None,
        "return_url": params.get("return_url"),
        "url": f"{world.config.base_url}/billing/{session_id}",
    }
    return world.add(session)
