"""How a pledge stands: what should have come by a day, and whether it did. Pure.

A pledge is of so much once, or so much for each month or year from its first day on. What is for a
month may come on any day of it: it is due with the last one. So who gave for the month that runs is
on time, and so is who didn't yet; who gave for later months is ahead.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from portal.i18n import Labelled
from portal.money import Money


class Rhythm(Labelled):
    """How often the amount of a pledge is to come."""

    ONCE = "once", "Once"
    MONTHLY = "monthly", "Every month"
    YEARLY = "yearly", "Every year"


class Progress(Labelled):
    """Where a pledge stands."""

    NOT_BEGUN = "not_begun", "Not begun"
    ON_TIME = "on_time", "On time"
    AHEAD = "ahead", "Ahead"
    BEHIND = "behind", "Behind"
    FULFILLED = "fulfilled", "Fulfilled"
    LAPSED = "lapsed", "Lapsed"
    CANCELLED = "cancelled", "Cancelled"


MONTHS = {Rhythm.MONTHLY: 1, Rhythm.YEARLY: 12}
DAY = timedelta(days=1)
# Who gave for more months than that is told of no later day.
FARTHEST = 1_200


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or the last day of one that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`money` so often, from `since` to `until`, both included; without `until` there is no end."""

    money: Money
    rhythm: Rhythm
    since: date
    until: date | None = None

    def starts(self, number: int) -> date:
        """The first day for which the instalment of this number is, from 0."""
        return add_months(self.since, number * MONTHS.get(self.rhythm, 0))

    def count_begun(self, day: date) -> int:
        """How many instalments there are whose time has begun by a day."""
        last = min(day, self.until or day)
        if last < self.since:
            return 0
        if self.rhythm is Rhythm.ONCE:
            return 1
        months = (last.year - self.since.year) * 12 + last.month - self.since.month
        number = months // MONTHS[self.rhythm]
        return number + (1 if self.starts(number) <= last else 0)

    def count_due(self, day: date) -> int:
        """How many should have come before a day: those whose time is over."""
        begun = self.count_begun(day)
        return begun if begun and self.ends(begun - 1) < day else max(begun - 1, 0)

    def ends(self, number: int) -> date:
        """The last day on which the instalment of this number is on time."""
        if self.rhythm is Rhythm.ONCE:
            return self.until or self.since
        last = self.starts(number + 1) - DAY
        return min(last, self.until or last)

    def times(self, number: int) -> Money:
        return Money(self.money.minor * number, self.money.currency)

    @property
    def total(self) -> Money | None:
        """All of it; None where it has no end."""
        if self.rhythm is Rhythm.ONCE:
            return self.money
        return self.times(self.count_begun(self.until)) if self.until else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """`given` of what was pledged, against what is `due` by today.

    `next_day` is when the next instalment is due that isn't covered yet, None where none is.
    """

    state: Progress
    given: Money
    due: Money
    total: Money | None
    next_day: date | None

    @property
    def of(self) -> Money:
        """What it is measured by: all of it, or what is due where it has no end."""
        return self.total or self.due

    @property
    def share(self) -> int:
        """Whole per cent of that, rounded down, from 0 to 100."""
        of = self.of.minor
        return max(0, min(100, self.given.minor * 100 // of)) if of else 100 * bool(self.given)


def reckon(schedule: Schedule, given: Money, today: date, *, is_cancelled: bool) -> Reckoning:
    """How a pledge stands on a day; `given` is what came within its span, less what went back."""
    due = schedule.times(schedule.count_due(today))
    state = Progress.CANCELLED if is_cancelled else _judge(schedule, given, due, today)
    is_open = state not in {Progress.CANCELLED, Progress.FULFILLED, Progress.LAPSED}
    return Reckoning(
        state=state,
        given=given,
        due=due,
        total=schedule.total,
        next_day=_find_next(schedule, given) if is_open else None,
    )


def _judge(schedule: Schedule, given: Money, due: Money, today: date) -> Progress:
    total = schedule.total
    if total is not None and given >= total:
        return Progress.FULFILLED
    if schedule.until is not None and today > schedule.until:
        return Progress.LAPSED
    if today < schedule.since:
        return Progress.NOT_BEGUN
    if due and given < due:
        return Progress.BEHIND
    is_more = given > schedule.times(schedule.count_begun(today))
    return Progress.AHEAD if is_more else Progress.ON_TIME


def _find_next(schedule: Schedule, given: Money) -> date | None:
    """The last day of the first instalment that what was given doesn't cover."""
    covered = max(given.minor, 0) // schedule.money.minor
    number = min(covered, FARTHEST)
    return schedule.ends(number if schedule.rhythm is not Rhythm.ONCE else 0)
