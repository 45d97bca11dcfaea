"""Sums of what came and went a day, kept by every booking and proven against the ledger.

A booking only adds rows of its own to `day_changes`, in its transaction, and waits for nobody:
one row a day, or a few, would be held until each commit, and two bookings that hold several
could wait for one another for ever. A worker folds the changes into `day_sums` every minute, so
what is read is a month of sums and a minute of changes, however many gifts there are.

A payment counts on the day on which it came, by its issuer's calendar, and one that was taken
back counts on none: whoever undoes a match in December makes November's sum smaller, since that
money was never this gift's. So do refunds that failed. What the ledger holds says the same.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from portal.clock import day_in
from portal.database import add_on, table_of
from portal.driver import add, ask
from portal.gifts.lifecycle import Fact, FactKind
from portal.gifts.models import DayChange, DaySum, Evidence, Gift, LedgerEntry
from portal.i18n import Labelled
from portal.money import Money


class DayKind(Labelled):
    """What a sum is of: money that came, went back, was kept as a fee, or was taken by a bank."""

    RECEIVED = "received", "received"
    REFUNDED = "refunded", "refunded"
    FEE = "fee", "paid in fees"
    LOST = "lost", "lost in disputes"


# The fact that moves money of each kind, and the one that says it never was, by its name in the
# ledger's keys.
COUNTED = {
    FactKind.PAID: (DayKind.RECEIVED, FactKind.WITHDRAWN),
    FactKind.REFUNDED: (DayKind.REFUNDED, FactKind.REFUND_FAILED),
    FactKind.FEE: (DayKind.FEE, None),
    FactKind.DISPUTE_LOST: (DayKind.LOST, None),
}


class Day(NamedTuple):
    """A kind's day in a currency; sorts as the table does."""

    kind: DayKind
    day: date
    currency: str


def count_days(facts: Collection[Fact], timezone: str) -> Counter[Day]:
    """What a gift's facts come to a day, in minor units; `timezone` is its issuer's."""
    said = {(fact.kind, fact.subject) for fact in facts}
    days: Counter[Day] = Counter()
    for fact in facts:
        kind, undone_by = COUNTED.get(fact.kind, (None, None))
        if kind is None or fact.at is None or fact.minor <= 0 or (undone_by, fact.subject) in said:
            continue
        days[Day(kind, day_in(timezone, fact.at), fact.currency)] += fact.minor
    return days


def compare_days(facts: Collection[Fact], new: Iterable[Fact], timezone: str) -> dict[Day, int]:
    """What the `new` ones among a gift's facts changed, in minor units, a day each."""
    added = {(fact.kind, fact.subject) for fact in new}
    before = [fact for fact in facts if (fact.kind, fact.subject) not in added]
    changed = count_days(facts, timezone)
    changed.subtract(count_days(before, timezone))
    return {day: minor for day, minor in changed.items() if minor}


_SUMS, _CHANGES = table_of(DaySum), table_of(DayChange)
_COLUMNS = ("kind", "day", "currency", "region")
# One transaction folds so many.
MOST_FOLDED = 5_000


def keep_days(
    session: Session, gift: Gift, facts: Collection[Fact], new: Collection[Fact], timezone: str
) -> None:
    """Keep what the `new` ones among a gift's facts change; called once by each booking."""
    changes = compare_days(facts, new, timezone)
    if changes:
        rows = [
            {
                "kind": kind.value,
                "day": day,
                "currency": currency,
                "region": gift.region,
                "minor": minor,
            }
            for (kind, day, currency), minor in changes.items()
        ]
        add(session, DayChange, *rows)


def sum_received(session: Session, first: date, last: date) -> list[Money]:
    """What came in on these days, each gift by its issuer's calendar, by currency."""
    rows = ask(session, _RECEIVED, {"first": first, "last": last}).rows()
    return [Money(int(minor), currency) for currency, minor in rows]


def _received() -> sa.Select[Any]:
    """By one statement: what is folded meanwhile is seen in one table and never in both."""
    parts = (
        sa.select(table.c.currency, table.c.minor).where(
            table.c.kind == DayKind.RECEIVED,
            table.c.day.between(sa.bindparam("first"), sa.bindparam("last")),
        )
        for table in (_SUMS, _CHANGES)
    )
    found = sa.union_all(*parts).subquery()
    total = sa.func.sum(found.c.minor)
    by = found.c.currency
    return sa.select(by, total).group_by(by).having(total != 0).order_by(by)


_RECEIVED = _received()


def fold_changes(session: Session) -> bool:
    """Add the oldest changes to the sums; whether there may be more.

    Two who fold at once take different changes, and add them in the order of the key, so that
    neither waits for the other in a ring.
    """
    oldest = sa.select(_CHANGES.c.id).order_by(_CHANGES.c.id).limit(MOST_FOLDED)
    gone = session.execute(
        sa.delete(_CHANGES)
        .where(_CHANGES.c.id.in_(oldest.with_for_update(skip_locked=True)))
        .returning(*(_CHANGES.c[name] for name in _COLUMNS), _CHANGES.c.minor)
    ).all()
    sums: Counter[tuple[Any, ...]] = Counter()
    for *key, minor in gone:
        sums[tuple(key)] += minor
    if sums:
        rows = [
            dict(zip(_COLUMNS, key, strict=True)) | {"minor": sums[key]} for key in sorted(sums)
        ]
        add_on(session, DaySum, "minor", *rows)
    return len(gone) == MOST_FOLDED


def has_changes(session: Session) -> bool:
    """Whether anything waits to be folded."""
    return bool(session.scalar(_ANY_CHANGES))


_ANY_CHANGES = sa.select(sa.exists().where(_CHANGES.c.id.is_not(None)))


class RegionDay(NamedTuple):
    """A day of a region's issuer."""

    day: Day
    region: str


Days = Counter[RegionDay]


def read_days(session: Session) -> Days:
    """All sums, with the changes that wait; none that is nought."""
    days: Days = Counter()
    parts = (
        sa.select(*(table.c[name] for name in _COLUMNS), table.c.minor)
        for table in (_SUMS, _CHANGES)
    )
    for kind, day, currency, region, minor in session.execute(sa.union_all(*parts)):
        days[RegionDay(Day(DayKind(kind), day, currency), region)] += minor
    return _without_noughts(days)


def count_ledger(session: Session, zone_of: Callable[[str], str]) -> Days:
    """The same as the ledger has it; `zone_of` says the zone of a region's issuer.

    Times are grouped by quarters of an hour in the database, since one calendar's day begins at
    none but those in any zone, and only then read by each issuer's calendar.
    """
    days: Days = Counter()
    for statement, sign in _ledger_statements(session.get_bind().dialect.name):
        for kind, region, currency, quarter, minor in session.execute(statement):
            at = datetime.fromtimestamp(quarter * QUARTER, UTC)
            day = Day(DayKind(kind), day_in(zone_of(region), at), currency)
            days[RegionDay(day, region)] += sign * int(minor)
    return _without_noughts(days)


def _without_noughts(days: Days) -> Days:
    return Counter({day: minor for day, minor in days.items() if minor})


QUARTER = 900
# The ledger's keys of what moves money of each kind, and of what takes it back.
_MOVED = {
    DayKind.RECEIVED: "gift",
    DayKind.REFUNDED: "refund",
    DayKind.FEE: "fee",
    DayKind.LOST: "dispute-lost",
}
_TAKEN_BACK = {DayKind.RECEIVED: "gift-withdrawn", DayKind.REFUNDED: "refund-returned"}


def _ledger_statements(dialect: str) -> Iterator[tuple[sa.Select[Any], int]]:
    """What was moved, and what was taken back of it: on the day of what it takes back."""
    for kind, name in _MOVED.items():
        yield _of_ledger(dialect, kind, LedgerEntry.key.like(f"{name}:%")), 1
    for kind, name in _TAKEN_BACK.items():
        moved = aliased(LedgerEntry)
        subject = sa.func.substr(LedgerEntry.key, len(name) + 2)
        took = _of_ledger(dialect, kind, LedgerEntry.key.like(f"{name}:%"), moved.evidence_id)
        yield took.join(moved, moved.key == sa.literal(f"{_MOVED[kind]}:") + subject), -1


def _of_ledger(
    dialect: str, kind: DayKind, condition: sa.ColumnElement[bool], evidence: Any = None
) -> sa.Select[Any]:
    at = Evidence.occurred_at
    if dialect == "sqlite":
        quarter: Any = sa.cast(sa.func.strftime("%s", at), sa.BigInteger) // QUARTER
    else:
        quarter = sa.cast(sa.func.floor(sa.extract("epoch", at) / QUARTER), sa.BigInteger)
    total = sa.func.sum(LedgerEntry.amount_minor)
    told_by = LedgerEntry.evidence_id if evidence is None else evidence
    return (
        sa.select(sa.literal(kind.value), Gift.region, LedgerEntry.currency, quarter, total)
        .join_from(LedgerEntry, Gift, Gift.id == LedgerEntry.gift_id)
        .where(condition, Evidence.id == told_by)
        .group_by(Gift.region, LedgerEntry.currency, sa.text("4"))
    )


def recount(session: Session, zone_of: Callable[[str], str]) -> None:
    """Count all sums anew from the ledger; bookings wait meanwhile.

    For gifts that came in bulk, and after an issuer's time zone was put right.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"LOCK TABLE {_CHANGES.name} IN SHARE ROW EXCLUSIVE MODE"))
    days = count_ledger(session, zone_of)
    for table in (_CHANGES, _SUMS):
        session.execute(sa.delete(table))
    rows = [
        {**day._asdict(), "region": region, "minor": minor} for (day, region), minor in days.items()
    ]
    if rows:
        session.execute(sa.insert(_SUMS), rows)
