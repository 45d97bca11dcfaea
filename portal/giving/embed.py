"""A code's panel as a page for a frame on anybody's page: `/embed/<CODE>`.

The panel sets no cookie and keeps nothing, so that it is the same where a browser gives a frame
neither. All that it leads to opens in the whole window: nobody pays in a frame. Who may frame it
are the code's hosts, by `frame-ancestors` alone: `X-Frame-Options` knows no list, and browsers that
read both would refuse what the list allows.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from flask import Response, current_app, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from portal import PACKAGE
from portal.codes.parsing import normalise_code
from portal.codes.refusals import refuse_unknown_code
from portal.codes.terms import Code, Via
from portal.giving.form.address import FormQuery, choose_locale
from portal.giving.form.cache import LIFE_SECONDS, Page, make_frame
from portal.giving.form.making import PRIVATE, PUBLIC, make_offers, send_page
from portal.giving.form.offer import ModeCard, Offer
from portal.giving.form.page import Way, list_regions, list_ways
from portal.giving.form.words import say_heading
from portal.giving.visitors import catalogue, look_up, page_cache
from portal.i18n import (
    DEFAULT_LOCALE,
    LANGUAGES,
    current_locale,
    gettext,
    language,
    pick,
    set_locale,
)
from portal.regions.branding import accent_sheet
from portal.regions.catalogue import Region
from portal.sharing.panel import (
    Theme,
    force_scheme,
    list_ancestors,
    list_homes,
    match_host,
    read_theme,
    say_places,
)
from portal.web import content_policy, static_version, utc_now

LONGEST_ADDRESS = 600
LONGEST = 40
TOKENS = PACKAGE / "static" / "tokens.css"
FOREVER = "public, max-age=31536000, immutable"
CROSS_ORIGIN = ("Cross-Origin-Resource-Policy", "cross-origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelQuery:
    """What the address of a panel asks; `region` is a slug or nothing, `host` as sent."""

    code: str
    region: str
    lang: str
    theme: Theme
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What the frame shows: an `offer` to choose from, or a `sentence` and `ways` to go on.

    `address` is the form's with the code; `places` says where the code holds.
    """

    heading: str
    places: str = ""
    code: str = ""
    partner: str = ""
    sentence: str = ""
    ways: tuple[Way, ...] = ()
    offer: Offer | None = None
    asked: FormQuery | None = None


def read_panel_query(code: str, args: MultiDict[str, str]) -> PanelQuery:
    place = catalogue().by_slug(args.get("region", "").strip()[:LONGEST])
    return PanelQuery(
        code=normalise_code(code[: 2 * LONGEST]),
        region=place.slug if place and place.offered else "",
        lang=args.get("lang", "").strip()[:LONGEST],
        theme=read_theme(args.get("accent", "")[:LONGEST], args.get("scheme", "")),
        host=args.get("host", ""),
    )


def embed_panel(code: str) -> Response:
    """The panel, from the cache of pages wherever possible; an explanation where there is none."""
    kept, version = page_cache(), catalogue().version
    path, sent = request.path, request.query_string.decode("latin-1")
    address = (path, sent) if len(path) + len(sent) <= LONGEST_ADDRESS else None
    page = kept.find(address, version)
    if page is None:
        query = read_panel_query(code, request.args)
        place = catalogue().by_slug(query.region)
        found = look_up(query.code, place)
        if found is None:
            return _explain_unknown(query)
        page = _make_page(query, found, place, version)
        kept.keep(address, query, page)
    return send_page(page)


def _explain_unknown(query: PanelQuery) -> Response:
    """A code that nobody has, or that must look so: a sentence, and the way to give without it."""
    _speak(query, None)
    refusal = refuse_unknown_code(query.code)
    panel = Panel(heading=gettext("Give"), sentence=refusal.sentence, ways=(_all_regions(),))
    response: Response = current_app.make_response((_render(query, panel), 404))
    response.headers.extend([("Cache-Control", PRIVATE), CROSS_ORIGIN])
    response.headers["Content-Security-Policy"] = content_policy(("'self'",), list_ancestors(()))
    return response


def _all_regions() -> Way:
    return Way(
        gettext("Choose where you give from"), f"/?lang={language(current_locale())}&choose=1"
    )


def _make_page(query: PanelQuery, code: Code, place: Region | None, version: int) -> Page:
    homes = list_homes(code, catalogue(), utc_now())
    region = place or (homes[0] if len(homes) == 1 else None) or _first_refusing(code, homes)
    _speak(query, region)
    panel = _offer(code, region) if region else _list_homes(code, homes)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_policy(("'self'",), list_ancestors(code.hosts)),
        "Cache-Control": PRIVATE if code.is_secret else PUBLIC,
        "Content-Language": current_locale().replace("_", "-"),
        **dict([CROSS_ORIGIN]),
    }
    text = _render(query, panel, match_host(code.hosts, query.host))
    life, now = (0 if code.is_secret else LIFE_SECONDS), page_cache().clock()
    return make_frame(text, headers, version=version, now=now, life=life).make_page({})


def _first_refusing(code: Code, homes: list[Region]) -> Region | None:
    """Where a code holds nowhere, the region that says why: its own before others."""
    if homes:
        return None
    own = code.regions or frozenset()
    return next(iter(sorted(catalogue().open, key=lambda one: one.slug not in own)), None)


def _speak(query: PanelQuery, region: Region | None) -> None:
    """Speak the host's language, where the region does; no visitor's, as the page is for all."""
    if region is not None:
        set_locale(choose_locale(region, query.lang))
    else:
        asked = language(query.lang)
        set_locale(asked if asked in LANGUAGES else DEFAULT_LOCALE)


def _offer(code: Code, region: Region) -> Panel:
    """What may be chosen in a region, or why the code can't be used there and how else to give."""
    asked = FormQuery(
        region=region.slug, locale=current_locale(), code=code.code, via=Via.EMBED.value
    )
    _code, offer = make_offers(region, asked)
    terms, fund = offer.terms, region.fund(offer.fund)
    panel = Panel(
        heading=pick(terms.headline) or say_heading(fund),
        partner=terms.partner_name,
        code=offer.code,
        places=say_places(code, catalogue()),
        offer=offer,
        asked=asked,
    )
    if offer.refusal is None:
        return panel
    without = Way(gettext("Give without the code"), replace(asked, code="", via="").address())
    ways = (without, *list_ways(offer, asked))
    return replace(panel, offer=None, sentence=offer.refusal.sentence, ways=ways)


def _list_homes(code: Code, homes: list[Region]) -> Panel:
    """Where the code holds, to choose from; everywhere is a choice of the form's own."""
    if code.regions is None:
        lang = language(current_locale())
        address = url_for("giving.code", code=code.code, via=Via.EMBED.value, lang=lang)
        ways = [Way(gettext("Give with %(code)s", code=code.display), address)]
    else:
        cards = list_regions(homes, code.code)
        ways = [
            Way(pick(region.names), f"{card.href}&via={Via.EMBED.value}")
            for region, card in zip(homes, cards, strict=True)
        ]
    return Panel(
        heading=pick(code.headline) or gettext("Where do you give from?"),
        partner=code.partner_name,
        code=code.display,
        places=say_places(code, catalogue()),
        ways=tuple(ways),
    )


def _render(query: PanelQuery, panel: Panel, host: str = "") -> str:
    offer = panel.offer
    return render_template(
        "giving/embed.html",
        panel=panel,
        offer=offer,
        modes=list_payable(offer) if offer else (),
        chosen=(offer.suggested or offer.marked) if offer else None,
        region=offer.region if offer else None,
        host=host,
        style=_style_address(query.theme, offer.region if offer else None),
    )


def list_payable(offer: Offer) -> tuple[ModeCard, ...]:
    """The modes that take the frequency which the form begins with."""
    taken = {
        mode.key for mode in offer.terms.modes_for(offer.fund, offer.currency, offer.frequency)
    }
    return tuple(card for card in offer.modes if card.mode.key in taken)


def _style_address(theme: Theme, region: Region | None) -> str:
    accent = theme.accent or (region.issuer.accent.lstrip("#") if region else "")
    return url_for(
        "giving.embed_style", scheme=theme.scheme, accent=accent, v=static_version("tokens.css")
    )


def embed_style(scheme: str) -> Response:
    """The colours of a panel: the product's tokens with a host's accent, light, dark or both."""
    theme = read_theme(request.args.get("accent", "")[:LONGEST], scheme)
    response: Response = current_app.response_class(make_style(theme), mimetype="text/css")
    response.headers.extend([("Cache-Control", FOREVER), CROSS_ORIGIN])
    return response


@lru_cache(maxsize=64)
def make_style(theme: Theme) -> str:
    """The sheet of a theme; any accent becomes one that can be read."""
    accent = accent_sheet(f"#{theme.accent}") if theme.accent else ""
    return force_scheme(f"{TOKENS.read_text()}\n{accent}", theme.scheme)
