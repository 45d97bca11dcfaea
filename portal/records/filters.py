"""What the gift list is asked for: its filters as its address carries them, and its search.

A search box's text may mean a reference, a receipt, money, an id, an address or a name.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from portal.clock import read_day
from portal.codes.parsing import normalise_code
from portal.database import Document
from portal.gifts.evidence import BARE, Provider
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, GiftStanding
from portal.gifts.operations import fold_name
from portal.gifts.references import ask_words, clean_reference
from portal.money import AmountError, Money, parse_amount
from portal.plain import clean_line
from portal.receipts.register import read_label


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftFilters:
    """What to list. Empty means any; `since` and `until` are days, both included.

    They are days on which gifts began, in `timezone`: the region's, where one is chosen, else UTC.
    `received_since` and `received_until` are days on which money came, by each gift's issuer.
    """

    text: str = ""
    status: Status | None = None
    region: str = ""
    code: str = ""
    mode: str = ""
    fund: str = ""
    since: date | None = None
    until: date | None = None
    received_since: date | None = None
    received_until: date | None = None
    timezone: str = "UTC"
    unclear: Mapping[str, str] = field(default_factory=dict)

    @property
    def begins_at(self) -> datetime | None:
        return _midnight(self.since, self.timezone)

    @property
    def ends_at(self) -> datetime | None:
        """The first moment that is too late."""
        return _midnight(self.until + timedelta(days=1) if self.until else None, self.timezone)

    @property
    def is_empty(self) -> bool:
        return not self.as_args()

    def as_args(self) -> dict[str, str]:
        """The query arguments that read_filters reads back."""
        texts = {
            "q": self.text,
            "status": self.status.value if self.status else "",
            "region": self.region,
            "code": self.code,
            "mode": self.mode,
            "fund": self.fund,
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
            "received_from": self.received_since.isoformat() if self.received_since else "",
            "received_to": self.received_until.isoformat() if self.received_until else "",
        }
        return {name: text for name, text in (texts | dict(self.unclear)).items() if text}


def read_filters(args: Mapping[str, str], timezones: Mapping[str, str]) -> GiftFilters:
    """The filters of a query; `timezones` by region slug. What can't be read is kept apart."""
    region = args.get("region", "").strip().lower()
    unclear: dict[str, str] = {}
    status = args.get("status", "").strip()
    return GiftFilters(
        text=clean_line(args.get("q"))[:200],
        status=Status(status) if status in set(Status) else None,
        region=region,
        code=normalise_code(args.get("code", "")),
        mode=args.get("mode", "").strip(),
        fund=args.get("fund", "").strip(),
        since=_read_day(args, "from", unclear),
        until=_read_day(args, "to", unclear),
        received_since=_read_day(args, "received_from", unclear),
        received_until=_read_day(args, "received_to", unclear),
        timezone=timezones.get(region, "UTC"),
        unclear=unclear,
    )


def _read_day(args: Mapping[str, str], name: str, unclear: dict[str, str]) -> date | None:
    text = args.get(name, "").strip()
    day = read_day(text)
    if text and day is None:
        unclear[name] = text[:30]
    return day


def _midnight(day: date | None, timezone: str) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


Condition = sa.ColumnElement[bool]


def bind(name: str, column: InstrumentedAttribute[Any]) -> sa.BindParameter[Any]:
    """A column's value, given by name when the statement is run: so that one is kept."""
    return sa.bindparam(name, type_=column.type)


PLACE = (Gift.created_at, Gift.id)


@dataclass(frozen=True, slots=True)
class Equality:
    """One filter by one column.

    `indexed` is it where it has an index with the gift's moment and number, `place`, behind it.
    """

    name: str
    column: InstrumentedAttribute[Any]
    neutral: str | Status = ""
    elsewhere: InstrumentedAttribute[Any] | None = None
    place: tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]] = PLACE

    @property
    def indexed(self) -> InstrumentedAttribute[Any]:
        return self.column if self.elsewhere is None else self.elsewhere

    @property
    def _wanted(self) -> sa.BindParameter[Any]:
        return bind(self.name, self.column)

    def equals(self) -> Condition:
        """For a walk along its index."""
        return sa.type_coerce(self.indexed == self._wanted, sa.Boolean)

    def is_among(self) -> Condition:
        """For gifts in another order."""
        if self.elsewhere is None:
            return self.equals()
        return Gift.id.in_(sa.select(self.place[1]).where(self.equals()))

    def compares(self) -> Condition:
        """The same, out of reach of every index."""
        kept = sa.func.coalesce(self.column, sa.literal(self.neutral, self.column.type))
        return sa.type_coerce(kept == self._wanted, sa.Boolean)


# In the order of how few gifts one value usually has.
EQUALITIES = (
    Equality("code", Gift.code),
    Equality(
        "status",
        Gift.status,
        Status.PENDING,
        elsewhere=GiftStanding.status,
        place=(GiftStanding.created_at, GiftStanding.gift_id),
    ),
    Equality("fund", Gift.fund),
    Equality("mode", Gift.mode),
    Equality("region", Gift.region),
)


DAYS = ("received_since", "received_until")
NAMES = (*(one.name for one in EQUALITIES), *DAYS)


def list_values(filters: GiftFilters) -> Document:
    """What the gifts' columns are compared with, by the names in NAMES; only what is given."""
    return {name: value for name in NAMES if (value := getattr(filters, name))}


def choose_driving(values: Document) -> Equality | None:
    """The filter whose index is walked; most gifts are paid, so that one comes last."""
    wanted = [one for one in EQUALITIES if one.name in values]
    if values.get("status") is Status.PAID:
        wanted.sort(key=lambda one: one.name == "status")
    return wanted[0] if wanted else None


def remaining(given: Collection[str], driving: Equality | None) -> list[Condition]:
    """What the walk along `driving` has to compare gift by gift of the filters that are given."""
    compared = [one.compares() for one in EQUALITIES if one.name in given and one is not driving]
    return compared + [condition for name, condition in _RECEIVED.items() if name in given]


# The days of receiving: no index that a list walks begins with them.
_RECEIVED: dict[str, Condition] = {
    "received_since": Gift.received_on >= bind("received_since", Gift.received_on),
    "received_until": Gift.received_on <= bind("received_until", Gift.received_on),
}


LONGEST = 200
MOST_WORDS = 4

Currencies = tuple[str, ...]

_STRIPE_ID = re.compile(r"(?:pi|ch|py|cs|in|sub|re|pyr|dp|du|evt|cus)_\w+")
# Another provider's id, as far as it can be told from a word: long enough, and with a figure.
_ID = re.compile(r"(?=\D*\d)[\w.+/=~-]{6,60}")
_AMOUNT = re.compile(
    r"(?P<before>[A-Za-z]{3}|[$€£¥₦₹₩])?\s*"
    r"(?P<number>\d[\d\s.,']*)"
    r"(?P<after>[A-Za-z]{3}|[$€£¥₦₹₩])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One reading of the text; exactly one field is set, or `names` with `given` and `email`.

    `words` are the same person's, each in its spellings (`portal.gifts.references`). An id
    is any of `providers`'; one that only may be an id stands beside a person.
    """

    reference: str | None = None
    receipt: tuple[int, int] | None = None
    provider_id: str | None = None
    providers: tuple[Provider, ...] = field(default=(), compare=False)
    amounts: tuple[Money, ...] = ()
    email: str | None = None
    names: tuple[str, ...] = ()
    given: str = ""
    words: tuple[frozenset[str], ...] = field(default=(), compare=False)


def read_search(
    text: str, currencies: Iterable[str], providers: Sequence[Provider] = (BARE,)
) -> Search | None:
    """What `text` asks for; None where it asks for nothing.

    `currencies` are those we take, `providers` all whose ids we may know.
    """
    text = " ".join(text[:LONGEST].split())
    if not text:
        return None
    named = _as_named_id(text, providers)
    readings = (read(text, tuple(currencies)) for read in READERS)
    found = named or next(reading for reading in readings if reading is not None)
    others = tuple(name for name in providers if name != BARE)
    if others and found.email and _ID.fullmatch(text):
        return replace(found, provider_id=text, providers=others)
    return found


def _as_named_id(text: str, providers: Sequence[Provider]) -> Search | None:
    """An id as the gift's page names another provider's: `name:id`."""
    name, joint, own_id = text.partition(":")
    found = tuple(one for one in providers if one == name)
    return Search(provider_id=own_id, providers=found) if joint and own_id and found else None


def _as_stripe_id(text: str, _currencies: Currencies) -> Search | None:
    if not _STRIPE_ID.fullmatch(text):
        return None
    return Search(provider_id=text, providers=(BARE,))


def _as_reference(text: str, _currencies: Currencies) -> Search | None:
    reference = clean_reference(text)
    return Search(reference=reference) if reference else None


def _as_amount(text: str, currencies: Currencies) -> Search | None:
    amounts = _read_amounts(text, currencies)
    return Search(amounts=amounts) if amounts else None


def _as_receipt(text: str, _currencies: Currencies) -> Search | None:
    label = read_label(text)
    return Search(receipt=label[1:]) if label else None


def _as_person(text: str, _currencies: Currencies) -> Search:
    email = None if " " in text else text.lower()
    if "@" in text:
        return Search(email=email, words=ask_words(text) if email else ())
    return Search(
        email=email, names=name_orders(text), given=fold_name(text, ""), words=ask_words(text)
    )


# In this order: what is surest first.
READERS: tuple[Callable[[str, Currencies], Search | None], ...] = (
    _as_stripe_id,
    _as_reference,
    _as_amount,
    _as_receipt,
    _as_person,
)


def name_orders(text: str) -> tuple[str, ...]:
    """A name as it is stored, last name first, for each word that may be the last name."""
    words = fold_name("", text).split()[:MOST_WORDS]
    turned = (" ".join(words[at:] + words[:at]) for at in range(len(words)))
    return tuple(dict.fromkeys(turned))


def _read_amounts(text: str, currencies: Currencies) -> tuple[Money, ...]:
    match = _AMOUNT.fullmatch(text)
    # A space between two figures that group no thousands is a receipt's, not an amount's.
    number = match["number"] if match else ""
    if not match or (read_label(number) and not number.isdigit()):
        return ()
    named = {sign.upper() for sign in (match["before"], match["after"]) if sign and sign.isalpha()}
    wanted = [currency for currency in currencies if not named or currency in named]
    return tuple(money for currency in wanted if (money := _read_amount(text, currency)))


def _read_amount(text: str, currency: str) -> Money | None:
    try:
        return parse_amount(re.sub(r"^[^\d]+|[^\d]+$", "", text), currency)
    except AmountError:
        return None
