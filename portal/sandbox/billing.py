"""The Customer Portal: its configuration, saved from the first day, and its page for a donor."""

from datetime import UTC, datetime

from babel.dates import format_date
from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from portal.sandbox.customers import (
    MESSAGES,
    add_card_method,
    attach_method,
    billing_details,
    read_card,
)
from portal.sandbox.fields import (
    Choice,
    Field,
    Flag,
    Group,
    Many,
    Metadata,
    StripeError,
    Text,
    WebAddress,
)
from portal.sandbox.pages import KEPT_FIELDS, Trouble, written
from portal.sandbox.session_params import LOCALES
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import change_subscription, plan_ending
from portal.sandbox.texts import TEXTS, language_of, number_locale
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
        "configuration": DEFAULT,
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


def make_billing_pages(world: World) -> Blueprint:
    pages = Blueprint("billing", __name__)

    @pages.get("/billing/<id>")
    def show(id: str) -> Response:
        return _show(world, id)

    @pages.post("/billing/<id>")
    def cancel(id: str) -> Response:
        return _cancel(world, id)

    @pages.post("/billing/<id>/card")
    def change_card(id: str) -> Response:
        return _change_card(world, id)

    return pages


OFFERS = ("payment_method_update", "subscription_cancel")


def _ask_for(world: World, session_id: str, offer: str) -> Json:
    """The session of somebody who wants what the page offers; else a refusal."""
    if not is_enabled(world, offer):
        raise StripeError(400, "The Customer Portal's configuration does not offer this.")
    return world.get("billing_portal.session", session_id)


def _show(world: World, session_id: str, trouble: Trouble | None = None) -> Response:
    session = world.get("billing_portal.session", session_id)
    locale = session["locale"]
    words = TEXTS[language_of(locale)]
    page = render_template(
        "sandbox/billing.html",
        session=session,
        offers={name: is_enabled(world, name) for name in OFFERS},
        subscriptions=[_line(world, one, locale) for one in _living(world, session)],
        language=language_of(locale),
        t=words,
        trouble=trouble,
        typed={name: request.form.get(name, "") for name in KEPT_FIELDS},
    )
    return make_response(page, 422 if trouble else 200)


def _living(world: World, session: Json) -> list[Json]:
    """The donor's subscriptions that are not over."""
    found = world.select("subscription", customer=session["customer"])
    return [one for one in found if one["status"] != "canceled"]


def _line(world: World, subscription: Json, locale: str | None) -> Json:
    items = subscription["items"]["data"]
    total = sum(item["price"]["unit_amount"] * item["quantity"] for item in items)
    ends = subscription["cancel_at"]
    at = datetime.fromtimestamp(ends or items[0]["current_period_end"], UTC)
    method = world.get("payment_method", subscription["default_payment_method"])
    return {
        "id": subscription["id"],
        "amount": written(total, subscription["currency"], locale),
        "interval": items[0]["price"]["recurring"]["interval"],
        "ending": ends is not None,
        "last4": method.get("card", {}).get("last4"),
        "date": format_date(at, "long", locale=number_locale(locale)),
    }


def _cancel(world: World, session_id: str) -> Response:
    """End it with its period: `cancel_at`, as flexible billing does, not `cancel_at_period_end`."""
    with world.store.transaction():
        session = _ask_for(world, session_id, "subscription_cancel")
        subscription = world.get("subscription", request.form.get("subscription", ""))
        if subscription["customer"] == session["customer"] and not subscription["cancel_at"]:
            end = subscription["items"]["data"][0]["current_period_end"]
            details = subscription["cancellation_details"] | {"reason": "cancellation_requested"}
            changes = {
                "cancel_at": end,
                "canceled_at": world.now(),
                "cancellation_details": details,
            }
            plan_ending(world, subscription["id"], end)
            change_subscription(world, subscription, changes)
    return redirect(f"/billing/{session_id}", 303)


def _change_card(world: World, session_id: str) -> Response:
    """Let every subscription be charged to another card from now on."""
    with world.store.transaction():
        session = _ask_for(world, session_id, "payment_method_update")
        words = TEXTS[language_of(session["locale"])]
        card, wrong = read_card(request.form.to_dict(), world.clock.now())
        if card is None:
            trouble = Trouble(fields={name: words[key] for name, key in wrong.items()})
            return _show(world, session_id, trouble)
        if card.behaviour.decline is not None:
            why = card.behaviour.decline[1]
            return _show(world, session_id, Trouble(notice=words.get(why, MESSAGES[why])))
        customer = world.get("customer", session["customer"])
        billing = billing_details(card.name, customer["email"], customer["address"])
        method = attach_method(world, add_card_method(world, card, billing), customer["id"])
        for one in _living(world, session):
            change_subscription(world, one, {"default_payment_method": method["id"]})
    return redirect(f"/billing/{session_id}", 303)
