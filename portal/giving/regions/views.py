"""Choosing a region: the first page, a code's short address, a region's colours."""

from flask import Response, current_app, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from portal.codes.policy import Refusal
from portal.codes.queries import find_code
from portal.codes.refusals import refuse_unknown_code, refuse_unknown_region
from portal.giving.form.address import FormQuery, choose_locale
from portal.giving.form.page import list_regions
from portal.giving.regions.accent import accent_sheet
from portal.giving.visitors import (
    catalogue,
    count_guess,
    visitor_country,
    visitor_language,
    visitor_languages,
)
from portal.i18n import set_locale
from portal.regions.catalogue import Region
from portal.regions.choice import choose_region
from portal.web import services


def chooser() -> Response:
    """All regions; the visitor's own first, where it is known."""
    set_locale(visitor_language())
    regions = catalogue()
    choice = choose_region(regions, country=visitor_country(), languages=visitor_languages())
    return _show_regions(list(regions.open), yours=choice.region)


def code(code: str) -> AnyResponse:
    """A code's short address: to its region's form, or a page that explains."""
    set_locale(visitor_language())
    regions = catalogue()
    with services().database.read() as session:
        found = find_code(session, code)
    if found is None:
        count_guess()
        refusal = refuse_unknown_code(code)
        return _show_regions(list(regions.open), refusal=refusal, status=404)
    homes = [one for one in regions.open if one.slug in found.regions]
    choice = choose_region(
        regions,
        code_regions=found.regions,
        country=visitor_country(),
        languages=visitor_languages(),
    )
    if choice.region is None:
        return _show_regions(homes or list(regions.open), code=found.display)
    return _to_form(choice.region, found.code)


def _to_form(region: Region, code: str) -> AnyResponse:
    """On to the region's form with the code, in a language that the region has."""
    locale = choose_locale(region, visitor_language())
    query = FormQuery(region=region.slug, locale=locale, code=code)
    response = redirect(query.address(), 302)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def refuse_region() -> Response:
    """The page for a region that is not in the catalogue: all that are."""
    set_locale(visitor_language())
    refusal = refuse_unknown_region(catalogue())
    return _show_regions(list(catalogue().open), refusal=refusal, status=404)


def refuse_closed_region() -> Response:
    """The page for a region in which nothing can be given: the others, or that there is none."""
    set_locale(visitor_language())
    if catalogue().open:
        return _show_regions(list(catalogue().open), status=404)
    response = current_app.make_response((render_template("giving/not_set_up.html"), 503))
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _show_regions(
    regions: list[Region],
    *,
    yours: Region | None = None,
    code: str = "",
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    if not catalogue().open:
        return refuse_closed_region()
    yours = yours if yours in regions else None
    page = render_template(
        "giving/chooser.html",
        yours=list_regions([yours] if yours else [], code),
        regions=list_regions([one for one in regions if one is not yours], code),
        code=code,
        refusal=refusal,
    )
    response = current_app.make_response((page, status))
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Language"
    return response


def theme(region: str) -> AnyResponse:
    """A region's accent sheet; its address names the colour, so that caches may keep it."""
    place = catalogue().by_slug(region)
    response = current_app.response_class(
        accent_sheet(place.issuer.accent if place else ""), mimetype="text/css"
    )
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
