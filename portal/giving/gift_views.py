"""One gift's page for its giver, behind an address nobody can guess."""

import re
from datetime import datetime

from flask import Response, abort, current_app, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.gifts.queries import find_gift_by_token
from portal.giving.asked import Asked, choose_locale
from portal.giving.giftpage import Arrival, name_fund, name_mode, tell_story
from portal.giving.operations import TooManyTries, look_up_return, page_url, resume_gift
from portal.giving.visitors import catalogue, gateway, keep_private
from portal.i18n import set_locale
from portal.payments.operations import Desk
from portal.receipts.marks import receipt_mark
from portal.receipts.models import Receipt
from portal.receipts.operations import render_receipt
from portal.receipts.queries import find_receipt
from portal.regions.catalogue import Mode, Region
from portal.web import checkout_origin, client_key, guard_public_post, services, utc_now

TOKEN = re.compile(r"[\w-]{1,32}", re.ASCII)
SESSION_ID = re.compile(r"cs_\w{1,120}", re.ASCII)


def gift(token: str) -> AnyResponse:
    """Where a gift stands and what is next; a return from Stripe is looked up first."""
    found = _find(token)
    session_id = request.args.get("session_id", "")
    if SESSION_ID.fullmatch(session_id):
        desk = Desk(jobs=services().jobs, catalogue=catalogue())
        look_up_return(services(), gateway(), desk, found, session_id=session_id, now=utc_now())
        return keep_private(redirect(_page_after_return(token), 303))
    g.csp_form_action = ("'self'", checkout_origin(services().settings))
    return keep_private(current_app.make_response(_render(found, _read_arrival())))


def _page_after_return(token: str) -> str:
    """The gift's page; while no word of a payment has come, one that asks for patience."""
    found = _find(token)
    page = page_url(found)
    return f"{page}?{Arrival.RETURNED}=1" if found.status is Status.PENDING else page


def _find(token: str) -> Gift:
    """The gift of an address, its language set; a page that isn't there otherwise."""
    if not TOKEN.fullmatch(token):
        abort(404)
    with services().database.read() as session:
        found = find_gift_by_token(session, token)
    if found is None:
        abort(404)
    set_locale(found.locale)
    return found


def _read_arrival() -> Arrival:
    named = (one for one in Arrival if one and request.args.get(one) == "1")
    return next(named, Arrival.NONE)


def _render(found: Gift, arrival: Arrival) -> str:
    regions = catalogue()
    region = regions.by_slug(found.region) or regions.rest
    mode = region.mode(found.mode) if region else None
    with services().database.read() as session:
        receipt = find_receipt(session, found.id)
    return render_template(
        "giving/gift.html",
        gift=found,
        region=region,
        mode=mode,
        story=tell_story(found, mode, arrival),
        fund=name_fund(found, region),
        mode_name=name_mode(found, mode),
        receipt=receipt if found.status.is_received else None,
        is_monthly=found.plan_id is not None,
        issuer=region.issuer if region else None,
        support_email=_support_email(region),
        day=_day_of(found),
        reload_url=page_url(found),
        other_way_url=_other_way(found, region) if region else "",
    )


def _other_way(found: Gift, region: Region) -> str:
    """The form with this gift's choices but for the mode of payment."""
    asked = Asked(
        region=region.slug,
        locale=choose_locale(region, found.locale),
        code=found.code or "",
        amount=(found.money - found.cover).plain(),
        currency=found.currency,
        fund=found.fund,
        frequency=found.frequency,
    )
    return asked.address()


def _support_email(region: Region | None) -> str:
    return services().settings.support_email or (region.issuer.email if region else "")


def _day_of(found: Gift) -> datetime:
    return found.received_at or found.created_at


def pay(token: str) -> AnyResponse:
    """Hand the donor of an unpaid gift to the payment page once more."""
    guard_public_post()
    found = _find(token)
    region = catalogue().by_slug(found.region)
    if region is None or not _is_paid_by_stripe(region.mode(found.mode)):
        return keep_private(redirect(page_url(found), 303))
    try:
        url = resume_gift(services(), gateway(), region, found, who=client_key(), now=utc_now())
    except TooManyTries:
        abort(429)
    return keep_private(redirect(url, 303))


def _is_paid_by_stripe(mode: Mode | None) -> bool:
    return mode is not None and mode.is_stripe


def receipt(token: str) -> Response:
    """The receipt as PDF, marked where the gift did not stay as it was."""
    found = _find(token)
    stored = _find_receipt(found)
    if stored is None:
        abort(404)
    pdf = render_receipt(services().database, stored.id, now=utc_now(), mark=receipt_mark(found))
    response = current_app.response_class(pdf, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=f"receipt-{stored.label}.pdf")
    return keep_private(response)


def _find_receipt(found: Gift) -> Receipt | None:
    if not found.status.is_received:
        return None
    with services().database.read() as session:
        return find_receipt(session, found.id)
