"""A poster to print: what to give to, a QR code, the code in large letters, the address. A4.

Set by typst from the receipts' own fonts, in any of the donors' languages and scripts.
"""

import json
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, cast
from unicodedata import east_asian_width

from portal import TEMPLATES
from portal.codes.terms import Code
from portal.i18n import current_locale, direction, gettext, language, pick
from portal.receipts.pdf import FAMILIES, compiler_of, drawable
from portal.regions.catalogue import Catalogue
from portal.sharing.kit import Kit, write_svg
from portal.sharing.panel import say_places

TEMPLATE = TEMPLATES / "sharing" / "poster.typ"
DEFAULT_ACCENT = "#0f5f57"
# Characters of a code or a headline in one size; longer ones are set smaller.
SIZES = ((8, 76), (14, 50), (24, 34), (40, 24), (80, 18))
LEAST_SIZE = 14
# What is left of longer words, so that a poster is one page.
LONGEST_HEADING, LONGEST_TEXT = 120, 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """What a poster says, in one language; sizes are in points."""

    heading: str
    text: str
    code: str
    places: str
    address: str
    scanned: str
    accent: str
    issuer: str


def plan_poster(code: Code, kit: Kit, catalogue: Catalogue) -> Poster:
    """What the poster of a code says in the current language."""
    named = code.regions or frozenset()
    issuer = next((one.issuer for one in catalogue.open if one.slug in named), None)
    return Poster(
        heading=_cut(pick(code.headline) or code.partner_name or gettext("Give"), LONGEST_HEADING),
        text=_cut(pick(code.message), LONGEST_TEXT),
        code=code.display,
        places=say_places(code, catalogue),
        address=kit.shown,
        scanned=kit.scanned,
        accent=(issuer.accent if issuer else "") or DEFAULT_ACCENT,
        issuer=issuer.legal_name if issuer else "",
    )


def _width(text: str) -> int:
    """How wide a text is in Latin letters: signs of East Asia are as wide as two (UAX 11)."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _cut(text: str, longest: int) -> str:
    if _width(text) <= longest:
        return text
    widths = accumulate(map(_width, text))
    return text[: sum(width < longest for width in widths)].rstrip() + "…"


def fit(text: str) -> int:
    """The size in points at which a text of this width fills the page's width, at most."""
    return next((size for most, size in SIZES if _width(text) <= most), LEAST_SIZE)


def render_poster(poster: Poster, kind: Literal["pdf", "png"] = "pdf") -> bytes:
    """The poster's file; the same input gives the same bytes."""
    data = {
        "heading": drawable(poster.heading),
        "heading_size": min(fit(poster.heading), 44),
        "text": drawable(poster.text),
        "code": drawable(poster.code),
        "code_size": fit(poster.code),
        "places": drawable(poster.places),
        "address": drawable(poster.address),
        "issuer": drawable(poster.issuer),
        "accent": poster.accent,
        "qr": list(write_svg(poster.scanned)),
        "alt": gettext("QR code that leads to %(address)s", address=poster.address),
        "words": {
            "scan": gettext("Scan to give"),
            "code": gettext("Code:"),
            "or": gettext("or open this address"),
        },
        "lang": language(current_locale()),
        "dir": direction(current_locale()),
        "fonts": FAMILIES,
    }
    options: dict[str, Any] = {"pdf_standards": ["ua-1"]} if kind == "pdf" else {"ppi": 100}
    said = {"data": json.dumps(data, ensure_ascii=False)}
    return cast(bytes, compiler_of(TEMPLATE).compile(format=kind, sys_inputs=said, **options))
