"""A code's own page, where its terms make one: picture, words, how far the goal is, and the way on.

It lists no gifts: a donor's name may be shown only with their consent, asked for partners alone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Response, render_template, url_for

from portal.codes.policy import open_terms
from portal.codes.refusals import Refusal
from portal.codes.terms import Code
from portal.gifts.code_sums import catch_up
from portal.gifts.code_weighing import Goal, count_days_left
from portal.gifts.queries import sum_code
from portal.giving.form.cache import LIFE_SECONDS, make_frame
from portal.giving.form.fields import FormQuery, choose_locale
from portal.giving.form.making import Language, Way, send_page
from portal.giving.texts import language_name, say_offer
from portal.giving.visitors import catalogue, page_cache
from portal.i18n import LANGUAGES, current_locale, gettext, html_lang, language, pick
from portal.money import Money
from portal.regions.catalogue import Region
from portal.sharing.kit import short_address
from portal.sharing.panel import say_places
from portal.web import content_policy, services, utc_now

MAIL, CHAT = "mailto:", "https://wa.me/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What the page shows. `sentence` says why nothing can be given, where that is so.

    `ways` lead to the form, or to where else one can give; `days_left` is 0 on the last day.
    """

    code: Code
    heading: str
    places: str
    sentence: str
    ways: tuple[Way, ...]
    goals: tuple[Goal, ...]
    matching: str
    days_left: int | None
    address: str
    via: str
    left_code: str = ""


def has_page(code: Code) -> bool:
    """Whether its terms give it a page of its own; else its address leads to the form."""
    return bool(code.headline or code.picture or code.goal_minor)


def show_campaign(
    code: Code, region: Region | None, homes: list[Region], via: str, left_code: str = ""
) -> Response:
    """The page in the current language. `region` is the visitor's, where it is known.

    It is made anew twice a minute at most, with the sums of its gifts. What it says depends on
    where the visitor is, so that no cache between keeps it.
    """
    kept, version = page_cache(), catalogue().version
    key = ("campaign", repr(code), current_locale(), region.slug if region else "", via, left_code)
    page = kept.find_meaning(None, key, version)
    if page is None:
        made = _make_campaign(code, region, homes, via)
        text = _render(replace(made, left_code=left_code), region)
        life = 0 if code.is_secret else LIFE_SECONDS
        frame = make_frame(text, _headers(code), version=version, now=kept.clock(), life=life)
        page = frame.make_page({})
        kept.keep(None, key, page)
    return send_page(page)


def _headers(code: Code) -> dict[str, str]:
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_policy(("'self'",), "'none'"),
        "Cache-Control": "private, no-store" if code.is_secret else "private, no-cache",
        "Content-Language": current_locale().replace("_", "-"),
    }


def _make_campaign(code: Code, region: Region | None, homes: list[Region], via: str) -> Campaign:
    now, refusal = utc_now(), _refuse(code, region, utc_now())
    zone = ZoneInfo(region.timezone if region else "UTC")
    return Campaign(
        code=code,
        heading=pick(code.headline) or code.partner_name or code.display,
        places=say_places(code, catalogue()),
        sentence=_say_why(refusal, region),
        ways=tuple(_list_ways(code, region, homes, via, is_refused=refusal is not None)),
        goals=tuple(_list_goals(code, _sum_raised(code))),
        matching=_say_matching(code) if refusal is None else "",
        days_left=None if refusal else count_days_left(code.ends_at, now, zone),
        address=short_address(services().settings.base_url, code.code),
        via=via,
    )


def _sum_raised(code: Code) -> dict[str, int]:
    """What came and stayed, with what was booked this moment."""
    if not code.goal_minor:
        return {}
    database = services().database
    catch_up(database)
    with database.read() as session:
        return sum_code(session, code.id)


def _list_ways(
    code: Code, region: Region | None, homes: list[Region], via: str, *, is_refused: bool
) -> list[Way]:
    """To the form with the code; without it where it is refused, and to each region to choose."""
    brought = "" if is_refused else code.code

    def address(place: Region) -> str:
        locale = choose_locale(place, current_locale())
        asked = FormQuery(region=place.slug, locale=locale, code=brought, via=brought and via)
        return asked.address()

    if region is not None:
        words = gettext("Give without the code") if is_refused else gettext("Give")
        return [Way(words, address(region))]
    return [
        Way(gettext("Give from %(place)s", place=pick(one.place)), address(one))
        for one in homes or catalogue().open
    ]


def _refuse(code: Code, region: Region | None, now: datetime) -> Refusal | None:
    """Why the code can't be given with where the visitor is, or else anywhere."""
    places = [region] if region else list(catalogue().open)
    verdicts = [open_terms(code, one, now, catalogue()) for one in places]
    refusals = [one for one in verdicts if isinstance(one, Refusal)]
    return refusals[0] if refusals and len(refusals) == len(verdicts) else None


def _say_why(refusal: Refusal | None, region: Region | None) -> str:
    if refusal is None:
        return ""
    return refusal.sentence if region else refusal.why


def _say_matching(code: Code) -> str:
    """What a sponsor adds to its gifts, while there is such an offer."""
    offer, pot = code.offer, code.pot
    return say_offer(offer, pot) if offer and pot and pot.is_open else ""


def _list_goals(code: Code, raised: dict[str, int]) -> list[Goal]:
    return [
        Goal(wanted=Money(minor, currency), raised=Money(raised.get(currency, 0), currency))
        for currency, minor in code.goal_minor.items()
        if minor > 0
    ]


def _render(campaign: Campaign, region: Region | None) -> str:
    spoken, said = language(current_locale()), f"{campaign.heading}: {campaign.address}"
    return render_template(
        "giving/campaign.html",
        campaign=campaign,
        region=region,
        issuer=region.issuer if region else None,
        picture=campaign.code.picture,
        shown_elsewhere=_show_elsewhere(campaign.code.picture),
        shares=[
            Way(gettext("By e-mail"), f"{MAIL}?{_mail(campaign.heading, said)}"),
            Way(gettext("By WhatsApp"), f"{CHAT}?{urlencode({'text': said})}"),
        ],
        languages=[
            Language(html_lang(one), language_name(one), _address(campaign, one), one == spoken)
            for one in (map(language, region.locales) if region else LANGUAGES)
        ],
    )


def _show_elsewhere(picture: str) -> str:
    """The picture's whole address, for who shows a link to this page; nothing without one."""
    base = services().settings.base_url.rstrip("/")
    return f"{base}{url_for('giving.picture', name=picture)}" if picture else ""


def _mail(subject: str, body: str) -> str:
    """A mail's parts as RFC 6068 writes them: a space is no plus there."""
    return urlencode({"subject": subject, "body": body}).replace("+", "%20")


def _address(campaign: Campaign, lang: str) -> str:
    # What is None stays out of an address.
    return url_for("giving.code", code=campaign.code.code, via=campaign.via or None, lang=lang)
