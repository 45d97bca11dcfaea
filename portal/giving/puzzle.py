"""The page that lets a browser work for its payment while very many begin."""

from flask import Response, current_app, g, render_template, request, url_for

from portal.giving.visitors import catalogue, keep_private
from portal.intake.admission import Caller
from portal.logs import get_logger
from portal.proof_of_work import make_puzzle
from portal.web import client_key, services, utc_now

log = get_logger()

ANSWER = "work"
LONGEST_ANSWER = 200
# The button that leads back to the giving form, with all that was typed.
CHANGE = "change_mode"


def read_caller() -> Caller:
    """Who sent a form that begins a payment, and the answer to a puzzle that came with it."""
    return Caller(client_key(), request.form.get(ANSWER, "")[:LONGEST_ANSWER])


def ask_for_work(_needed: Exception) -> Response:
    """The form that was sent, to be sent again with the answer to a puzzle."""
    settings, place = services().settings, request.view_args or {}
    log.warning("work_asked", endpoint=request.endpoint)
    g.csp_form_action = ("'self'", *services().providers.pay_origins)
    page = render_template(
        "giving/puzzle.html",
        puzzle=make_puzzle(settings, utc_now()),
        sent=[pair for pair in request.form.items(multi=True) if pair[0] != ANSWER],
        region=catalogue().by_slug(place.get("region", "")),
        back=url_for("giving.gift", token=place["token"]) if "token" in place else "",
        action=request.path,
        answer=ANSWER,
        change=CHANGE,
    )
    return keep_private(current_app.make_response((page, 428)))
