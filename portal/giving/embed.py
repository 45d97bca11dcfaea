"""A code's panel as a page for a frame on anybody's page: `/embed/<CODE>`.

The panel sets no cookie and keeps nothing, so that it is the same where a browser gives a frame
neither. All that it leads to opens in the whole window: nobody pays in a frame. Who may frame it
are the code's hosts, by `frame-ancestors` alone: `X-Frame-Options` knows no list, and browsers that
read both would refuse what the list allows.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from flask import Response, abort, current_app, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from portal import PACKAGE
from portal.codes.parsing import normalise_code
from portal.codes.policy import open_terms
from portal.codes.refusals import Refusal, refuse_unknown_code
from portal.codes.terms import Code, Via
from portal.giving.form.cache import LIFE_SECONDS, Page, make_frame
from portal.giving.form.fields import FormQuery, choose_locale
from portal.giving.form.making import (
    PRIVATE,
    PUBLIC,
    Way,
    list_regions,
    list_ways,
    make_offers,
    send_page,
)
from portal.giving.form.offer import ModeCard, Offer, say_heading
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
    Element,
    Theme,
    force_scheme,
    list_ancestors,
    list_homes,
    make_element,
    match_host,
    read_theme,
    say_places,
)
from portal.web import content_policy, services, static_version, utc_now

LONGEST_ADDRESS = 600
LONGEST = 40
LANGUAGE_TAG = re.compile("[A-Za-z]{2}([-_][A-Za-z]{2})?")
# Pages that isolate themselves may frame it, too: it loads nothing of others.
ISOLATED = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelQuery:
    """What the address of a panel asks; `region` is a slug or nothing.

    `host` is the origin as sent, and nothing once it is known not to be the code's.
    """

    code: str
    region: str
    lang: str
    theme: Theme
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What the frame shows: an `offer` to choose from, or a `sentence` and `ways` to go on.

    `asked` is the form with the code; `places` says where the code holds.
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
    lang = args.get("lang", "").strip()
    return PanelQuery(
        code=normalise_code(code[: 2 * LONGEST]),
        region=place.slug if place and place.offered else "",
        lang=lang if LANGUAGE_TAG.fullmatch(lang) else "",
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
        query = replace(query, host=match_host(found.hosts, query.host))
        page = kept.find_meaning(address, query, version)
        if page is None:
            page = _make_page(query, found, place, version)
            kept.keep(address, query, page)
    return send_page(page)


def _explain_unknown(query: PanelQuery) -> Response:
    """A code that nobody has, or that must look so: a sentence, and the way to give without it."""
    _speak(query, None)
    refusal = refuse_unknown_code(query.code)
    panel = Panel(heading=gettext("Give"), sentence=refusal.sentence, ways=(_all_regions(),))
    text = _render(replace(query, host=""), panel)
    response: Response = current_app.make_response((text, 404))
    response.headers.update({"Cache-Control": PRIVATE, **ISOLATED})
    response.headers["Content-Security-Policy"] = content_policy(("'self'",), list_ancestors(()))
    return response


def _all_regions() -> Way:
    return Way(
        gettext("Choose where you give from"), f"/?lang={language(current_locale())}&choose=1"
    )


def _make_page(query: PanelQuery, code: Code, place: Region | None, version: int) -> Page:
    homes = list_homes(code, catalogue(), utc_now())
    region = place or _only(homes or [one for one in catalogue().open if _is_of(code, one)])
    _speak(query, region)
    if region is not None:
        panel = _offer(code, region)
    else:
        panel = _list_homes(code, homes) if homes else _explain_refused(code)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_policy(("'self'",), list_ancestors(code.hosts)),
        "Cache-Control": PRIVATE if code.is_secret else PUBLIC,
        "Content-Language": current_locale().replace("_", "-"),
        **ISOLATED,
    }
    text = _render(query, panel)
    life, now = (0 if code.is_secret else LIFE_SECONDS), page_cache().clock()
    return make_frame(text, headers, version=version, now=now, life=life).make_page({})


def _is_of(code: Code, region: Region) -> bool:
    return code.regions is not None and region.slug in code.regions


def _only(regions: list[Region]) -> Region | None:
    return regions[0] if len(regions) == 1 else None


def _explain_refused(code: Code) -> Panel:
    """Why a code can't be given with anywhere, for a page that knows no region."""
    verdicts = (open_terms(code, one, utc_now(), catalogue()) for one in catalogue().open)
    refusal = next((one for one in verdicts if isinstance(one, Refusal)), None)
    sentence = refusal.why if refusal else ""
    return Panel(heading=gettext("Give"), sentence=sentence, ways=(_all_regions(),))


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
    heading = gettext("Where do you give from?")
    if code.regions is None:
        heading, lang = gettext("Give"), language(current_locale())
        address = url_for("giving.code", code=code.code, via=Via.EMBED.value, lang=lang)
        ways = [Way(gettext("Give with %(code)s", code=code.display), address)]
    else:
        cards = list_regions(homes, code.code)
        ways = [
            Way(pick(region.names), f"{card.href}&via={Via.EMBED.value}")
            for region, card in zip(homes, cards, strict=True)
        ]
    return Panel(
        heading=pick(code.headline) or heading,
        partner=code.partner_name,
        code=code.display,
        places=say_places(code, catalogue()),
        ways=tuple(ways),
    )


def _render(query: PanelQuery, panel: Panel) -> str:
    offer = panel.offer
    return render_template(
        "giving/embed.html",
        panel=panel,
        offer=offer,
        modes=list_payable(offer) if offer else (),
        chosen=(offer.suggested or offer.marked) if offer else None,
        region=offer.region if offer else None,
        host=query.host,
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


TOKENS = PACKAGE / "static" / "tokens.css"
LONGEST_ACCENT = 40
LASTING = "public, max-age=31536000, immutable"
FOLLOWING = "public, max-age=300, stale-while-revalidate=86400"


def embed_script() -> Response:
    """The newest element."""
    return _send(_element(), FOLLOWING)


def embed_version(mark: str) -> Response:
    """The element that was meant, or none: an old one is nobody's any more."""
    element = _element()
    if mark != element.mark:
        abort(404)
    return _send(element, LASTING)


def _element() -> Element:
    return make_element(services().settings.base_url)


def _send(element: Element, keeping: str) -> Response:
    response: Response = current_app.response_class(
        element.body, mimetype="text/javascript", content_type="text/javascript; charset=utf-8"
    )
    return _for_all(response, keeping)


def _for_all(response: Response, keeping: str) -> Response:
    """Any page may load it, also one that isolates itself or checks what it loads (SRI)."""
    response.headers["Cache-Control"] = keeping
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def embed_style(scheme: str) -> Response:
    """The colours of a panel: the product's tokens with a host's accent, light, dark or both."""
    theme = read_theme(request.args.get("accent", "")[:LONGEST_ACCENT], scheme)
    response: Response = current_app.response_class(make_style(theme), mimetype="text/css")
    return _for_all(response, LASTING)


@lru_cache(maxsize=64)
def make_style(theme: Theme) -> str:
    """The sheet of a theme; any accent becomes one that can be read."""
    accent = accent_sheet(f"#{theme.accent}") if theme.accent else ""
    return force_scheme(f"{TOKENS.read_text()}\n{accent}", theme.scheme)
