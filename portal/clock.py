"""Time, asked for in one place so that a test or a sandbox can say what time it is."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Anything that tells the time as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class OffsetClock:
    """The machine's clock, moved forward by an amount that only ever grows."""

    offset: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        """Move time forward; a clock that ran backwards would un-happen things."""
        if by < timedelta():
            raise ValueError("time only moves forward")
        self.offset += by


@dataclass
class FixedClock:
    """A clock that stands still until it is set."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def day_in(timezone: str, at: datetime) -> date:
    """The day that `at` is on the calendar of a place."""
    return at.astimezone(ZoneInfo(timezone)).date()


def read_day(text: str) -> date | None:
    """A day like 2026-11-23; None for anything else."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
