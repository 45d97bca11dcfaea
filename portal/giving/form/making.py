"""Making the form's pages: from what a link means to its bytes.

Links that differ only in an amount of their own and in whose code they bring share a frame
(`cache.Frame`): the codes need the same terms, whatever they are called.

A draft's form is made as any other, and can't be sent.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, render_template, request
from markupsafe import escape
from werkzeug.datastructures import MultiDict

from portal.codes.policy import Code, Refusal, Terms, open_terms
from portal.codes.refusals import refuse_unknown_code
from portal.forms import OTHER
from portal.giving.form.cache import LIFE_SECONDS, MARKS, Frame, Page, Slot, make_frame
from portal.giving.form.fields import FormQuery, GiftForm, read_query
from portal.giving.form.offer import Asked, ModeCard, Offer, make_offer, say_heading, say_left
from portal.giving.texts import (
    format_rate,
    language_name,
    money_pattern,
    short_money,
    short_pattern,
    show_zero,
)
from portal.giving.visitors import catalogue, look_up, page_cache
from portal.i18n import (
    current_locale,
    gettext,
    html_lang,
    is_family_first,
    language,
    pick,
    set_locale,
)
from portal.money import list_currency_signs, number_signs
from portal.receipts.declarations import write_wording
from portal.regions.catalogue import Region
from portal.web import content_policy, make_ticket, services, utc_now

PUBLIC = "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
PRIVATE = "private, no-store"
# Codes of other signs may be shown otherwise than they are found.
PLAIN_CODE = re.compile("[0-9A-Z]+")
OWN = "own"


@dataclass(frozen=True)
class Link:
    """What a link asks for, with the code that it names, if there is one.

    `kind` is what all links of its kind have in common, but for the amount.
    """

    query: FormQuery
    code: Code | None

    @property
    def is_common(self) -> bool:
        """Whether others may ask for the same page but for their values."""
        if self.query.left_code:
            return False
        if self.code is None:
            return not self.query.code
        if self.is_momentary:
            return False
        return bool(PLAIN_CODE.fullmatch(self.code.code))

    @property
    def is_momentary(self) -> bool:
        """Whether its page is kept by nobody: what a secret code opens, and what a pot holds."""
        return self.code is not None and (self.code.is_secret or self.code.pot is not None)

    @cached_property
    def kind(self) -> tuple[FormQuery, str]:
        terms = repr(self.code.like()) if self.code else ""
        return replace(self.query, amount="", code=""), terms

    def mark(self, *, has_own_amount: bool) -> "Link":
        """The same with marks for the values."""
        code = self.code and replace(self.code, code=MARKS[Slot.CODE], display=MARKS[Slot.DISPLAY])
        amount = MARKS[Slot.AMOUNT] if has_own_amount else self.query.amount
        query = replace(self.query, amount=amount, code=code.code if code else "")
        return Link(query, code)

    def values(self) -> dict[Slot, str]:
        display = self.code.display if self.code else ""
        return {
            Slot.AMOUNT: self.query.amount,
            Slot.CODE: self.query.code,
            Slot.DISPLAY: display,
        }


def make_page(region: Region, query: FormQuery, version: int) -> Page:
    """The page of a link, put together from its frame where there is one by now."""
    set_locale(query.locale)
    link = find_link(region, query)
    if not link.is_common:
        return make_alone(region, link, version)
    frame = _find_frame(link, version) or _keep_frame(region, link, version)
    return frame.make_page(link.values())


def find_link(region: Region, query: FormQuery) -> Link:
    return Link(query, look_up(query.code, region) if query.code else None)


def make_alone(region: Region, link: Link, version: int) -> Page:
    """The page of a link as the template renders it, which a frame's must equal."""
    return _make_frame(region, link, version).make_page({})


def _find_frame(link: Link, version: int) -> Frame | None:
    """The frame of a card, of no amount, or of any other amount."""
    kept, amount = page_cache(), link.query.amount
    found = kept.find_frame((link.kind, amount), version)
    if found is not None or amount in {"", OTHER}:
        return found
    own = kept.find_frame((link.kind, OWN, OWN), version)
    return own if own is not None and amount not in own.cards else None


def _keep_frame(region: Region, link: Link, version: int) -> Frame:
    amount = link.query.amount
    cards = _list_cards(_make_offer(region, link))
    is_own = amount not in {"", OTHER} and amount not in cards
    frame = _make_frame(region, link.mark(has_own_amount=is_own), version)
    page_cache().keep_frame((link.kind, OWN, OWN) if is_own else (link.kind, amount), frame)
    return frame


def _list_cards(offer: Offer) -> frozenset[str]:
    return frozenset(money.plain() for money in offer.cards)


def _make_frame(region: Region, link: Link, version: int) -> Frame:
    """Render a link as it is, marks or values."""
    offer = _make_offer(region, link)
    query = link.query
    # What a secret code opens is nobody else's, and over once it is used up.
    is_momentary = link.is_momentary
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_policy(form_actions(), "'none'"),
        "Cache-Control": PRIVATE if is_momentary else PUBLIC,
        "Content-Language": query.locale.replace("_", "-"),
    }
    form = GiftForm(query.form_data(), offer)
    text = render_form(form, query)
    speaker, now = form.speaker, page_cache().clock()
    is_own = query.amount == MARKS[Slot.AMOUNT]
    say = partial(speaker.say_typed, locale=query.locale) if is_own else None
    return make_frame(
        text,
        headers,
        version=version,
        now=now,
        cards=_list_cards(offer),
        say=say,
        life=0 if is_momentary else LIFE_SECONDS,
    )


def form_actions() -> tuple[str, ...]:
    """Where the form may lead, for the browser's policy."""
    return "'self'", *services().providers.pay_origins


def make_offers(region: Region, query: FormQuery) -> tuple[Code | None, Offer]:
    """The code that was asked for, if there is one, and what may be given with it."""
    link = find_link(region, query)
    return link.code, _make_offer(region, link)


def _make_offer(region: Region, link: Link) -> Offer:
    now, regions, query = utc_now(), catalogue(), link.query
    own = open_terms(None, region, now, regions)
    if isinstance(own, Refusal):
        raise TypeError("a region's own terms are never refused")
    judged: Terms | Refusal = own
    if link.code is not None:
        judged = open_terms(link.code, region, now, regions)
    elif query.code:
        judged = refuse_unknown_code(query.code, region)
    return make_offer(
        region,
        own,
        judged,
        fund=query.fund,
        currency=query.currency,
        frequency=query.frequency,
    )


def render_form(form: GiftForm, query: FormQuery, asked: Asked | None = None) -> str:
    """The form as HTML."""
    asked = asked or Asked(told_minor=form.offer.told_minor)
    settings = services().settings
    return render_template(
        "giving/form.html",
        ticket=make_ticket(settings, utc_now()),
        asked=asked,
        less=say_left(asked.left) if asked.left is not None else "",
        **show_form(form, query, settings.support_email),
    )


def send_page(page: Page) -> Response:
    """A kept page in the encoding that is taken; that it has not changed, where it is known."""
    environ = request.environ
    encoded = page.packed if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "") else page.plain
    if page.tag in environ.get("HTTP_IF_NONE_MATCH", ""):
        return Response(status=304, headers=encoded.unchanged)
    return Response(encoded.body, headers=encoded.headers)


POST = b'method="post"'
MAIN = b'<main id="main">'


def preview_form(region: Region, note: str, **choices: str) -> Response:
    """The donor's page, kept nowhere; what it would send leads back to the same page.

    Its page is made as every visitor's is, so that nothing about it differs but
    the `note` above it. `choices` are as in a link, and count before those of the address.
    """
    query = read_query(region, MultiDict({**request.args.to_dict(), **choices}))
    page = make_alone(region, find_link(region, query), 0)
    banner = f'<p class="column notice" role="status"><strong>{escape(note)}</strong></p>'
    body = page.plain.body.replace(POST, b'method="get"')
    body = body.replace(f'"/give/{region.slug}'.encode(), f'"{request.path}'.encode())
    body = body.replace(MAIN, MAIN + banner.encode(), 1)
    response: Response = current_app.response_class(body, mimetype="text/html")
    policy = dict(page.plain.headers)["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy
    return response


@dataclass(frozen=True, slots=True)
class Language:
    """One entry of the language switch."""

    tag: str
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Way:
    """A link to another way to give."""

    label: str
    href: str


def news_wording(region: Region) -> str:
    """The sentence a donor ticks to get news: shown, and kept with the consent."""
    return gettext(
        "Send me news of %(issuer)s by e-mail. I can stop it at any time.",
        issuer=region.issuer.legal_name,
    )


def show_form(form: GiftForm, query: FormQuery, support_email: str) -> dict[str, Any]:
    """The template's values; the same for every visitor of the same address."""
    offer = form.offer
    region = offer.region
    fund = region.fund(form.fund.data) or region.fund(offer.fund)
    return {
        "form": form,
        "offer": offer,
        "region": region,
        "region_name": pick(region.names),
        "issuer": region.issuer,
        "languages": list_languages(query, region),
        "regions_href": f"/?lang={language(query.locale)}&choose=1",
        "ways": list_ways(offer, query),
        "address": f"/give/{region.slug}",
        "action": f"/give/{region.slug}?lang={language(query.locale)}",
        "left_code": query.left_code,
        "code_counts": query.code,
        "first_code": query.first_code or query.code,
        "via": query.via,
        "heading": pick(offer.terms.headline) or say_heading(fund),
        "picture": offer.terms.picture or (fund.image if fund else ""),
        "fund_shown": fund,
        "said": {slot.name.lower(): text for slot, text in form.said.items()},
        "explain_fee": explain_fee,
        "say_heading": say_heading,
        "amount_example": show_zero(offer.currency),
        "news_wording": news_wording(region),
        "gift_aid_words": write_wording(region.issuer) if region.takes_gift_aid else None,
        "static_summary": summarise(offer),
        "number_signs": number_signs(query.locale),
        "currency_signs": list_currency_signs(offer.currency, query.locale),
        "money_pattern": money_pattern(offer.currency),
        "short_pattern": short_pattern(offer.currency),
        "family_first": is_family_first(query.locale),
        "support_email": support_email or region.issuer.email,
    }


def list_languages(query: FormQuery, region: Region) -> list[Language]:
    return [
        Language(
            tag=html_lang(locale),
            name=language_name(locale),
            href=query.address(locale=locale),
            current=locale == query.locale,
        )
        for locale in region.locales
    ]


def list_ways(offer: Offer, query: FormQuery) -> list[Way]:
    """Where else a refused code may be used; giving here without it is a button."""
    ways = offer.refusal.next_ways if offer.refusal else ()
    speech = language(query.locale)
    return [
        Way(way.label, f"/give/{way.region}?{urlencode({'code': way.code, 'lang': speech})}")
        for way in ways
        if way.code
    ]


def explain_fee(card: ModeCard) -> str:
    """A mode's fee as a formula of the parts it has, written in the reader's way; else nothing."""
    rate = [format_rate(card.basis_points)] if card.basis_points else []
    fixed = [short_money(card.fixed)] if card.fixed else []
    formula = " + ".join([*rate, *fixed])
    if formula and card.cap:
        return gettext("%(formula)s, at most %(cap)s", formula=formula, cap=short_money(card.cap))
    return formula


def summarise(offer: Offer) -> str:
    """The line beside the button before anything is chosen, and without script."""
    issuer = offer.region.issuer.legal_name
    if offer.code:
        return gettext("Your gift to %(issuer)s, with %(code)s", issuer=issuer, code=offer.code)
    return gettext("Your gift to %(issuer)s", issuer=issuer)


@dataclass(frozen=True, slots=True)
class RegionCard:
    """One region as the chooser shows it; `badge` is empty for the rest of the world.

    `words` are all that it may be searched by.
    """

    name: str
    badge: str
    currencies: str
    words: str
    href: str


def name_region(region: Region) -> str:
    """A region's names in every language, its code and its currencies."""
    currencies = (option.currency for option in region.currencies)
    return " ".join(dict.fromkeys((*region.names.values(), region.code, *currencies)))


def list_regions(regions: list[Region], code: str = "") -> list[RegionCard]:
    """Regions as cards that lead to their forms, with a code where there is one."""
    speech = language(current_locale())
    return [
        RegionCard(
            name=pick(region.names),
            badge=region.code if region.countries else "",
            currencies=", ".join(option.currency for option in region.currencies),
            words=name_region(region),
            href=f"/give/{region.slug}?"
            + urlencode([*([("code", code)] if code else []), ("lang", speech)]),
        )
        for region in regions
    ]
