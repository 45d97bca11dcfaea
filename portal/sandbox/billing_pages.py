"""The billing portal's page: a donor's subscriptions, each with a way to end it."""

from datetime import UTC, datetime

from babel.dates import format_date
from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from portal.sandbox.pages import written
from portal.sandbox.store import Json
from portal.sandbox.subscription_life import change_subscription, plan_ending
from portal.sandbox.texts import TEXTS, language_of, number_locale
from portal.sandbox.world import World


def make_billing_pages(world: World) -> Blueprint:
    pages = Blueprint("billing", __name__)

    @pages.get("/billing/<id>")
    def show(id: str) -> Response:
        return _show(world, id)

    @pages.post("/billing/<id>")
    def cancel(id: str) -> Response:
        return _cancel(world, id)

    return pages


def _show(world: World, session_id: str) -> Response:
    session = world.get("billing_portal.session", session_id)
    locale = session["locale"]
    words = TEXTS[language_of(locale)]
    living = [
        _line(one, locale)
        for one in world.select("subscription", customer=session["customer"])
        if one["status"] != "canceled"
    ]
    page = render_template(
        "sandbox/billing.html",
        session=session,
        subscriptions=living,
        language=language_of(locale),
        t=words,
    )
    return make_response(page)


def _line(subscription: Json, locale: str | None) -> Json:
    items = subscription["items"]["data"]
    total = sum(item["price"]["unit_amount"] * item["quantity"] for item in items)
    ends = subscription["cancel_at"]
    at = datetime.fromtimestamp(ends or items[0]["current_period_end"], UTC)
    return {
        "id": subscription["id"],
        "amount": written(total, subscription["currency"], locale),
        "interval": items[0]["price"]["recurring"]["interval"],
        "ending": ends is not None,
        "date": format_date(at, "long", locale=number_locale(locale)),
    }


def _cancel(world: World, session_id: str) -> Response:
    """End it with its period: `cancel_at`, as flexible billing does, not `cancel_at_period_end`."""
    with world.store.transaction():
        session = world.get("billing_portal.session", session_id)
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
