"""How far a campaign is: in days of its zone, and in whole per cent."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.gifts.code_weighing import Goal, count_days_left
from portal.money import Money


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), 30),
        (datetime(2026, 3, 31, 3, 59, tzinfo=UTC), 1),
        (datetime(2026, 3, 31, 4, 0, tzinfo=UTC), 0),
        (datetime(2026, 4, 1, 3, 59, tzinfo=UTC), 0),
    ],
)
def test_days_are_the_zones(now: datetime, left: int) -> None:
    toronto = ZoneInfo("America/Toronto")
    ends_at = datetime(2026, 4, 1, tzinfo=toronto)
    assert count_days_left(ends_at, now, toronto) == left
    assert count_days_left(None, now, toronto) is None


def test_a_day_is_whole_over_a_change_of_the_clock() -> None:
    toronto = ZoneInfo("America/Toronto")
    for month, day in ((3, 8), (11, 1)):
        ends_at = datetime(2026, month, day, tzinfo=toronto) + timedelta(days=2)
        now = datetime(2026, month, day, 0, 0, tzinfo=toronto)
        assert count_days_left(ends_at.astimezone(UTC), now, toronto) == 1


@pytest.mark.parametrize(
    ("raised", "share"), [(-1, 0), (0, 0), (99, 0), (9_999, 99), (10_000, 100), (30_000, 100)]
)
def test_a_goal_is_full_only_when_it_is_reached(raised: int, share: int) -> None:
    goal = Goal(wanted=Money(10_000, "CAD"), raised=Money(raised, "CAD"))
    assert goal.share == share
