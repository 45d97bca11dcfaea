"""The first page: what came in, what is open, what is stuck."""

from calendar import monthrange
from datetime import UTC, date, datetime

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.gifts.day_sums import sum_received
from portal.i18n import gettext
from portal.mail.bounces import bounces_account
from portal.payments.models import DONE, EventState, Outcome, StripeEvent
from portal.payments.providers import Inbox, ProviderBusy, ProviderUnavailable, StillWaiting
from portal.signin.accounts import Role
from portal.staff.access import current_actor, may, staff
from portal.staff.labels import SOURCES, say, say_problem
from portal.staff.queries import (
    MANY,
    OPEN_STATES,
    OTHERS_STATES,
    PAGE,
    FirstStep,
    StepState,
    add_findings,
    count_open,
    list_failing_emails,
    list_open_events,
    list_steps,
    name_gifts,
)
from portal.web import services, utc_now

SHOWN_EMAILS = 10


@staff.get("/")
def dashboard() -> ResponseReturnValue:
    first, last = days_of_month(utc_now())
    with services().database.look() as session:
        received = sum_received(session, first, last)
        work = count_open(session, utc_now())
        failing_emails = list_failing_emails(session, SHOWN_EMAILS) if work.letters else []
        steps = _list_steps(session)
    return render_template(
        "staff/dashboard.html",
        pages=_find_pages(),
        steps=[] if all(state.is_done for state in steps) else steps,
        received=received,
        work=work,
        reads_bounces=may(Role.FINANCE) and bounces_account(services().settings) is not None,
        failing_emails=failing_emails,
        shown_emails=SHOWN_EMAILS,
        many=MANY,
        is_closed=not services().catalogue.open,
        is_crowded=work.starts >= max(services().settings.free_starts, 1),
    )


def _find_pages() -> dict[str, str]:
    """Where a step is taken, for who may."""
    if not may(Role.ADMIN):
        return {}
    return {
        FirstStep.STAFF: url_for("staff.users"),
        FirstStep.ISSUER: url_for("staff.issuers"),
        FirstStep.REGION: url_for("staff.regions"),
    }


def _list_steps(session: Session) -> list[StepState]:
    """The way to the first gift; a demo has been shown it."""
    settings = services().settings
    if settings.environment == "demo":
        return []
    return list_steps(session, settings, services().catalogue, host=request.host)


@staff.get("/first-steps")
def first_steps() -> ResponseReturnValue:
    """The steps as the doctor proves them: Stripe, the mail server the address are asked."""
    settings = services().settings
    with services().database.read() as session:
        steps = list_steps(session, settings, services().catalogue, host=request.host)
    proven = add_findings(steps, current_app.extensions["doctor"](settings))
    return render_template("staff/first_steps.html", steps=proven, pages=_find_pages())


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
