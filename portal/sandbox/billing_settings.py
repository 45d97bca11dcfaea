"""The Customer Portal's configuration: the default one, which is saved from the first day."""

from portal.sandbox.fields import Field, Flag, Group, Many, Metadata, Text, WebAddress
from portal.sandbox.store import Json
from portal.sandbox.world import PAGING, World, list_page

DEFAULT = "bpc_sandbox"
_SWITCH = Group({"enabled": Flag()}, required=("enabled",))
LIST_CONFIGURATIONS: dict[str, Field] = PAGING | {"active": Flag(), "is_default": Flag()}
UPDATE_CONFIGURATION: dict[str, Field] = {
    "default_return_url": WebAddress(),
    "expand": Many(Text()),
    "features": Group({"payment_method_update": _SWITCH, "subscription_cancel": _SWITCH}),
    "metadata": Metadata(),
}


def ensure_configuration(world: World) -> None:
    """Save what the page is to show, as a person does once at Stripe."""
    if world.find(DEFAULT) is None:
        world.add(_configuration(world.now()))


def _configuration(now: int) -> Json:
    return {
        "id": DEFAULT,
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {
            "headline": None,
            "privacy_policy_url": None,
            "terms_of_service_url": None,
        },
        "created": now,
        "default_return_url": None,
        "features": _features(),
        "is_default": True,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": now,
    }


def _features() -> Json:
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": True, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": True,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {
            "duration": {"interval_options": [], "type": "indefinite"},
            "enabled": False,
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def is_enabled(world: World, feature: str) -> bool:
    """Whether the page offers this."""
    features = world.get("billing_portal.configuration", DEFAULT)["features"]
    return bool(features[feature]["enabled"])


def list_configurations(world: World, params: Json) -> Json:
    url = "/v1/billing_portal/configurations"
    return list_page(world, "billing_portal.configuration", url, params)


def retrieve_configuration(world: World, params: Json, id: str) -> Json:
    return world.get("billing_portal.configuration", id)


def update_configuration(world: World, params: Json, id: str) -> Json:
    configuration = world.get("billing_portal.configuration", id)
    for name, given in params.pop("features", {}).items():
        configuration["features"][name] |= given
    return world.save(configuration | params | {"updated": world.now()})
