"""What gifts that came with a code are in the sums that partners see, and how far a goal is. Pure.

A sum is of one currency and one scope: of all gifts in whose path the scope stands, as the tree was
when each was given. The scope 0 stands for all, and has sums by the numbers of codes alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from portal.gifts.lifecycle import Status
from portal.gifts.models import PlanStatus
from portal.money import Money


class Key(NamedTuple):
    """Which sum; sorts as the table does."""

    scope_id: int
    currency: str
    dimension: str
    key: str


# What a sum has, in the order of its columns.
NUMBERS = ("started", "gifts", "starters", "donors", "gross", "refunded", "disputed", "promised")
Numbers = list[int]
Sums = dict[Key, Numbers]
# The scope that has all gifts, and the dimensions that no gift's own words are keys of.
ALL = 0
TOTAL, CODE, LOYALTY, MONTHLY = "total", "code", "loyalty", "monthly"
# What fulfils a partner's commitment, by its number.
PLEDGE = "pledge"
PLANS = {PlanStatus.ACTIVE: "running", PlanStatus.PAST_DUE: "failing"}


def read_path(path: str) -> list[int]:
    """The numbers of the scopes above a gift's code, as the tree was then."""
    return [int(part) for part in path.split("/") if part]


class Told(NamedTuple):
    """A gift as the sums see it."""

    gift_id: int
    donor_id: int | None
    plan_id: int | None
    region: str
    fund: str
    mode: str
    code: str | None
    currency: str
    status: Status
    amount_minor: int
    paid_minor: int
    refunded_minor: int
    received_on: date | None
    began_on: date
    path: str
    code_id: int
    scope_id: int | None
    plan_status: PlanStatus | None

    @property
    def donor(self) -> int:
        """Who gave; a gift of nobody known is by someone of its own."""
        return -self.gift_id if self.donor_id is None else self.donor_id

    @property
    def series(self) -> int:
        """What is one gift, given once or every month."""
        return self.gift_id if self.plan_id is None else -self.plan_id

    @property
    def scopes(self) -> list[int]:
        return read_path(self.path)

    @property
    def promised(self) -> int:
        """What is still to come of it."""
        if self.status in {Status.PENDING, Status.PROCESSING}:
            return self.amount_minor
        is_part = self.status is Status.PARTLY_PAID
        return self.amount_minor - self.paid_minor if is_part else 0

    @property
    def disputed(self) -> int:
        is_held = self.status is Status.DISPUTED
        return self.paid_minor - self.refunded_minor if is_held else 0


class Given(Protocol):
    """What it takes to say whether a gift fulfils a commitment."""

    @property
    def paid_minor(self) -> int: ...
    @property
    def received_on(self) -> date | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def fund(self) -> str: ...
    @property
    def code_id(self) -> int | None: ...
    @property
    def scopes(self) -> list[int]: ...


class Aim(NamedTuple):
    """What a partner, or a donor, committed themselves to: what money fulfils it.

    That is of gifts by its code, or where it names none, of those in whose path the scope stands;
    where it names neither, of any.
    """

    id: int
    scope_id: int | None
    code_id: int | None
    currency: str
    fund: str
    since: date
    until: date | None

    def counts(self, gift: Given) -> bool:
        """Whether a gift is money of the kind, within the span."""
        day = gift.received_on
        if gift.paid_minor <= 0 or day is None or gift.currency != self.currency:
            return False
        is_in_span = self.since <= day and (self.until is None or day <= self.until)
        return is_in_span and self.fund in {"", gift.fund} and self._is_under(gift)

    def _is_under(self, gift: Given) -> bool:
        if self.code_id is not None:
            return gift.code_id == self.code_id
        return self.scope_id is None or self.scope_id in gift.scopes


def list_keys(gift: Told, aims: Iterable[Aim] = ()) -> Iterator[Key]:
    """The sums that a gift is in."""
    parts = (
        (TOTAL, ""),
        ("month", f"{gift.received_on or gift.began_on:%Y-%m}"),
        ("fund", gift.fund),
        ("region", gift.region),
        ("mode", gift.mode),
        (CODE, gift.code or ""),
        ("partner", str(gift.scope_id or "")),
    )
    for scope_id in gift.scopes:
        for dimension, key in parts:
            yield Key(scope_id, gift.currency, dimension, key)
    yield Key(ALL, gift.currency, CODE, str(gift.code_id))
    for aim in aims:
        if aim.counts(gift):
            yield Key(ALL, gift.currency, PLEDGE, str(aim.id))


def weigh_donor(gifts: Sequence[Told], aims: Sequence[Aim] = ()) -> Sums:
    """What all gifts of one donor are in each sum."""
    sums: Sums = {}
    for gift in gifts:
        came = int(gift.paid_minor > 0)
        own = (gift.paid_minor, gift.refunded_minor, gift.disputed, gift.promised)
        for key in list_keys(gift, aims):
            row = sums.setdefault(key, [0, 0, 1, 0, 0, 0, 0, 0])
            row[0] += 1
            row[1] += came
            row[3] |= came
            for at, minor in enumerate(own, 4):
                row[at] += minor
    return sums | _weigh_series(gifts)


def _weigh_series(gifts: Sequence[Told]) -> Sums:
    """Whether they gave once or again, and what goes on every month."""
    given, plans = defaultdict[Key, set[int]](set), defaultdict[Key, set[int]](set)
    for gift in gifts:
        for scope_id in gift.scopes:
            if gift.paid_minor > 0:
                given[Key(scope_id, gift.currency, LOYALTY, "")].add(gift.series)
            kind = PLANS.get(gift.plan_status) if gift.plan_status else None
            if kind and gift.plan_id is not None:
                plans[Key(scope_id, gift.currency, MONTHLY, kind)].add(gift.plan_id)
    sums = {
        key._replace(key="again" if len(series) > 1 else "once"): [0, 0, 0, 1, 0, 0, 0, 0]
        for key, series in given.items()
    }
    return sums | {key: [0, len(own), 0, 1, 0, 0, 0, 0] for key, own in plans.items()}


def compare(before: Iterable[Told], after: Iterable[Told], aims: Sequence[Aim] = ()) -> Sums:
    """By what the sums change; both have all gifts of the donors that they have any of."""
    changed: Sums = {}
    for gifts, sign in ((before, -1), (after, 1)):
        donors = defaultdict[int, list[Told]](list)
        for gift in gifts:
            donors[gift.donor].append(gift)
        for own in donors.values():
            for key, numbers in weigh_donor(own, aims).items():
                row = changed.setdefault(key, [0] * len(NUMBERS))
                for at, number in enumerate(numbers):
                    row[at] += sign * number
    return {key: row for key, row in changed.items() if any(row)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """How far a campaign has come in one currency, without what was promised only."""

    wanted: Money
    raised: Money

    @property
    def share(self) -> int:
        """Whole per cent, rounded down and at most 100: it is full when it is reached."""
        return max(0, min(100, self.raised.minor * 100 // self.wanted.minor))


def count_days_left(ends_at: datetime | None, now: datetime, zone: ZoneInfo) -> int | None:
    """The days between today and the last day, as the zone has them; None where there is no end.

    It is 0 on the last day, and below that once it is over.
    """
    if ends_at is None:
        return None
    last = (ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    return (last - now.astimezone(zone).date()).days
