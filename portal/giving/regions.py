"""Choosing a region, by itself and by a code's short address; accent sheets and pictures."""

import unicodedata
from collections.abc import Hashable

from flask import Response, abort, current_app, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from portal.codes.parsing import normalise_code
from portal.codes.policy import Refusal
from portal.codes.refusals import refuse_unknown_code, refuse_unknown_region
from portal.giving.campaign import has_page, show_campaign
from portal.giving.form.fields import LINKS, FormQuery, choose_locale, read_codes
from portal.giving.form.making import Language, list_regions, name_region
from portal.giving.texts import language_name
from portal.giving.visitors import (
    catalogue,
    look_up,
    page_cache,
    visitor_country,
    visitor_language,
)
from portal.i18n import LANGUAGES, current_locale, language, pick, set_locale
from portal.regions.branding import accent_sheet, find_picture
from portal.regions.catalogue import Issuer, Region
from portal.regions.queries import choose_region
from portal.web import accepted_languages, services

LONGEST = 300
# As many are seen at a glance.
FEW_REGIONS = 6
COLOUR_DIGITS = 6


def chooser() -> Response:
    """All regions; the visitor's own first, where it is known."""
    set_locale(visitor_language())
    return _show_regions(list(catalogue().open))


def find_code() -> AnyResponse:
    """A code that was typed on the page of an unknown one: to its own short address."""
    typed = request.args.get("code", "").strip()[:LONGEST]
    if not normalise_code(typed):
        return _lead_to("/")
    address = url_for("giving.code", code=typed.replace("/", ""), lang=visitor_language())
    return _lead_to(address)


def code(code: str) -> AnyResponse:
    """A code's short address: to its region's form, its own page, or one that explains.

    Where it leads is kept for those of the same country and languages, as pages are.
    """
    kept, regions = page_cache(), catalogue()
    key = _who_asks(code)
    location = kept.find_way(key, regions.version)
    if location is not None:
        return _lead_to(location)
    set_locale(visitor_language())
    found = look_up(code)
    if found is None:
        refusal, typed = refuse_unknown_code(code), normalise_code(code)
        return _show_regions(list(regions.open), typed=typed, refusal=refusal, status=404)
    own = (found.regions or frozenset()) - found.not_regions
    homes = [one for one in regions.open if one.slug in own]
    choice = choose_region(
        regions,
        code_regions=own,
        country=visitor_country(),
        languages=accepted_languages(),
    )
    if has_page(found):
        if choice.region is not None:
            set_locale(choose_locale(choice.region, visitor_language()))
        return show_campaign(found, choice.region, homes, _asked_via(), _left_code(found.code))
    if choice.region is None:
        return _show_regions(homes or list(regions.open), code=found.display)
    location = _form_address(choice.region, found.code)
    if key is not None and not found.is_secret:
        kept.keep_way(key, location, regions.version)
    return _lead_to(location)


def _who_asks(code: str) -> Hashable | None:
    """All that decides where a code's short address leads; None for more than is kept of one."""
    asked = (
        code,
        visitor_country() or "",
        request.headers.get("Accept-Language", ""),
        request.args.get("lang", ""),
        request.args.get("via", ""),
        *request.args.getlist("code"),
    )
    return asked if sum(map(len, asked)) <= LONGEST else None


def _form_address(region: Region, code: str) -> str:
    """The region's form with the code, in a language that the region has."""
    locale = choose_locale(region, visitor_language())
    asked = FormQuery(region=region.slug, locale=locale, code=code, via=_asked_via())
    return asked.address(left_code=_left_code(code))


def _left_code(code: str) -> str:
    """Another code that the address brings beside this one, which counts."""
    return read_codes(request.args, code)[1]


def _asked_via() -> str:
    said = request.args.get("via", "")
    return said if said in LINKS else ""


def _lead_to(location: str) -> Response:
    headers = {"Location": location, "Cache-Control": "private, no-store"}
    return Response(status=302, headers=headers)


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
    code: str = "",
    typed: str = "",
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    """The chooser: the likely region first. `typed` is a code that nobody has.

    A search by name goes where `code` is kept; that of an unknown code would be another guess.
    """
    if not catalogue().open:
        return refuse_closed_region()
    countries, languages = visitor_country(), accepted_languages()
    likely = choose_region(catalogue(), country=countries, languages=languages).region
    yours = [likely] if likely in regions else []
    rest, searched = catalogue().rest, request.args.get("region", "").strip()[:LONGEST]
    found = [one for one in regions if fold(searched) in fold(name_region(one))]
    page = render_template(
        "giving/chooser.html",
        yours=list_regions(yours, code),
        regions=list_regions([one for one in found or regions if one not in yours], code),
        code=code,
        typed=typed,
        refusal=refusal,
        languages=_list_languages(),
        searches=len(regions) > FEW_REGIONS,
        search_at=url_for("giving.code", code=code) if code else "/",
        searched=searched,
        is_none_found=not found,
        rest=pick(rest.names) if rest and rest in regions else "",
    )
    response = current_app.make_response((page, status))
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Language"
    return response


def _list_languages() -> list[Language]:
    spoken = language(current_locale())
    return [
        Language(one, language_name(one), href=f"?lang={one}", current=one == spoken)
        for one in LANGUAGES
    ]


def fold(text: str) -> str:
    """A name without case and accents, as `portal/static/regions.js` compares it."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(one for one in letters if not unicodedata.combining(one)).lower().strip()


def theme(region: str) -> AnyResponse:
    """A region's accent sheet; its address names the colour, so that caches may keep it.

    A colour that no region has yet is a draft's.
    """
    place, named = catalogue().by_slug(region), request.args.get("v", "")
    accent = place.issuer.accent if place else ""
    sheet = accent_sheet(f"#{named}" if len(named) == COLOUR_DIGITS else accent)
    response = current_app.response_class(sheet, mimetype="text/css")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


# As high as the brand; wide logos are as wide as they are.
LOGO = Markup('<img class="brand-logo" src="{}" alt="" height="40">')


def picture(name: str) -> Response:
    """One picture; what was never kept is not there."""
    with services().database.read() as session:
        found = find_picture(session, name) or abort(404)
        content, media_type = found.content, found.media_type
    response: Response = current_app.response_class(content, mimetype=media_type)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def show_logo(issuer: Issuer | None) -> Markup:
    """The issuer's logo for the brand, beside its name; nothing where it has none."""
    if issuer is None or not issuer.logo:
        return Markup()
    return LOGO.format(url_for("giving.picture", name=issuer.logo))
