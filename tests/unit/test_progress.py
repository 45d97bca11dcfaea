"""How a pledge stands: every rhythm and span, on the days around which it changes."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gifts.progress import Progress, Reckoning, Rhythm, Schedule, reckon
from portal.money import Money

ONCE, MONTHLY, YEARLY = Rhythm


def cad(minor: int) -> Money:
    return Money(minor, "CAD")


def plan(rhythm: Rhythm, since: str, until: str = "", minor: int = 5000) -> Schedule:
    last = date.fromisoformat(until) if until else None
    return Schedule(money=cad(minor), rhythm=rhythm, since=date.fromisoformat(since), until=last)


def look(schedule: Schedule, given: int, day: str, *, cancelled: bool = False) -> Reckoning:
    return reckon(schedule, cad(given), date.fromisoformat(day), is_cancelled=cancelled)


THREE_YEARS = plan(YEARLY, "2024-07-01", "2027-06-30")
YEAR = plan(MONTHLY, "2026-01-31", "2026-12-31")
ENDLESS = plan(MONTHLY, "2026-01-01")
TOTAL = plan(ONCE, "2026-01-01", "2026-12-31")


@pytest.mark.parametrize(
    ("schedule", "given", "day", "due", "state"),
    [
        (TOTAL, 0, "2025-12-31", 0, "not_begun"),
        (TOTAL, 0, "2026-12-31", 0, "on_time"),
        (TOTAL, 4999, "2026-12-31", 0, "on_time"),
        (TOTAL, 5000, "2026-01-01", 0, "fulfilled"),
        (TOTAL, 4999, "2027-01-01", 5000, "lapsed"),
        (TOTAL, 6000, "2027-01-01", 5000, "fulfilled"),
        (plan(ONCE, "2026-01-01"), 0, "2026-01-02", 5000, "behind"),
        (plan(ONCE, "2026-01-01"), 0, "2026-01-01", 0, "on_time"),
        # A month's instalment is due with its last day; what was given for it is in time.
        (ENDLESS, 0, "2026-01-31", 0, "on_time"),
        (ENDLESS, 5000, "2026-01-01", 0, "on_time"),
        (ENDLESS, 5001, "2026-01-01", 0, "ahead"),
        (ENDLESS, 4999, "2026-02-01", 5000, "behind"),
        (ENDLESS, 5000, "2026-02-01", 5000, "on_time"),
        (ENDLESS, 60_000, "2026-12-01", 55_000, "on_time"),
        (ENDLESS, 10**9, "2026-12-01", 55_000, "ahead"),
        # From the last day of January on: the instalments begin on the last days of months.
        (YEAR, 0, "2026-02-27", 0, "on_time"),
        (YEAR, 0, "2026-02-28", 5000, "behind"),
        (YEAR, 60_000, "2026-06-01", 20_000, "fulfilled"),
        (YEAR, 59_999, "2027-01-01", 60_000, "lapsed"),
        # The middle year of three has its part, and the next one's isn't asked for before.
        (THREE_YEARS, 5000, "2025-06-30", 0, "on_time"),
        (THREE_YEARS, 5000, "2025-07-01", 5000, "on_time"),
        (THREE_YEARS, 5000, "2026-06-30", 5000, "on_time"),
        (THREE_YEARS, 5000, "2026-07-01", 10_000, "behind"),
        (THREE_YEARS, 15_000, "2026-07-01", 10_000, "fulfilled"),
        # More went back than came.
        (ENDLESS, -100, "2026-01-31", 0, "on_time"),
    ],
)
def test_what_is_due_and_how_it_stands(
    schedule: Schedule, given: int, day: str, due: int, state: str
) -> None:
    found = look(schedule, given, day)
    assert (found.due.minor, found.state) == (due, Progress(state))


def test_a_cancelled_one_asks_for_nothing_more() -> None:
    found = look(ENDLESS, 0, "2027-01-01", cancelled=True)
    assert (found.state, found.next_day) == (Progress.CANCELLED, None)


def test_the_next_day_is_that_of_what_is_not_covered() -> None:
    assert look(ENDLESS, 0, "2026-01-05").next_day == date(2026, 1, 31)
    assert look(ENDLESS, 12_000, "2026-01-05").next_day == date(2026, 3, 31)
    assert look(YEAR, 5000, "2026-02-01").next_day == date(2026, 3, 30)
    assert look(TOTAL, 100, "2026-02-01").next_day == date(2026, 12, 31)
    assert look(TOTAL, 5000, "2026-02-01").next_day is None


def test_the_share_is_whole_per_cent_rounded_down() -> None:
    assert look(TOTAL, 4999, "2026-02-01").share == 99
    assert look(ENDLESS, 0, "2026-01-05").share == 0
    assert look(ENDLESS, 10_000, "2026-02-01").share == 100
    assert look(ENDLESS, -5, "2026-02-01").share == 0


DAYS = st.dates(date(1990, 1, 1), date(2199, 12, 31))


@given(st.sampled_from(Rhythm), DAYS, DAYS, DAYS, st.integers(-(10**15), 10**15))
def test_every_pledge_stands_somehow_and_nothing_due_is_more_than_begun(
    rhythm: Rhythm, first: date, last: date, today: date, given: int
) -> None:
    since, until = sorted((first, last))
    for end in (until, None):
        schedule = Schedule(money=cad(1), rhythm=rhythm, since=since, until=end)
        found = reckon(schedule, cad(given), today, is_cancelled=False)
        assert 0 <= schedule.count_due(today) <= schedule.count_begun(today)
        assert 0 <= found.share <= 100
        if schedule.total is not None and today > (end or since):
            assert found.due == schedule.total
