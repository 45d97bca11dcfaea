"""The first page: what came in, what is open, what is stuck."""

import threading
import time
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Generic, TypeVar

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from portal.gifts.lifecycle import Status
from portal.intake.admission import count_starts
from portal.money import Money
from portal.staff.access import staff
from portal.staff.names import all_currencies
from portal.staff.queries import (
    MANY,
    count_by_status,
    count_open_events,
    list_failing_emails,
    sum_received,
)
from portal.web import services, utc_now

Value = TypeVar("Value")

# Not more than a hundredth of the time goes into computing it.
TIMES_AS_LONG = 100


@dataclass
class Recent(Generic[Value]):
    """The last value computed, and when; safe to share by threads.

    A value that took a millisecond is kept for a tenth of a second, one that took half a
    second for nearly a minute. `seconds` is the clock that measures both.
    """

    seconds: Callable[[], float] = time.monotonic
    _value: Value | None = None
    _key: object = None
    _at: datetime | None = None
    _kept_until: float = 0.0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, key: object, compute: Callable[[], Value], now: datetime
    ) -> tuple[Value, datetime]:
        """The value for `key` and the moment it was true."""
        with self._turn:
            started = self.seconds()
            if self._value is None or key != self._key or started >= self._kept_until:
                self._value, self._key, self._at = compute(), key, now
                done = self.seconds()
                self._kept_until = done + (done - started) * TIMES_AS_LONG
            return self._value, self._at or now


SHOWN = (
    Status.PENDING,
    Status.PARTLY_PAID,
    Status.PROCESSING,
    Status.FAILED,
    Status.DISPUTED,
)
MOST_JOBS = 50
SHOWN_EMAILS = 10


@staff.get("/")
def dashboard() -> ResponseReturnValue:
    received, as_of = _received()
    with services().database.read() as session:
        counts = count_by_status(session, SHOWN)
        failed_events = count_open_events(session)
        starts = count_starts(session, utc_now())
        failing_emails = list_failing_emails(session, SHOWN_EMAILS)
    return render_template(
        "staff/dashboard.html",
        as_of=as_of,
        received=received,
        counts=counts,
        failed_events=failed_events,
        failing_emails=failing_emails,
        shown_emails=SHOWN_EMAILS,
        failed_jobs=len(services().jobs.failed(MOST_JOBS)),
        most_jobs=MOST_JOBS,
        many=MANY,
        starts=starts,
        is_closed=not services().catalogue.open,
        is_crowded=starts >= max(services().settings.free_starts, 1),
    )


def _received() -> tuple[list[Money], datetime]:
    """What came in this month, and as of when: at ten million gifts the sum takes a while."""
    first, last = days_of_month(utc_now())
    recent: Recent[list[Money]] = current_app.extensions["staff_received"]

    def add_up() -> list[Money]:
        with services().database.read() as session:
            return sum_received(session, all_currencies(), first, last)

    return recent.get(first, add_up, utc_now())


def days_of_month(now: datetime) -> tuple[date, date]:
    """The first and the last day of the month that it is in UTC."""
    today = now.astimezone(UTC).date()
    return today.replace(day=1), today.replace(day=monthrange(today.year, today.month)[1])
