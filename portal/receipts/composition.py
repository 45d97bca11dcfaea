"""What a receipt says, as one document: composed once, kept for ever, enough to reprint.

Pure: a gift and its region in, plain JSON values out, in the gift's own language.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from portal.receipts.planning import (
    GONE_BACK,
    Issue,
    Particulars,
    Receiver,
    make_plain,
    receiver_of,
)
from portal.receipts.words import write_words
from portal.regions.catalogue import Frequency, Issuer, ReceiptScheme, Region, Texts
from portal.regions.schemes import ReceiptField

VOID = "void"


@dataclass(frozen=True, slots=True)
class Marking:
    """A word in capitals and the sentence that explains it, in the receipt's language."""

    title: str
    text: str


def receipt_mark(gift: Gift, returned_minor: int = 0) -> str:
    """The mark a copy of this gift's receipt needs as the gift stands now; empty for none.

    A part that went back is marked whatever else happens to the gift, such as a dispute;
    `returned_minor` of it was left out of the receipt already.
    """
    if gift.status in GONE_BACK:
        return gift.status.value
    return Status.PARTLY_REFUNDED.value if gift.refunded_minor > returned_minor else ""


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


def compose_snapshot(
    gift: Gift,
    region: Region,
    at: datetime,
    replaces: str = "",
    *,
    issue: Issue | None = None,
    donor: Receiver | None = None,
    particulars: Particulars | None = None,
) -> Document:
    """All that the receipt of `gift`, issued at `at`, says; its number comes later.

    `issue` is what was decided of it (`portal.receipts.planning`); without it a letter says what
    came. A gift that is anonymous to the public still has a receipt in its donor's name.
    `replaces` is the number of the cancelled receipt in whose place this one stands.
    """
    due = issue or _whole_of(gift, region)
    scheme, issuer = due.scheme, region.issuer
    locale = scheme.speech or gift.locale
    issued = issue_day(issuer.timezone, at)
    received = issue_day(issuer.timezone, gift.received_at or at)
    snapshot = {
        "format": FORMAT,
        "number": "",
        "locale": locale,
        "region": region.slug,
        **_scheme_fields(scheme, locale, issuer, due, particulars),
        "issuer": _issuer_fields(issuer, scheme, locale),
        "donor": {"name": gift.name, "address": address_lines(gift, issuer.country)},
        **_amount_fields(gift, due, locale),
        **_gift_fields(gift, region, locale),
        "received_on": received.date().isoformat(),
        "received": write_day(received, locale),
        "issued_on": issued.date().isoformat(),
        "issued": write_day(issued, locale),
        "replaces": _write_replaces(replaces, locale),
    }
    rows = _list_rows(due, issuer, donor or receiver_of(gift), particulars, snapshot)
    return {**snapshot, "shown": [{"name": n, "label": a, "value": b} for n, a, b in rows]}


def _whole_of(gift: Gift, region: Region) -> Issue:
    nothing = Money(0, gift.currency)
    scheme = make_plain(gift, region) if gift.is_only_acknowledged else region.receipt
    return Issue(gift.received, nothing, gift.received, scheme, nothing)


def _write_replaces(label: str, locale: str) -> str:
    """The sentence the CRA asks for on a receipt that replaces another."""
    if not label:
        return ""
    with use_locale(locale):
        return gettext("This document cancels and replaces document no. %(number)s.", number=label)


def _scheme_fields(
    scheme: ReceiptScheme,
    locale: str,
    issuer: Issuer,
    due: Issue,
    particulars: Particulars | None,
) -> Document:
    values = {"issuer": issuer.legal_name, "exemption": issuer.exemption}
    said = (*scheme.statements, *_say_return(due, particulars))
    if particulars is not None:
        values |= {
            "advantage": write_money(due.advantage, locale),
            "eligible": write_money(due.eligible, locale),
            "received_in_return": particulars.advantage,
        }
    return {
        "scheme": scheme.key,
        "class": scheme.kind.value,
        "paper": scheme.paper,
        "title": pick(scheme.title, locale),
        "statements": [text for one in said if (text := _fill(pick(one, locale), values))],
        "authority": {
            "name": pick(scheme.authority_name, locale),
            "url": pick(scheme.authority_url, locale),
        },
    }


def _say_return(due: Issue, particulars: Particulars | None) -> Iterator[Texts]:
    """What the law has said of something given in return, of nothing, or of the spirit alone."""
    scheme, text = due.scheme, due.scheme.unreturned
    if due.advantage:
        text = scheme.returned
    elif particulars is not None and particulars.is_intangible:
        text = scheme.intangible
    if text:
        yield text


def _fill(text: str, values: Mapping[str, str]) -> str:
    """A statement with `{issuer}` and the like filled in; other braces are its own."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _list_rows(
    due: Issue,
    issuer: Issuer,
    donor: Receiver,
    particulars: Particulars | None,
    snapshot: Document,
) -> Iterator[tuple[str, str, str]]:
    """Field, label and value of what a scheme shows beside the letter's own places, if any."""
    scheme, locale = due.scheme, snapshot["locale"]
    said = {
        ReceiptField.TAX_NUMBER: issuer.tax_number,
        ReceiptField.EXEMPTION: issuer.exemption,
        ReceiptField.DONOR_EMAIL: donor.email,
        ReceiptField.ADVANTAGE: write_money(due.advantage, locale) if due.advantage else "",
        ReceiptField.ELIGIBLE: write_money(due.eligible, locale),
    }
    if particulars is not None:
        said |= {
            ReceiptField.PROPERTY: particulars.given,
            ReceiptField.APPRAISER: particulars.appraiser,
        }
        if due.advantage and particulars.advantage:
            said[ReceiptField.ADVANTAGE] += f" ({particulars.advantage})"
    if ReceiptField.WORDS in scheme.fields:
        said[ReceiptField.WORDS] = write_words(due.amount, locale)
    with use_locale(locale):
        for name in _list_shown(due):
            value = said.get(name, "" if name in PLACED else donor.value(name))
            if value:
                yield name.value, name.label, value


def _list_shown(due: Issue) -> tuple[ReceiptField, ...]:
    """A scheme's fields; what was received in return is always said, here or in a sentence."""
    own = due.scheme.fields
    if not due.advantage or due.scheme.returned:
        return own
    return tuple(dict.fromkeys((*own, ReceiptField.ADVANTAGE, ReceiptField.ELIGIBLE)))


# What the letter has a place of its own for.
PLACED = frozenset(
    {
        ReceiptField.LEGAL_NAME,
        ReceiptField.ISSUER_ADDRESS,
        ReceiptField.REGISTRATION,
        ReceiptField.PLACE,
        ReceiptField.SIGNATORY,
        ReceiptField.SIGNATORY_TITLE,
        ReceiptField.AUTHORITY,
        ReceiptField.STATEMENT,
        ReceiptField.NUMBER,
        ReceiptField.ISSUED_ON,
        ReceiptField.RECEIVED_ON,
        ReceiptField.AMOUNT,
        ReceiptField.MODE,
        ReceiptField.DONOR_NAME,
        ReceiptField.FIRST_NAME,
        ReceiptField.DONOR_ADDRESS,
    }
)


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


def _amount_fields(gift: Gift, due: Issue, locale: str) -> Document:
    """What came, not what was promised; the cover is the part of a promise kept whole."""
    cover = gift.cover if due.amount == gift.money else Money(0, gift.currency)
    sums = {"advantage": due.advantage, "eligible": due.eligible, "returned": due.returned}
    return {
        "amount_minor": due.amount.minor,
        "currency": gift.currency,
        "amount": format_money(due.amount, locale),
        "cover_minor": cover.minor,
        "cover": write_money(cover, locale) if cover else "",
        **{f"{name}_minor": money.minor for name, money in sums.items()},
    }


def _gift_fields(gift: Gift, region: Region, locale: str) -> Document:
    fund, mode = region.fund(gift.fund), region.mode(gift.mode)
    with use_locale(locale):
        frequency = Frequency(gift.frequency).label
    return {
        "reference": gift.reference,
        "fund": pick(fund.names, locale) if fund else gift.fund,
        "mode": pick(mode.label, locale) if mode else gift.mode,
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
