"""What a receipt says, as one document: composed once, kept for ever, enough to reprint.

Pure: a gift and its region in, plain JSON values out, in the gift's own language.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date

from portal.database import Document
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.i18n import gettext, language, pick, use_locale
from portal.money import Money, format_money
from portal.regions.catalogue import Frequency, Issuer, ReceiptScheme, Region, Texts

VOID = "void"
ALL_BACK = frozenset({Status.REFUNDED, Status.CHARGED_BACK})


@dataclass(frozen=True, slots=True)
class Marking:
    """A word in capitals and the sentence that explains it, in the receipt's language."""

    title: str
    text: str


def receipt_mark(gift: Gift) -> str:
    """The mark a copy of this gift's receipt needs as the gift stands now; empty for none.

    A part that went back is marked whatever else happens to the gift, such as a dispute.
    """
    if gift.status in ALL_BACK:
        return gift.status.value
    return Status.PARTLY_REFUNDED.value if gift.refunded_minor else ""


def write_marking(mark: str, *, day: str, amount: str, reason: str = "") -> Marking:
    """The mark in words of the current language; `day` and `amount` are written out."""
    title, text = TEXTS[mark]
    values = {"day": day, "amount": amount, "reason": reason}
    return Marking(gettext(title), gettext(text, **values))


TEXTS = {
    Status.REFUNDED.value: (
        "Refunded",
        "This gift was refunded in full, %(amount)s, on %(day)s. "
        "This document no longer acknowledges a gift.",
    ),
    Status.PARTLY_REFUNDED.value: (
        "Partly refunded",
        "%(amount)s of this gift went back to its donor, most recently on %(day)s. "
        "Only the rest remains a gift.",
    ),
    Status.CHARGED_BACK.value: (
        "Payment reversed",
        "All of this gift, %(amount)s, went back to its donor; the bank reversed the payment on "
        "%(day)s. This document no longer acknowledges a gift.",
    ),
    VOID: (
        "Cancelled",
        "This document was cancelled on %(day)s and is no longer valid. %(reason)s",
    ),
}


FORMAT = 1
DEFAULT_ACCENT = "#0f5f57"

# How the line of the town is written; elsewhere the code has a line of its own, as in Britain.
CITY_LINES = (
    ("{city} {province}  {postal_code}", frozenset("CA US AU".split())),
    ("{city} {postal_code}", frozenset("NZ IN".split())),
    (
        "{postal_code} {city}",
        frozenset("AT BE CH DE DK ES FI FR IT LU NL NO PL PT SE".split()),
    ),
)
OTHER_CITY_LINES = ("{city}", "{province}", "{postal_code}")


def issue_day(timezone: str, at: datetime) -> datetime:
    """`at` on the calendar of the place where the receipt is issued."""
    return at.astimezone(ZoneInfo(timezone))


def compose_snapshot(gift: Gift, region: Region, at: datetime, replaces: str = "") -> Document:
    """All that the receipt of `gift`, issued at `at`, says; its number comes later.

    A gift that is anonymous to the public still has a receipt in its donor's name.
    `replaces` is the number of the cancelled receipt in whose place this one stands.
    """
    locale, issuer, scheme = gift.locale, region.issuer, choose_scheme(gift, region)
    received = issue_day(issuer.timezone, gift.received_at or at)
    issued = issue_day(issuer.timezone, at)
    return {
        "format": FORMAT,
        "number": "",
        "locale": locale,
        "region": region.slug,
        **_scheme_fields(scheme, locale),
        "issuer": _issuer_fields(issuer, scheme, locale),
        "donor": {"name": gift.name, "address": address_lines(gift, issuer.country)},
        **_amount_fields(gift, locale),
        **_gift_fields(gift, region),
        "received_on": received.date().isoformat(),
        "received": write_day(received, locale),
        "issued_on": issued.date().isoformat(),
        "issued": write_day(issued, locale),
        "replaces": _write_replaces(replaces, locale),
    }


def choose_scheme(gift: Gift, region: Region) -> ReceiptScheme:
    """What the gift's document says: what its region has, or that others give the receipt.

    A code whose partner gives receipts itself leaves an acknowledgement, without the issuer's
    registration and the authority: two receipts for one gift are what tax law forbids.
    """
    if not gift.is_only_acknowledged:
        return region.receipt
    with use_locale(gift.locale):
        return replace(
            region.receipt,
            key=ACKNOWLEDGEMENT,
            title=_in_one(gift.locale, gettext("Acknowledgement of your gift")),
            statements=tuple(_in_one(gift.locale, text) for text in _acknowledge()),
            show_registration=False,
            authority_name={},
            authority_url={},
        )


def _in_one(locale: str, text: str) -> Texts:
    return {language(locale): text}


ACKNOWLEDGEMENT = "acknowledgement"


def _acknowledge() -> Iterator[str]:
    yield gettext("This letter acknowledges that we received your gift.")
    yield gettext(
        "It is no document for tax purposes: where one is due, it comes from the partner whose "
        "code you gave with."
    )


def _write_replaces(label: str, locale: str) -> str:
    """The sentence the CRA asks for on a receipt that replaces another."""
    if not label:
        return ""
    with use_locale(locale):
        return gettext("This document cancels and replaces document no. %(number)s.", number=label)


def _scheme_fields(scheme: ReceiptScheme, locale: str) -> Document:
    return {
        "scheme": scheme.key,
        "paper": scheme.paper,
        "title": pick(scheme.title, locale),
        "statements": [pick(statement, locale) for statement in scheme.statements],
        "authority": {
            "name": pick(scheme.authority_name, locale),
            "url": pick(scheme.authority_url, locale),
        },
    }


def _issuer_fields(issuer: Issuer, scheme: ReceiptScheme, locale: str) -> Document:
    registration = ""
    if scheme.show_registration and issuer.registration_number:
        label = pick(issuer.registration_label, locale)
        registration = f"{label} {issuer.registration_number}"
    # Only where there is one: what was kept before has no such field.
    signed = {"signature": issuer.signature} if issuer.signature else {}
    return {
        **signed,
        "key": issuer.key,
        "legal_name": issuer.legal_name,
        "registration": registration,
        "address": list(issuer.address_lines),
        "email": issuer.email,
        "phone": issuer.phone,
        "website": issuer.website.removeprefix("https://").rstrip("/"),
        "timezone": issuer.timezone,
        "place": issuer.place,
        "signatory_name": issuer.signatory_name,
        "signatory_title": pick(issuer.signatory_title, locale),
        "accent": issuer.accent or DEFAULT_ACCENT,
    }


def _amount_fields(gift: Gift, locale: str) -> Document:
    """What came, not what was promised; the cover is the part of a promise kept whole."""
    cover = gift.cover if gift.received == gift.money else Money(0, gift.currency)
    return {
        "amount_minor": gift.paid_minor,
        "currency": gift.currency,
        "amount": format_money(gift.received, locale),
        "cover_minor": cover.minor,
        "cover": write_money(cover, locale) if cover else "",
    }


def _gift_fields(gift: Gift, region: Region) -> Document:
    fund, mode = region.fund(gift.fund), region.mode(gift.mode)
    with use_locale(gift.locale):
        frequency = Frequency(gift.frequency).label
    return {
        "reference": gift.reference,
        "fund": pick(fund.names, gift.locale) if fund else gift.fund,
        "mode": pick(mode.label, gift.locale) if mode else gift.mode,
        "frequency": frequency,
        "dedication": gift.dedication,
    }


def write_money(money: Money, locale: str) -> str:
    """An amount that names its currency beyond doubt: `$75.50 CAD`."""
    text = format_money(money, locale)
    return text if money.currency in text else f"{text} {money.currency}"


def write_day(day: datetime, locale: str) -> str:
    """A day in full, as a reader of `locale` writes it."""
    return _write_date(day.date(), locale)


@lru_cache(maxsize=1_000)
def _write_date(day: date, locale: str) -> str:
    return str(format_date(day, format="long", locale=locale))


def address_lines(gift: Gift, home: str) -> list[str]:
    """The donor's address as an envelope has it; the country where it is not `home`."""
    city_lines = next(
        ((line,) for line, countries in CITY_LINES if gift.country in countries),
        OTHER_CITY_LINES,
    )
    parts = {"city": gift.city, "province": gift.province, "postal_code": gift.postal_code}
    lines = [gift.address_line1, gift.address_line2]
    lines += [line.format_map(parts).strip() for line in city_lines]
    written = [line for line in lines if line]
    if written and gift.country and gift.country != home:
        written.append(_country_name(gift.country, gift.locale))
    return written


def _country_name(country: str, locale: str) -> str:
    return str(Locale.parse(language(locale)).territories.get(country, country))
