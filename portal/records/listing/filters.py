"""The gift list's filters, as its address carries them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from portal.clock import read_day
from portal.codes.parsing import normalise_code
from portal.database import Document
from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift, GiftStanding
from portal.plain import clean_line


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
