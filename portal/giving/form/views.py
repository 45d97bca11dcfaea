"""Choosing a region, the giving form, and a code's short address."""

from dataclasses import replace

from flask import Response, current_app, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.codes.policy import Code, Refusal, Terms, decide, open_terms
from portal.codes.refusals import refuse_unknown_code
from portal.forms import UNREACHABLE
from portal.giving.form.address import FormQuery, read_query
from portal.giving.form.cache import Page, make_page
from portal.giving.form.fields import HONEYPOT, GiftForm
from portal.giving.form.offer import Offer, make_offer
from portal.giving.form.page import news_wording, show_form
from portal.giving.puzzle import CHANGE, read_caller
from portal.giving.regions import refuse_closed_region, refuse_region
from portal.giving.visitors import (
    catalogue,
    count_guess,
    keep_private,
    kept_codes,
    page_cache,
    read_sender,
    remember_start,
)
from portal.i18n import gettext, set_locale
from portal.intake.admission import TooManyTries
from portal.intake.start import GaveAMomentAgo, GiftOrder, NotAllowed, start_gift
from portal.regions.catalogue import Region
from portal.smtp import can_reach
from portal.web import (
    check_ticket,
    content_policy,
    guard_public_post,
    make_ticket,
    services,
    utc_now,
)

PUBLIC = "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
# A form that is sent sees the code as it stands, by the second; what is kept is decided afresh.
CODE_SECONDS = 1.0
RELOADING = frozenset({"apply_code", "apply_currency", "apply_fund", "remove_code", CHANGE})


def form(region: str) -> Response:
    """The giving form, from the cache of pages wherever possible."""
    kept, version = page_cache(), catalogue().version
    environ = request.environ
    address = (environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
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
            page = _make_form_page(place, query, version)
            kept.keep(address, query, page)
    return _answer(page)


def _answer(page: Page) -> Response:
    environ = request.environ
    encoded = page.packed if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "") else page.plain
    if page.tag in environ.get("HTTP_IF_NONE_MATCH", ""):
        return Response(status=304, headers=encoded.unchanged)
    return Response(encoded.body, headers=encoded.headers)


def _make_form_page(region: Region, query: FormQuery, version: int) -> Page:
    set_locale(query.locale)
    _code, offer = _make_offer(region, query)
    body = _render_form(GiftForm(query.form_data(), offer), query)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_policy(_form_actions(), "'none'"),
        "Cache-Control": PUBLIC,
        "Content-Language": query.locale.replace("_", "-"),
    }
    return make_page(body.encode(), headers, version=version, now=page_cache().clock())


def _form_actions() -> tuple[str, ...]:
    return "'self'", *services().providers.pay_origins


def _look_up(text: str) -> Code | None:
    """The code that is written so; one that is not there counts as a guess."""
    code = kept_codes().find(text, seconds=CODE_SECONDS)
    if code is None:
        count_guess()
    return code


def _make_offer(region: Region, query: FormQuery) -> tuple[Code | None, Offer]:
    """The code that was asked for, if there is one, and what may be given with it."""
    now, regions = utc_now(), catalogue()
    own = open_terms(None, region, now, regions)
    if isinstance(own, Refusal):
        raise TypeError("a region's own terms are never refused")
    code: Code | None = None
    judged: Terms | Refusal = own
    if query.code:
        code = _look_up(query.code)
        judged = _judge(code, query.code, region)
    offer = make_offer(
        region,
        own,
        judged,
        fund=query.fund,
        currency=query.currency,
        frequency=query.frequency,
    )
    return code, offer


def _judge(code: Code | None, typed: str, region: Region) -> Terms | Refusal:
    if code is None:
        return refuse_unknown_code(typed, region)
    return open_terms(code, region, utc_now(), catalogue())


def _render_form(form: GiftForm, query: FormQuery, duplicate: str = "") -> str:
    settings = services().settings
    return render_template(
        "giving/form.html",
        ticket=make_ticket(settings, utc_now()),
        duplicate=duplicate,
        **show_form(form, query, settings.support_email),
    )


def give(region: str) -> AnyResponse:
    """A form that was sent: judged, kept as a gift, and handed on."""
    guard_public_post()
    g.csp_form_action = _form_actions()
    place = catalogue().by_slug(region)
    if place is None:
        return refuse_region()
    if not place.offered:
        return refuse_closed_region()
    query = read_query(place, request.form)
    if "remove_code" in request.form:
        query = replace(query, code="")
    set_locale(query.locale)
    code, offer = _make_offer(place, query)
    form = GiftForm(request.form, offer)
    if RELOADING & request.form.keys():
        form.code.data = query.code and form.code.data
        return _show_again(form, query, 200)
    if not (_check_envelope(form) and _check_content(form, code)):
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
        started = start_gift(services(), _make_order(form))
    except NotAllowed as error:
        _refuse(form, error.refusal)
        return _show_again(form, query, 422)
    except GaveAMomentAgo as duplicate:
        return _show_again(form, query, 409, duplicate=f"/gift/{duplicate.token}")
    except TooManyTries:
        form.form_errors.append(
            gettext(
                "Many gifts were started from your connection within an hour, so we pause "
                "here. Nothing was charged: choose another mode of payment, or try again in an hour"
            )
        )
        return _show_again(form, query, 429)
    return keep_private(remember_start(redirect(started.url, 303), started))


def _make_order(form: GiftForm) -> GiftOrder:
    region = form.offer.region
    return GiftOrder(
        region=region,
        pledge=form.to_pledge(),
        donor=form.to_donor(),
        news_wording=news_wording(region) if form.consent_news.data else None,
        again="again" in request.form,
        caller=read_caller(),
        sender=read_sender(),
    )


def _show_again(form: GiftForm, query: FormQuery, status: int, duplicate: str = "") -> Response:
    response = current_app.make_response(_render_form(form, query, duplicate))
    response.status_code = status
    return keep_private(response)
