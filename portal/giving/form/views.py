"""Choosing a region, the giving form, and a code's short address."""

import re
from dataclasses import replace

from flask import Response, current_app, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.codes.matches import MatchIsLess
from portal.codes.policy import Code, Refusal, decide
from portal.codes.terms import Via
from portal.codes.uses import Attribution
from portal.forms import UNREACHABLE
from portal.giving.form.fields import HONEYPOT, FormQuery, GiftForm, read_attribution, read_query
from portal.giving.form.making import (
    form_actions,
    make_offers,
    make_page,
    news_wording,
    render_form,
    send_page,
)
from portal.giving.form.offer import Asked
from portal.giving.regions import refuse_closed_region, refuse_region
from portal.giving.visitors import (
    CHANGE,
    catalogue,
    keep_private,
    page_cache,
    read_caller,
    read_sender,
    remember_start,
)
from portal.i18n import gettext, set_locale
from portal.intake.admission import TooManyTries
from portal.intake.start import GaveAMomentAgo, GiftOrder, Naming, NotAllowed, start_gift
from portal.mail.smtp import can_reach
from portal.receipts.declarations import write_wording
from portal.web import check_ticket, guard_public_post, services, utc_now

# Longer queries lead to their page by their meaning each time: memory is bounded.
LONGEST_ADDRESS = 400
RELOADING = frozenset(
    {"apply_code", "apply_cover", "apply_currency", "apply_fund", "remove_code", CHANGE}
)


def form(region: str) -> Response:
    """The giving form, from the cache of pages wherever possible."""
    kept, version = page_cache(), catalogue().version
    environ = request.environ
    path, sent = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    address = (path, sent) if len(sent) <= LONGEST_ADDRESS else None
    page = kept.find(address, version)
    if page is None:
        place = catalogue().by_slug(region)
        if place is None:
            return refuse_region()
        if not place.offered:
            return refuse_closed_region()
        query = read_query(place, request.args)
        page = kept.find_meaning(address, query, version)
        if page is None:
            page = make_page(place, query, version)
            kept.keep(address, query, page)
    return send_page(page)


def give(region: str) -> AnyResponse:
    """A form that was sent: judged, kept as a gift, and handed on."""
    guard_public_post()
    g.csp_form_action = form_actions()
    place = catalogue().by_slug(region)
    if place is None:
        return refuse_region()
    if not place.offered:
        return refuse_closed_region()
    query = read_query(place, request.form)
    if "remove_code" in request.form:
        query = replace(query, code="", left_code="")
    how = read_attribution(request.form, query.code)
    query = replace(query, via=how.via, first_code=how.first_code)
    set_locale(query.locale)
    code, offer = make_offers(place, query)
    form = GiftForm(request.form, offer)
    if query.left_code:
        # The first counts, wherever among the fields an empty one stands.
        form.code.data = query.code
    if RELOADING & request.form.keys():
        form.code.data = query.code and form.code.data
        return _show_again(form, query, 200)
    is_right = _check_envelope(form) and _check_content(form, code)
    if query.left_code or not is_right:
        # Which of two codes counts is said before anything is given.
        return _show_again(form, query, 422)
    return _start(form, query)


def _check_envelope(form: GiftForm) -> bool:
    """Whether the form is ours, fresh enough, and filled in by a person."""
    if request.form.get(HONEYPOT):
        form.form_errors.append(
            gettext(
                "A program filled in a field that people don’t see. It is empty again and nothing "
                "was charged: press the button once more"
            )
        )
    elif not check_ticket(services().settings, request.form.get("ticket", ""), utc_now()):
        form.form_errors.append(
            gettext(
                "This page was open for too long. Nothing was charged: check your entries "
                "and send them again"
            )
        )
    return not form.form_errors


def _check_content(form: GiftForm, code: Code | None) -> bool:
    """Whether every field is right; what the policy says of it is decided as the gift is kept.

    Beside other mistakes it is said here already, so that all can be mended at once.
    """
    form.validate()
    _check_address(form)
    refusal = form.offer.refusal
    if refusal is None and form.errors and form.has_pledge:
        verdict = decide(code, form.to_pledge(), utc_now(), catalogue())
        refusal = verdict if isinstance(verdict, Refusal) else None
    if refusal is not None:
        _refuse(form, refusal)
    return not form.errors


def _refuse(form: GiftForm, refusal: Refusal) -> None:
    form.refuse(refusal.field if refusal.field in form else "code", refusal.sentence)


def _check_address(form: GiftForm) -> None:
    """Refuse an address that our mail server says it can't write to."""
    if not form.email.errors and not can_reach(services().settings, form.email.data):
        form.refuse("email", gettext(UNREACHABLE))


def _start(form: GiftForm, query: FormQuery) -> AnyResponse:
    try:
        started = start_gift(services(), _make_order(form, query))
    except NotAllowed as error:
        _refuse(form, error.refusal)
        return _show_again(form, query, 422)
    except GaveAMomentAgo as error:
        asked = Asked(duplicate=f"/gift/{error.token}", told_minor=_read_told())
        return _show_again(form, query, 409, asked)
    except MatchIsLess as less:
        asked = Asked(
            sponsor=less.sponsor,
            left=less.left,
            told_minor=less.left.minor,
            again="again" in request.form,
        )
        return _show_again(form, query, 409, asked)
    except TooManyTries:
        form.form_errors.append(
            gettext(
                "Many gifts were started from your connection within an hour, so we pause "
                "here. Nothing was charged: choose another mode of payment, or try again in an hour"
            )
        )
        return _show_again(form, query, 429)
    return keep_private(remember_start(redirect(started.url, 303), started))


def _make_order(form: GiftForm, query: FormQuery) -> GiftOrder:
    offer, region = form.offer, form.offer.region
    naming = Naming(offer.partner, offer.partner_wording) if form.names_donor else None
    return GiftOrder(
        region=region,
        pledge=form.to_pledge(),
        donor=form.to_donor(),
        news_wording=news_wording(region) if form.consent_news.data else None,
        again="again" in request.form,
        caller=read_caller(),
        sender=read_sender(),
        told_minor=_read_told(),
        how=Attribution(Via(query.via), query.first_code),
        naming=naming,
        gift_aid_wording=write_wording(region.issuer).whole if form.wants_gift_aid else None,
    )


def _read_told() -> int | None:
    """What the donor was told that a sponsor still adds, in minor units."""
    told = request.form.get("match_told", "")
    return int(told) if TOLD.fullmatch(told) else None


TOLD = re.compile(r"\d{1,16}", re.ASCII)


def _show_again(
    form: GiftForm, query: FormQuery, status: int, asked: Asked | None = None
) -> Response:
    response = current_app.make_response(render_form(form, query, asked))
    response.status_code = status
    return keep_private(response)
