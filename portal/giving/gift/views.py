"""One gift's page for its donor, behind an address nobody can guess."""

import re

from flask import Response, abort, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.giving.gift.page import find_gift, region_and_mode, show_gift
from portal.giving.gift.words import Arrival
from portal.giving.puzzle import read_caller
from portal.giving.visitors import keep_private
from portal.intake.checkout import look_up_return, may_look_up, page_url, was_handed_off
from portal.intake.start import TooManyTries, resume_gift
from portal.receipts.composition import receipt_mark
from portal.receipts.models import Receipt
from portal.receipts.operations import render_receipt
from portal.receipts.register import find_receipt
from portal.web import guard_public_post, services

SESSION_ID = re.compile(r"[\w-]{1,80}", re.ASCII)


def gift(token: str) -> AnyResponse:
    """Where a gift stands and what is next; a return from the pay page is looked up first."""
    found = find_gift(token)
    session_id = request.args.get("session_id", "")
    if SESSION_ID.fullmatch(session_id) and was_handed_off(services(), found, session_id):
        _look_up(found, session_id)
        return keep_private(redirect(_page_after_return(token), 303))
    return show_gift(found, _read_arrival())


def _look_up(found: Gift, session_id: str) -> None:
    """Ask its provider how it went, unless that is known or was asked often just now."""
    if found.status.is_received or not may_look_up(services(), found):
        return
    look_up_return(services(), found, session_id=session_id)


def _read_arrival() -> Arrival:
    named = (one for one in Arrival if one and request.args.get(one) == "1")
    return next(named, Arrival.NONE)


def _page_after_return(token: str) -> str:
    """The gift's page; while no word of a payment has come, one that asks for patience."""
    found = find_gift(token)
    page = page_url(found)
    return f"{page}?{Arrival.RETURNED}=1" if found.status is Status.PENDING else page


def pay(token: str) -> AnyResponse:
    """Hand the donor of an unpaid gift to the payment page once more."""
    guard_public_post()
    found = find_gift(token)
    region, mode = region_and_mode(found)
    if region is None or mode is None or mode.is_instructed:
        return keep_private(redirect(page_url(found), 303))
    try:
        url = resume_gift(
            services(),
            region,
            found,
            caller=read_caller(),
        )
    except TooManyTries:
        abort(429)
    return keep_private(redirect(url, 303))


def receipt(token: str) -> Response:
    """The receipt as PDF, marked where the gift did not stay as it was."""
    found = find_gift(token)
    stored = _find_receipt(found)
    if stored is None:
        abort(404)
    pdf = render_receipt(services(), stored.id, mark=receipt_mark(found))
    response = current_app.response_class(pdf, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=f"receipt-{stored.label}.pdf")
    return keep_private(response)


def _find_receipt(found: Gift) -> Receipt | None:
    if not found.status.is_received:
        return None
    with services().database.read() as session:
        return find_receipt(session, found.id)
