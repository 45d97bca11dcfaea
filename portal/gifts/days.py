"""What came and went on which day: pure, and a function of a gift's set of facts.

A payment counts on the day on which it came, by its issuer's calendar, and one that was taken
back counts on none: whoever undoes a match in December makes November's sum smaller, since that
money was never this gift's. So do refunds that failed. What the ledger holds says the same
(`portal.gifts.day_sums`).
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

from portal.clock import day_in
from portal.gifts.lifecycle import Fact, FactKind
from portal.i18n import Labelled


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
