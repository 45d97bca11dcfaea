"""An issuer's accent as a small style sheet, darkened or lightened until it can be read.

Contrast is WCAG 2.2's (1.4.3): relative luminance of sRGB colours, 4.5 to 1 for text.
"""

import colorsys
import re
import unicodedata
from collections.abc import Hashable
from functools import lru_cache

from flask import Response, current_app, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.codes.parsing import normalise_code
from portal.codes.policy import Refusal
from portal.codes.refusals import refuse_unknown_code, refuse_unknown_region
from portal.giving.form.address import FormQuery, choose_locale
from portal.giving.form.page import list_regions, name_region
from portal.giving.texts import language_name
from portal.giving.visitors import (
    catalogue,
    look_up,
    page_cache,
    visitor_country,
    visitor_language,
    visitor_languages,
)
from portal.i18n import LANGUAGES, pick, set_locale
from portal.regions.catalogue import Region
from portal.regions.choice import choose_region

Colour = tuple[int, int, int]

LONGEST = 300
# As many are seen at a glance.
FEW_REGIONS = 6

DEFAULT = "#0f5f57"
READABLE = 5.0
STEPS = 60
LIGHT_PAPER: Colour = (0xF6, 0xF4, 0xEF)
LIGHT_INK: Colour = (0xFF, 0xFF, 0xFF)
DARK_SURFACE: Colour = (0x19, 0x1F, 0x1D)
DARK_INK: Colour = (0x0B, 0x12, 0x11)
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

SHEET = """:root {{
  --accent: {accent};
  --accent-strong: {strong};
  --accent-ink: {ink};
  --accent-soft: {soft};
}}
"""


def parse_colour(text: str) -> Colour:
    """`#0f5f57` as three numbers; the product's own accent where it is no such colour."""
    match = re.fullmatch(r"#([0-9a-f]{6})", text.strip().lower())
    digits = match.group(1) if match else DEFAULT[1:]
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 for black to 1 for white."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """From 1 (the same) to 21 (black on white)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def shade(colour: Colour, lightness: float) -> Colour:
    """The same hue and saturation at another lightness (HLS, 0 to 1)."""
    hue, _lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def readable(colour: Colour, surfaces: tuple[Colour, ...], *, towards: float) -> Colour:
    """The nearest shade on the way to black (0) or white (1) that reads on all `surfaces`."""
    start = colorsys.rgb_to_hls(*(part / 255 for part in colour))[1]
    shades = (shade(colour, start + (towards - start) * step / STEPS) for step in range(STEPS + 1))
    return next(
        one for one in shades if all(contrast(one, surface) >= READABLE for surface in surfaces)
    )


@lru_cache(maxsize=64)
def accent_sheet(accent: str) -> str:
    """The style sheet that sets an issuer's accent, for light and dark."""
    colour = parse_colour(accent)
    soft = mix(colour, WHITE, 0.9)
    light = readable(colour, (LIGHT_PAPER, soft, LIGHT_INK), towards=0)
    dark_soft = mix(colour, DARK_SURFACE, 0.78)
    dark = readable(colour, (DARK_SURFACE, dark_soft, DARK_INK), towards=1)
    light_sheet = _sheet(light, mix(light, BLACK, 0.25), LIGHT_INK, soft)
    dark_sheet = _sheet(dark, mix(dark, WHITE, 0.3), DARK_INK, dark_soft)
    return f"{light_sheet}\n@media (prefers-color-scheme: dark) {{\n{dark_sheet}}}\n"


def _sheet(accent: Colour, strong: Colour, ink: Colour, soft: Colour) -> str:
    named = {"accent": accent, "strong": strong, "ink": ink, "soft": soft}
    return SHEET.format(**{name: "#{:02x}{:02x}{:02x}".format(*c) for name, c in named.items()})


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
    """A code's short address: to its region's form, or a page that explains.

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
    homes = [one for one in regions.open if one.slug in found.regions]
    choice = choose_region(
        regions,
        code_regions=found.regions,
        country=visitor_country(),
        languages=visitor_languages(),
    )
    if choice.region is None:
        return _show_regions(homes or list(regions.open), code=found.display)
    location = _form_address(choice.region, found.code)
    if key is not None:
        kept.keep_way(key, location, regions.version)
    return _lead_to(location)


def _who_asks(code: str) -> Hashable | None:
    """All that decides where a code's short address leads; None for more than is kept of one."""
    asked = (
        code,
        visitor_country() or "",
        request.headers.get("Accept-Language", ""),
        request.args.get("lang", ""),
    )
    return asked if sum(map(len, asked)) <= LONGEST else None


def _form_address(region: Region, code: str) -> str:
    """The region's form with the code, in a language that the region has."""
    locale = choose_locale(region, visitor_language())
    return FormQuery(region=region.slug, locale=locale, code=code).address()


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
    countries, languages = visitor_country(), visitor_languages()
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
        spoken=[(one, language_name(one)) for one in LANGUAGES],
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


def fold(text: str) -> str:
    """A name without case and accents, as `portal/static/regions.js` compares it."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(one for one in letters if not unicodedata.combining(one)).lower().strip()


def theme(region: str) -> AnyResponse:
    """A region's accent sheet; its address names the colour, so that caches may keep it."""
    place = catalogue().by_slug(region)
    response = current_app.response_class(
        accent_sheet(place.issuer.accent if place else ""), mimetype="text/css"
    )
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
