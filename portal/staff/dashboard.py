"""The first page: what came in, what is open, what is stuck."""

from calendar import monthrange
from datetime import UTC, date, datetime

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from portal.gifts.lifecycle import Status
from portal.money import Money
from portal.payments.crowd import count_starts
from portal.staff.access import staff
from portal.staff.labels import MESSAGES
from portal.staff.names import all_currencies, current_cache
from portal.staff.queries import (
    MANY,
    count_by_status,
    count_open_events,
    list_failing_emails,
    sum_received,
)
from portal.staff.recent import Recent
from portal.web import services, utc_now

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
        messages=MESSAGES,
        failed_jobs=len(services().jobs.failed(MOST_JOBS)),
        most_jobs=MOST_JOBS,
        many=MANY,
        starts=starts,
        is_closed=not current_cache().get().open,
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
