"""The first page: what came in, what is open, what is stuck."""

import threading
import time
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Generic, TypeVar

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.gifts.lifecycle import Status
from portal.i18n import gettext
from portal.intake.admission import count_starts
from portal.money import Money
from portal.payments.models import DONE, EventState, Outcome, StripeEvent
from portal.payments.providers import Inbox, ProviderBusy, ProviderUnavailable, StillWaiting
from portal.staff.access import current_actor, staff
from portal.staff.labels import SOURCES, say, say_problem
from portal.staff.names import all_currencies
from portal.staff.queries import (
    MANY,
    OPEN_STATES,
    OTHERS_STATES,
    PAGE,
    count_by_status,
    count_open_events,
    list_failing_emails,
    list_open_events,
    name_gifts,
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


@staff.get("/events")
def events() -> ResponseReturnValue:
    """What is stuck; with `?of=others`, what came here and is not ours."""
    of_others = request.args.get("of") == "others"
    states = OTHERS_STATES if of_others else OPEN_STATES
    with services().database.read() as session:
        found = list_open_events(session, request.args.get("before", type=int), states)
        gifts = name_gifts(session, [f"gift:{one.gift_id}" for one in found if one.gift_id])
    return render_template(
        "staff/events.html",
        events=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        gifts=gifts,
        of_others=of_others,
        jobs=[] if of_others else services().jobs.failed(PAGE),
    )


@staff.post("/events/<int:event_id>/retry")
def retry_event(event_id: int) -> ResponseReturnValue:
    with services().write(current_actor()) as act:
        event = act.session.get(StripeEvent, event_id) or abort(404)
        act.note("event_retry", f"event:{event_id}", {"event": event.stripe_event_id})
    flash(_apply_again(event))
    return redirect(url_for("staff.events"), 303)


@staff.post("/events/<int:event_id>/claim")
def claim_event(event_id: int) -> ResponseReturnValue:
    """Book what names another, on a person's word."""
    with services().write(current_actor()) as act:
        event = act.session.get(StripeEvent, event_id) or abort(404)
        if event.state is not EventState.NOT_OURS:
            abort(409)
        act.note("event_claim", f"event:{event_id}", {"event": event.stripe_event_id})
    outcome = _inbox_of(event).claim(services(), event_id)
    is_booked = outcome.state is EventState.PROCESSED
    flash(gettext("The event is booked.") if is_booked else _say_why(outcome))
    return redirect(url_for("staff.events", of="others"), 303)


@staff.post("/jobs/<job_id>/retry")
def retry_job(job_id: str) -> ResponseReturnValue:
    if all(job.id != job_id for job in services().jobs.failed()):
        abort(404)
    with services().write(current_actor()) as act:
        act.note("job_retry", "jobs", {"job": job_id})
    services().jobs.retry(job_id)
    flash(gettext("The job will be tried again within seconds."))
    return redirect(url_for("staff.events"), 303)


def _inbox_of(event: StripeEvent) -> Inbox:
    """Who can apply the event; 404 where they are no longer here."""
    provider = services().providers.find(event.provider)
    return (provider and provider.inbox) or abort(404)


def _apply_again(event: StripeEvent) -> str:
    """Try the event now; the sentence that says what came of it."""
    try:
        outcome = _inbox_of(event).retry(services(), event.id)
    except StillWaiting as error:
        return _say_why(error.outcome)
    except ProviderBusy:
        return gettext(
            "%(provider)s takes no more requests at this moment. The event is kept; try again in "
            "a minute.",
            provider=say(SOURCES, event.provider),
        )
    except ProviderUnavailable:
        return gettext(
            "%(provider)s can’t be reached just now. The event is kept; try again in a minute.",
            provider=say(SOURCES, event.provider),
        )
    if outcome.state in DONE and not outcome.problem:
        return gettext("The event is booked.")
    return _say_why(outcome)


def _say_why(outcome: Outcome) -> str:
    """Why it was not: it waits, can't be read, or is none of ours."""
    why = say_problem(outcome.problem) or gettext("Its gift is not known yet.")
    return gettext("The event was not booked. %(why)s", why=why)
