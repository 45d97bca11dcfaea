"""Everything the form's template shows, gathered from a region, an offer and a form."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from portal.giving.form.address import FormQuery
from portal.giving.form.fields import GiftForm
from portal.giving.form.offer import ModeCard, Offer
from portal.giving.form.words import say_heading
from portal.giving.texts import (
    format_rate,
    language_name,
    money_pattern,
    short_money,
    short_pattern,
    show_zero,
)
from portal.i18n import current_locale, gettext, html_lang, is_family_first, language, pick
from portal.money import list_currency_signs, number_signs
from portal.regions.catalogue import Region


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
